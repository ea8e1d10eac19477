//! A URL for deadpool-postgres (<https://docs.rs/deadpool-postgres/0.14>), which has tokio-postgres read it.

use crate::dsn::formats::tokio_postgres::{self, tls};
use crate::dsn::formats::{Reader, Spec, TEXT};

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: TEXT,
    postgres: Some(&Reader {
        driver: "deadpool-postgres 0.14 with tokio-postgres-rustls 0.14",
        open: concat!(
            "use deadpool_postgres::{Manager, Pool, Runtime};\n",
            tls!(),
            "\
let limit = config.get_connect_timeout().copied();
let manager = Manager::new(config, MakeRustlsConnect::new(tls));
let pool = Pool::builder(manager).create_timeout(limit).runtime(Runtime::Tokio1).build()?;"
        ),
        ..tokio_postgres::READER
    }),
    mysql: None,
};
