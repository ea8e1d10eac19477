//! `host:port:dbname:user:password`, a line of a password file
//! (<https://www.postgresql.org/docs/current/libpq-pgpass.html>).

use crate::dsn::{Parameter, Parameters, Target};

pub(super) fn render(_: &Target<'_>, parameters: &Parameters<'_>) -> String {
    let mut line = String::with_capacity(256);
    for parameter in FIELDS {
        if !line.is_empty() {
            line.push(':');
        }
        parameters.text(parameter).with_text(|field| escape(field, &mut line));
    }
    line.push('\n');
    line
}

fn escape(field: &str, line: &mut String) {
    // A lone `*` matches anything, and a `#` in front makes the line a comment.
    if field == "*" || field.starts_with('#') {
        line.push('\\');
    }
    for letter in field.chars() {
        if matches!(letter, '\\' | ':') {
            line.push('\\');
        }
        line.push(letter);
    }
}

const FIELDS: [Parameter; 5] =
    [Parameter::Host, Parameter::Port, Parameter::Dbname, Parameter::User, Parameter::Password];
