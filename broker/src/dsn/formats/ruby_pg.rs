//! A connection URI for pg, Ruby's libpq (<https://deveiate.org/code/pg/PG/Connection.html>).

use crate::dsn::formats::{LIBPQ_ALONE, Reader, Spec, TEXT};
use crate::dsn::reader::Roots;

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: TEXT,
    postgres: Some(&Reader {
        driver: "pg 1.4",
        // It is built with whatever libpq is there, which may be too old for the word.
        roots: Roots::Bundle,
        open: "require \"pg\"\n\nconnection = PG.connect(dsn)",
        ..LIBPQ_ALONE
    }),
    mysql: None,
};
