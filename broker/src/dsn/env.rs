//! `export PGHOST='…'`, for a POSIX shell to source
//! (<https://www.postgresql.org/docs/current/libpq-envars.html>).

use crate::dsn::{Parameter, Parameters, Target};

pub(super) fn render(_: &Target<'_>, parameters: &Parameters<'_>) -> String {
    let mut text = String::with_capacity(512);
    // A service would win over everything below, the TLS mode included; an address over the host; and
    // the attributes of a text sourced earlier would outlive it.
    text.push_str("unset PGSERVICE PGHOSTADDR");
    for parameter in [Parameter::ChannelBinding, Parameter::TargetSessionAttrs, Parameter::Sslnegotiation] {
        if !parameters.has(parameter) {
            text.push(' ');
            text.push_str(parameter.variable());
        }
    }
    text.push('\n');
    for (parameter, value) in parameters.expose() {
        text.push_str("export ");
        text.push_str(parameter.variable());
        text.push_str("='");
        value.with_text(|value| quote(value, &mut text));
        text.push_str("'\n");
    }
    text
}

/// Inside single quotes a shell reads everything as it stands, except their end (POSIX XCU §2.2.2).
fn quote(value: &str, text: &mut String) {
    for letter in value.chars() {
        match letter {
            '\'' => text.push_str(r"'\''"),
            _ => text.push(letter),
        }
    }
}
