//! A connection URI for psycopg 3 (<https://www.psycopg.org/psycopg3/docs/api/connections.html>).

use crate::dsn::formats::{LIBPQ_ALONE, Reader, Spec, TEXT};
use crate::dsn::reader::{Pooled, Roots};

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: TEXT,
    postgres: Some(&Reader {
        driver: "psycopg 3.3",
        // The OpenSSL within its wheels looks for the system's roots where no system has them.
        roots: Roots::Bundle,
        pooled: Pooled::InCode("import psycopg\n\nconnection = psycopg.connect(dsn, prepare_threshold=None)"),
        open: "import psycopg\n\nconnection = psycopg.connect(dsn)",
        ..LIBPQ_ALONE
    }),
    mysql: None,
};
