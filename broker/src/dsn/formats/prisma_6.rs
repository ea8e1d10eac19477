//! A URL for Prisma's engine, which is its own reader of URLs: what it does not know, it ignores, and `sslmode=verify-full` is
//! among that (<https://www.prisma.io/docs/orm/v6/overview/databases/postgresql>; `quaint/src/connector` of
//! prisma-engines). Without `sslaccept=strict` it verifies nothing.

use crate::dsn::Parameter::{
    ApplicationName, ChannelBinding, ConnectTimeout, Dbname, Host, Password, Port, Sslmode, Sslrootcert, User,
};
use crate::dsn::formats::{LIBPQ, MYSQL_URL, Reader, Spec, TEXT};
use crate::dsn::reader::{DirectTls, Modes, Pooled, Roots, Seen, Timeout, Trusts};
use crate::dsn::uri::uri;
use crate::dsn::{Parameter, Value};

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: TEXT,
    postgres: Some(&Reader {
        driver: "the engine of Prisma 6",
        seen: Seen::InSource,
        says: &[
            (Host, "host"),
            (Port, "port"),
            (User, "user"),
            (Password, "password"),
            (Dbname, "dbname"),
            (Sslmode, "sslmode"),
            (Sslrootcert, "sslcert"),
            (ChannelBinding, "channel_binding"),
            (ConnectTimeout, "connect_timeout"),
            (ApplicationName, "application_name"),
        ],
        modes: Modes { verify_full: "require", verify_ca: None, plaintext: Some("disable") },
        roots: Roots::Silence,
        trust: Trusts::Additive,
        direct_tls: DirectTls::Ignored,
        takes,
        pooled: Pooled::InText(&[("pgbouncer", Value::Text("true"))]),
        needs: &[],
        traps: TRAPS,
        open: OPEN,
        render: |settings| uri("postgresql", settings) + "&sslaccept=strict",
        ..LIBPQ
    }),
    mysql: Some(&Reader {
        driver: "the engine of Prisma 6",
        seen: Seen::InSource,
        says: &[
            (Host, "host"),
            (Port, "port"),
            (User, "user"),
            (Password, "password"),
            (Dbname, "dbname"),
            (Sslmode, "sslaccept"),
            (Sslrootcert, "sslcert"),
            (ConnectTimeout, "connect_timeout"),
        ],
        modes: Modes { verify_full: "strict", verify_ca: None, plaintext: None },
        timeout: Timeout::InText,
        takes,
        traps: TRAPS,
        open: OPEN,
        ..MYSQL_URL
    }),
};

/// It does not decode the database.
fn takes(parameter: Parameter, value: &str) -> bool {
    parameter != Dbname || value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

const TRAPS: &[&str] = &["of a file with several certificates it reads the first alone"];

const OPEN: &str = "import { PrismaClient } from '@prisma/client';\n\nconst prisma = new PrismaClient({ datasourceUrl: dsn });";
