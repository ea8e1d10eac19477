//! `GATEKEEPER_BACKEND_…=…`: how Querycop, a proxy, reaches this database and verifies it.
//!
//! It is about the backend, whatever clients connect to, and holds no secret: Querycop passes on the user and the
//! password that its client shows. `verify-ca` and `verify-full` take a CA file, always: it has no trust of its own.

use crate::dsn::{Mode, Parameter, Parameters, Target, Value};

pub(super) fn render(target: &Target<'_>, parameters: &Parameters<'_>) -> String {
    let mut text = String::with_capacity(256);
    let mode = match target.mode {
        Mode::VerifyFull => "verify-full",
        Mode::VerifyCa => "verify-ca",
        Mode::Plaintext => "disable",
    };
    push(&mut text, "HOST", parameters.text(Parameter::Host));
    push(&mut text, "PORT", parameters.text(Parameter::Port));
    push(&mut text, "TLS_MODE", Value::Text(mode));
    if parameters.has(Parameter::Sslrootcert) {
        push(&mut text, "TLS_CA_FILE", parameters.text(Parameter::Sslrootcert));
    }
    if target.mode == Mode::VerifyFull {
        push(&mut text, "TLS_SERVER_NAME", parameters.text(Parameter::Host));
    }
    text
}

fn push(text: &mut String, name: &str, value: Value<'_>) {
    text.push_str("GATEKEEPER_BACKEND_");
    text.push_str(name);
    text.push('=');
    value.with_text(|value| match value.bytes().all(is_plain) {
        // Without quotes, which `docker run --env-file` takes for a part of the value.
        true => text.push_str(value),
        false => {
            text.push('\'');
            text.push_str(&value.replace('\'', r"'\''"));
            text.push('\'');
        }
    });
    text.push('\n');
}

/// What means itself to shells, Docker and systemd.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'/' | b':')
}

/// What it tells.
pub(super) const TOLD: [Parameter; 4] =
    [Parameter::Host, Parameter::Port, Parameter::Sslmode, Parameter::Sslrootcert];
