//! A connection string for Npgsql (<https://www.npgsql.org/doc/connection-string-parameters.html>).

use crate::dsn::Parameter::{
    ApplicationName, ChannelBinding, ConnectTimeout, Dbname, Host, Password, Port, Sslmode, Sslnegotiation,
    Sslrootcert, User,
};
use crate::dsn::Value;
use crate::dsn::ado::{self, ado};
use crate::dsn::formats::{LIBPQ, Reader, Spec, TEXT};
use crate::dsn::reader::{Modes, Pooled, Roots, Seen, When};

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
            (Sslnegotiation, ado::SSL_NEGOTIATION),
            (ChannelBinding, ado::CHANNEL_BINDING),
            (ConnectTimeout, "Timeout"),
            (ApplicationName, "Application Name"),
        ],
        // By default it would prefer encryption by GSSAPI to TLS, whatever SSL Mode says.
        always: &[("GSS Encryption Mode", Value::Text("Disable"))],
        modes: Modes { verify_full: "VerifyFull", verify_ca: Some("VerifyCA"), plaintext: Some("Disable") },
        roots: Roots::Silence,
        takes: |parameter, text| match parameter {
            ConnectTimeout => text.parse::<u32>().is_ok_and(|seconds| seconds <= LONGEST_TIMEOUT),
            _ => ado::takes(parameter, text),
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
        render: ado,
        ..LIBPQ
    }),
    mysql: None,
};

/// In seconds; it refuses more.
const LONGEST_TIMEOUT: u32 = 1024;
