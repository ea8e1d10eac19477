//! `name="value"`, an option file for the clients of MariaDB
//! (<https://mariadb.com/kb/en/configuring-mariadb-with-option-files/>).
//!
//! The clients of MySQL do not know `ssl-verify-server-cert` and stop: no file makes both of them verify the server.
//! `enable-cleartext-plugin` is left out: these clients show a password, where the server asks for that, without being
//! told to; by then its certificate is verified. What the sessions call themselves is left out, since these clients do
//! not let one say it.

use crate::dsn::{Format, Parameter, Parameters, RenderError, Target, Value};

pub(super) fn render(_: &Target<'_>, parameters: &Parameters<'_>) -> String {
    let mut text = String::with_capacity(512);
    // The host `localhost` would be taken for a socket, which has no TLS.
    text.push_str("[client]\nprotocol=tcp\n");
    for parameter in CLIENT {
        if parameters.has(parameter) {
            push_line(parameter, parameters, &mut text);
        }
    }
    // It must have a value: libmariadb takes the name alone for nothing.
    text.push_str(match parameters.text(Parameter::Sslmode) {
        Value::Text("DISABLED") => "ssl=0\nssl-verify-server-cert=0\n",
        _ => "ssl-verify-server-cert=1\n",
    });
    // Other programs than this one stop at a database.
    text.push_str("[mariadb-client]\n");
    push_line(Parameter::Dbname, parameters, &mut text);
    text
}

/// Refuses what these clients have no words for.
pub(super) fn check(parameters: &Parameters<'_>) -> Result<(), RenderError> {
    let why = if parameters.text(Parameter::Sslmode) == Value::Text("VERIFY_CA") {
        "cannot say that the host name is not verified: its clients verify all or nothing; use `json` or `uri`"
    } else if parameters.expose().any(|(_, value)| value.with_text(is_long)) {
        "holds no line as long as that: its readers cut it; use `json` or `uri`"
    } else {
        return Ok(());
    };
    Err(RenderError::NotInFormat { format: Format::MyCnf, why })
}

fn push_line(parameter: Parameter, parameters: &Parameters<'_>, text: &mut String) {
    text.push_str(name(parameter, parameters));
    text.push_str("=\"");
    parameters.text(parameter).with_text(|value| escape(value, text));
    text.push_str("\"\n");
}

fn is_long(value: &str) -> bool {
    value.len() + value.matches(SPECIAL).count() > LONGEST_VALUE
}

fn name(parameter: Parameter, parameters: &Parameters<'_>) -> &'static str {
    match parameter {
        Parameter::Dbname => "database",
        _ => parameter.keyword(parameters.protocol()),
    }
}

fn escape(value: &str, text: &mut String) {
    for letter in value.chars() {
        if SPECIAL.contains(&letter) {
            text.push('\\');
        }
        text.push(letter);
    }
}

/// What each client reads.
const CLIENT: [Parameter; 6] = [
    Parameter::Host,
    Parameter::Port,
    Parameter::User,
    Parameter::Password,
    Parameter::Sslrootcert,
    Parameter::ConnectTimeout,
];

/// What a backslash has to stand in front of.
const SPECIAL: [char; 2] = ['\\', '"'];

/// In bytes; the clients read lines into 4096 of them (`mysys/my_default.c`).
const LONGEST_VALUE: usize = 4000;
