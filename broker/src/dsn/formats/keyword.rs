//! `key='value' …`
//! (<https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-KEYWORD-VALUE>).

use crate::dsn::formats::{ARGUMENTS, LIBPQ_ALONE, Reader, Spec, TEXT};
use crate::dsn::{Settings, Value};

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: TEXT,
    postgres: Some(&Reader { traps: &[ARGUMENTS], render, ..LIBPQ_ALONE }),
    mysql: None,
};

fn render(settings: &Settings<'_>) -> String {
    conninfo(settings.expose())
}

/// These keywords and values, as libpq reads them.
pub(super) fn conninfo<'a>(pairs: impl Iterator<Item = (&'static str, Value<'a>)>) -> String {
    let mut text = String::with_capacity(512);
    for (keyword, value) in pairs {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(keyword);
        text.push_str("='");
        value.with_text(|value| quote(value, &mut text));
        text.push('\'');
    }
    text
}

fn quote(value: &str, text: &mut String) {
    for letter in value.chars() {
        if matches!(letter, '\\' | '\'') {
            text.push('\\');
        }
        text.push(letter);
    }
}
