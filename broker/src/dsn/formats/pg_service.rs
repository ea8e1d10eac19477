//! `[dsn]` and lines `key=value`, a file of services
//! (<https://www.postgresql.org/docs/current/libpq-pgservice.html>).
//!
//! There are no quotes in it: a value is what stands behind the `=`, without the blanks at its ends.

use crate::dsn::formats::{LIBPQ_ALONE, Reader, Spec, TEXT};
use crate::dsn::{Parameter, Settings};

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: TEXT,
    postgres: Some(&Reader {
        takes,
        traps: &[
            "what the program is told besides goes before what the file says: name the service alone",
            "psycopg 3 does not look for the timeout in it, and asyncpg stops at a `%`",
        ],
        open: "PGSERVICEFILE=/path/where/you/saved/it psql service=dsn",
        render,
        ..LIBPQ_ALONE
    }),
    mysql: None,
};

fn render(settings: &Settings<'_>) -> String {
    let mut text = "[dsn]\n".to_owned();
    for (key, value) in settings.expose() {
        text.push_str(key);
        text.push('=');
        value.with_text(|value| text.push_str(value));
        text.push('\n');
    }
    text
}

fn takes(parameter: Parameter, value: &str) -> bool {
    // On some systems these bytes are blanks, whatever letter they are the end of.
    let ends_in_blank = matches!(value.as_bytes().last(), Some(0x85 | 0xa0));
    let line = parameter.to_string().len() + "=".len() + value.len() + "\n".len();
    value.trim() == value && !ends_in_blank && line <= LONGEST_LINE
}

/// libpq reads lines into 1024 bytes, and refuses the file where one of them fills these.
const LONGEST_LINE: usize = 1022;
