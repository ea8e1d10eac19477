//! Statements as `admin`, through the private socket.

use serde_json::{Value, json};

use super::State;

/// Runs one statement; what the API answers, also if the statement failed.
pub(super) async fn run(state: &State, statement: &str) -> Value {
    let statement = statement.trim().trim_end_matches(';');
    let command = statement.split_whitespace().next().unwrap_or_default().to_uppercase();
    let as_admin = "SET SESSION AUTHORIZATION admin;\n";
    if command != "SELECT" {
        return match state.postgres.execute(DBNAME, &format!("{as_admin}{statement};")).await {
            Ok(()) => {
                json!({ "columns": [], "rows": [], "row_count": 0, "command": command })
            }
            Err(error) => failed(&error),
        };
    }
    let rows = format!("{as_admin}SELECT coalesce(json_agg(found), '[]') FROM ({statement}) AS found;");
    match state.postgres.query_text(DBNAME, &rows).await {
        Ok(text) => answer(&serde_json::from_str(&text).unwrap_or_default()),
        Err(error) => failed(&error),
    }
}

/// Rows with names become lists, as the API has them.
fn answer(rows: &Value) -> Value {
    let rows: Vec<_> = rows.as_array().into_iter().flatten().filter_map(Value::as_object).collect();
    let columns: Vec<_> = rows.first().into_iter().flat_map(|row| row.keys()).collect();
    let values: Vec<Vec<_>> = rows.iter().map(|row| row.values().collect()).collect();
    json!({ "columns": columns, "row_count": values.len(), "rows": values, "command": "SELECT" })
}

fn failed(error: &anyhow::Error) -> Value {
    let text = error.to_string();
    let said = text.split_once("ERROR:").map_or(text.as_str(), |(_, said)| said.trim());
    let first = said.lines().next().unwrap_or_default();
    json!({ "columns": [], "rows": [], "row_count": 0, "command": "", "error": first })
}

/// What every database is called.
pub(super) const DBNAME: &str = "postgres";
