//! A URL for diesel-async (<https://docs.rs/diesel-async/0.9>), which has tokio-postgres read it.

use crate::dsn::formats::tokio_postgres::{self, tls};
use crate::dsn::formats::{Reader, Spec, TEXT};
use crate::dsn::reader::Pooled;

macro_rules! open {
    ($imports:literal, $rest:literal) => {
        concat!(
            $imports,
            tls!(),
            "\
let limit = config.get_connect_timeout().copied().unwrap_or_default();
let connecting = config.connect(MakeRustlsConnect::new(tls));
let (client, connection) = tokio::time::timeout(limit, connecting).await??;
",
            $rest
        )
    };
}

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: TEXT,
    postgres: Some(&Reader {
        driver: "diesel-async 0.9 with tokio-postgres-rustls 0.14",
        pooled: Pooled::InCode(open!(
            "use diesel::connection::CacheSize;\nuse diesel_async::{AsyncConnection, AsyncPgConnection};\n",
            "\
let mut connection = AsyncPgConnection::try_from_client_and_connection(client, connection).await?;
connection.set_prepared_statement_cache_size(CacheSize::Disabled);"
        )),
        open: open!(
            "use diesel_async::AsyncPgConnection;\n",
            "let mut connection = AsyncPgConnection::try_from_client_and_connection(client, connection).await?;"
        ),
        ..tokio_postgres::READER
    }),
    mysql: None,
};
