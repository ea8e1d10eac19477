//! The options of postgres.js (<https://github.com/porsager/postgres#all-postgres-options>).

use crate::dsn::Parameter::{
    ApplicationName, CaPem, ConnectTimeout, Dbname, Host, Password, Port, Sslnegotiation, TargetSessionAttrs,
    User,
};
use crate::dsn::Value;
use crate::dsn::formats::node_postgres_options::NODE_ROOTS;
use crate::dsn::formats::{JSON, LIBPQ, Reader, Spec};
use crate::dsn::object::object;
use crate::dsn::reader::{Ca, ChannelBinding, Modes, Pooled, Roots, When};

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: JSON,
    postgres: Some(&Reader {
        driver: "postgres.js 3.4",
        says: &[
            (Host, "host"),
            (Port, "port"),
            (User, "username"),
            (Password, "password"),
            (Dbname, "database"),
            // What to look for in the certificate: it is `localhost` where the host is an address.
            (Host, "ssl.host"),
            (CaPem, "ssl.ca"),
            (Sslnegotiation, "sslnegotiation"),
            (TargetSessionAttrs, "target_session_attrs"),
            (ConnectTimeout, "connect_timeout"),
            (ApplicationName, "connection.application_name"),
        ],
        modes: Modes::ALL,
        roots: Roots::Silence,
        ca: Ca::Pem,
        channel_binding: ChannelBinding::None,
        takes: |parameter, value| match parameter {
            // It takes what stands behind a colon for a port.
            Host => !value.contains(':'),
            // It refuses `any`, and with one server it never comes to what `prefer-standby` falls back to.
            TargetSessionAttrs => !matches!(value, "any" | "prefer-standby"),
            _ => true,
        },
        pooled: Pooled::InText(&[("prepare", Value::Flag(false))]),
        needs: &[(
            When::DirectTls,
            "postgres.js 3.4.8 for sslnegotiation=direct, and a server of version 17",
        )],
        traps: &[NODE_ROOTS, "of a server without TLS it says no more than that the connection was reset"],
        open: "import postgres from 'postgres';\n\nconst sql = postgres(JSON.parse(dsn));",
        render: |settings| object(r#"{"ssl":{"rejectUnauthorized":true}}"#, settings),
        ..LIBPQ
    }),
    mysql: None,
};
