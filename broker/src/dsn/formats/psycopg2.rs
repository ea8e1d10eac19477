//! A connection URI for psycopg2 (<https://www.psycopg.org/docs/module.html#psycopg2.connect>).

use crate::dsn::formats::{LIBPQ_ALONE, Reader, Spec, TEXT};
use crate::dsn::reader::Roots;

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: TEXT,
    postgres: Some(&Reader {
        driver: "psycopg2 2.9",
        // As psycopg's wheels, those of psycopg2-binary look for the system's roots where no system has them.
        roots: Roots::Bundle,
        open: "import psycopg2\n\nconnection = psycopg2.connect(dsn)",
        ..LIBPQ_ALONE
    }),
    mysql: None,
};
