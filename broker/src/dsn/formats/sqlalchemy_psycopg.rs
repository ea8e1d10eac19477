//! A URL for SQLAlchemy with psycopg 3
//! (<https://docs.sqlalchemy.org/en/21/dialects/postgresql.html#module-sqlalchemy.dialects.postgresql.psycopg>).

use crate::dsn::formats::{LIBPQ_ALONE, Reader, Spec, TEXT};
use crate::dsn::reader::{Pooled, Roots};
use crate::dsn::uri::uri;

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: TEXT,
    postgres: Some(&Reader {
        driver: "SQLAlchemy 2.1 with psycopg 3.3",
        roots: Roots::Bundle,
        pooled: Pooled::InCode(
            "from sqlalchemy import create_engine\n\nengine = create_engine(dsn, connect_args={\"prepare_threshold\": None})",
        ),
        traps: &[UNDECODED],
        open: OPEN,
        render: |settings| uri("postgresql+psycopg", settings),
        ..LIBPQ_ALONE
    }),
    mysql: None,
};

pub(super) const OPEN: &str = "from sqlalchemy import create_engine\n\nengine = create_engine(dsn)";

pub(super) const UNDECODED: &str = "SQLAlchemy before 2.1 does not decode the name of the database, and looks for another where it has special characters";
