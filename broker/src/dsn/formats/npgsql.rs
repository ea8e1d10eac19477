//! A connection string for Npgsql (<https://www.npgsql.org/doc/connection-string-parameters.html>).

use crate::dsn::Parameter::{
    ApplicationName, ChannelBinding, ConnectTimeout, Dbname, Host, Password, Port, Sslmode, Sslnegotiation,
    Sslrootcert, User,
};
use crate::dsn::formats::{LIBPQ, Reader, Spec, TEXT};
use crate::dsn::reader::{Modes, Pooled, Roots, Seen, When};
use crate::dsn::{Settings, Value};

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: TEXT,
    postgres: Some(&Reader {
        driver: "Npgsql 10",
        seen: Seen::InSource,
        says: &[
            (Host, "Host"),
            (Port, "Port"),
            (User, "Username"),
            (Password, "Password"),
            (Dbname, "Database"),
            (Sslmode, "SSL Mode"),
            (Sslrootcert, "Root Certificate"),
            (Sslnegotiation, SSL_NEGOTIATION),
            (ChannelBinding, CHANNEL_BINDING),
            (ConnectTimeout, "Timeout"),
            (ApplicationName, "Application Name"),
        ],
        // By default it would prefer encryption by GSSAPI to TLS, whatever SSL Mode says.
        always: &[("GSS Encryption Mode", Value::Text("Disable"))],
        modes: Modes { verify_full: "VerifyFull", verify_ca: Some("VerifyCA"), plaintext: Some("Disable") },
        roots: Roots::Silence,
        takes: |parameter, text| match parameter {
            ConnectTimeout => text.parse::<u32>().is_ok_and(|seconds| seconds <= LONGEST_TIMEOUT),
            // They come in lists, with ports, or as paths of sockets.
            Host => !text.contains([',', '/', '\\', ' ']),
            _ => true,
        },
        pooled: Pooled::InText(&[
            ("No Reset On Close", Value::Flag(true)),
            ("Max Auto Prepare", Value::Number(0)),
        ]),
        needs: &[
            (When::Always, "Npgsql 10: earlier ones stop at GSS Encryption Mode"),
            (When::DirectTls, "Npgsql 9 for SSL Negotiation=Direct, and a server of version 17"),
            (When::ChannelBinding, "Npgsql 8 for Channel Binding=Require"),
        ],
        traps: &[
            "without a CA in the text, that of PGSSLROOTCERT or of ~/.postgresql/root.crt is trusted where there is one, and else the system's roots",
        ],
        open: "\
using Npgsql;

await using var dataSource = NpgsqlDataSource.Create(dsn);
await using var connection = await dataSource.OpenConnectionAsync();",
        render,
        ..LIBPQ
    }),
    mysql: None,
};

/// In seconds; it refuses more.
const LONGEST_TIMEOUT: u32 = 1024;

/// What is said of libpq's parameters of these names has one value.
const SSL_NEGOTIATION: &str = "SSL Negotiation";
const CHANNEL_BINDING: &str = "Channel Binding";

/// `Key="value";…`, each value in quotes
/// (<https://learn.microsoft.com/en-us/dotnet/framework/data/adonet/connection-string-syntax>).
fn render(settings: &Settings<'_>) -> String {
    let mut text = String::with_capacity(512);
    for (name, value) in settings.expose() {
        let value = match name {
            SSL_NEGOTIATION => Value::Text("Direct"),
            CHANNEL_BINDING => Value::Text("Require"),
            _ => value,
        };
        text.extend([name, "=\""]);
        value.with_text(|value| text.push_str(&value.replace('"', "\"\"")));
        text.push_str("\";");
    }
    text.pop();
    text
}
