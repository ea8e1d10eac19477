//! A connection URI for Diesel (<https://docs.diesel.rs/2.3.x/diesel/pg/struct.PgConnection.html>), which has libpq read it.

use crate::dsn::formats::{LIBPQ_ALONE, Reader, Spec, TEXT};
use crate::dsn::reader::Pooled;

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: TEXT,
    postgres: Some(&Reader {
        driver: "Diesel 2.3 on libpq 15 to 18",
        pooled: Pooled::InCode(
            "\
use diesel::connection::CacheSize;
use diesel::prelude::*;

let mut connection = PgConnection::establish(dsn)?;
connection.set_prepared_statement_cache_size(CacheSize::Disabled);",
        ),
        open: "use diesel::prelude::*;\n\nlet mut connection = PgConnection::establish(dsn)?;",
        ..LIBPQ_ALONE
    }),
    mysql: None,
};
