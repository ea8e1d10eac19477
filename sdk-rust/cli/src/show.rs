//! What is said to people and to scripts.

use std::io::Write as _;

use anstyle::{AnsiColor, Style};
use dsn_broker_sdk::Dsn;
use serde_json::{Value, json};

/// What is well, what is wrong, and what is only there for order.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const FAINT: Style = Style::new().dimmed();

/// A text as it is, on a line of its own.
pub(crate) fn text(text: &str) -> anyhow::Result<()> {
    // It goes without colours where nobody sees them, or NO_COLOR is set.
    Ok(writeln!(anstream::stdout(), "{}", text.trim_end_matches('\n'))?)
}

/// An answer, for scripts.
pub(crate) fn json(value: &Value) -> anyhow::Result<()> {
    text(&serde_json::to_string_pretty(value)?)
}

/// A DSN with all that goes with it.
pub(crate) fn whole(dsn: &Dsn) -> anyhow::Result<()> {
    json(&json!({
        "lease_id": dsn.lease_id(),
        "role": dsn.role(),
        "database": dsn.database(),
        "engine": dsn.engine(),
        "endpoint": dsn.endpoint(),
        "format": dsn.format(),
        "dsn": dsn.text(),
        "ca_pem": dsn.ca_pem(),
        "shared": dsn.is_shared(),
        "refresh_after": dsn.refresh_after(),
        "expires_at": dsn.expires_at(),
    }))
}

/// What a record says, a line for each of its fields.
pub(crate) fn record(value: &Value) -> anyhow::Result<()> {
    let fields = value.as_object().into_iter().flatten().filter(|(_, value)| !is_nothing(value));
    table(&fields.map(|(name, value)| vec![style(FAINT, name), cell(value)]).collect::<Vec<_>>())
}

/// What the records in this field say in these fields, a line each.
pub(crate) fn records(value: &Value, field: &str, names: &[&str]) -> anyhow::Result<()> {
    let empty = Vec::new();
    let records = value.get(field).and_then(Value::as_array).unwrap_or(&empty);
    if records.is_empty() {
        return text(&style(FAINT, &format!("no {field}")));
    }
    let head = names.iter().map(|name| style(FAINT, name)).collect();
    let line = |record: &Value| {
        names.iter().map(|name| record.get(name).map_or_else(String::new, cell)).collect::<Vec<_>>()
    };
    let lines: Vec<_> = std::iter::once(head).chain(records.iter().map(line)).collect();
    table(&lines)
}

/// Lines whose cells are under one another.
pub(crate) fn table(lines: &[Vec<String>]) -> anyhow::Result<()> {
    let width = |cell: &String| anstream::adapter::strip_str(cell).to_string().chars().count();
    let columns = lines.iter().map(Vec::len).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns)
        .map(|column| lines.iter().filter_map(|line| line.get(column)).map(width).max().unwrap_or_default())
        .collect();
    for line in lines {
        let cells = line.iter().zip(&widths).map(|(cell, wide)| {
            let gap = wide.saturating_sub(width(cell));
            format!("{cell}{}", " ".repeat(gap))
        });
        text(cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

/// A text that is seen as what it is.
pub(crate) fn style(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(cell).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

/// What went wrong, on the standard error.
pub(crate) fn error(error: &anyhow::Error) {
    note(&format!("{error:#}"));
}

/// What someone who looks may want to know.
pub(crate) fn note(text: &str) {
    // There is nobody left to tell.
    let _ = writeln!(std::io::stderr(), "dsn: {text}");
}
