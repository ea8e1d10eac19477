//! A URL for diesel-async (<https://docs.rs/diesel-async/0.9>), which has tokio-postgres read it.

use crate::dsn::formats::tokio_postgres::{self, tls};
use crate::dsn::formats::{Reader, Spec, TEXT};
use crate::dsn::reader::Pooled;

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: TEXT,
    postgres: Some(&Reader {
        driver: "diesel-async 0.9 with tokio-postgres-rustls 0.14",
        // It gives statements names even where it is told to keep none.
        pooled: Pooled::Needs("PgBouncer 1.21 with max_prepared_statements"),
        open: concat!(
            "use diesel_async::AsyncPgConnection;\n",
            tls!(),
            "\
let limit = config.get_connect_timeout().copied().unwrap_or_default();
let connecting = config.connect(MakeRustlsConnect::new(tls));
let (client, connection) = tokio::time::timeout(limit, connecting).await??;
let mut connection = AsyncPgConnection::try_from_client_and_connection(client, connection).await?;"
        ),
        ..tokio_postgres::READER
    }),
    mysql: None,
};
