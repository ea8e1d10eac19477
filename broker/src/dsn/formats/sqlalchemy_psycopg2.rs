//! A URL for SQLAlchemy with psycopg2
//! (<https://docs.sqlalchemy.org/en/21/dialects/postgresql.html#module-sqlalchemy.dialects.postgresql.psycopg2>).

use crate::dsn::formats::sqlalchemy_psycopg::{OPEN, UNDECODED};
use crate::dsn::formats::{LIBPQ_ALONE, Reader, Spec, TEXT};
use crate::dsn::reader::Roots;
use crate::dsn::uri::uri;

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: TEXT,
    postgres: Some(&Reader {
        driver: "SQLAlchemy 2.1 with psycopg2 2.9",
        roots: Roots::Bundle,
        traps: &[UNDECODED],
        open: OPEN,
        render: |settings| uri("postgresql+psycopg2", settings),
        ..LIBPQ_ALONE
    }),
    mysql: None,
};
