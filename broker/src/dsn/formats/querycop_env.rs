//! `GATEKEEPER_BACKEND_…=…`: how Querycop, a proxy, reaches this database and verifies it.
//!
//! It is about the backend, whatever clients connect to, and holds no secret: Querycop passes on the user and the
//! password that its client shows. `verify-ca` and `verify-full` take a CA file, always: it has no trust of its own.

use crate::dsn::Parameter::{Host, Port, Sslmode, Sslrootcert};
use crate::dsn::formats::{LIBPQ, Reader, Spec, TEXT};
use crate::dsn::posix::push_quoted;
use crate::dsn::reader::{ChannelBinding, DirectTls, Roots, Timeout};
use crate::dsn::{Settings, Value};

const QUERYCOP: Reader = Reader {
    says: &[(Host, "HOST"), (Port, "PORT"), (Sslmode, "TLS_MODE"), (Sslrootcert, "TLS_CA_FILE")],
    roots: Roots::Bundle,
    channel_binding: ChannelBinding::None,
    direct_tls: DirectTls::Ignored,
    timeout: Timeout::InCode,
    open: "querycop",
    render,
    ..LIBPQ
};

pub(in crate::dsn) const SPEC: Spec =
    Spec { media_type: TEXT, postgres: Some(&QUERYCOP), mysql: Some(&QUERYCOP) };

fn render(settings: &Settings<'_>) -> String {
    let mut text = String::with_capacity(256);
    settings.expose().for_each(|(name, value)| push(&mut text, name, value));
    if settings.text(Sslmode) == Value::Text("verify-full") {
        push(&mut text, "TLS_SERVER_NAME", settings.text(Host));
    }
    text
}

fn push(text: &mut String, name: &str, value: Value<'_>) {
    text.push_str("GATEKEEPER_BACKEND_");
    text.push_str(name);
    text.push('=');
    // Without quotes, which `docker run --env-file` takes for a part of the value.
    if value.with_text(|value| value.bytes().all(is_plain)) {
        value.with_text(|value| text.push_str(value));
    } else {
        push_quoted(value, text);
    }
    text.push('\n');
}

/// What means itself to shells, Docker and systemd.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'/' | b':')
}
