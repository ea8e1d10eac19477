//! A connection URI for PHP's `pg_connect` (<https://www.php.net/manual/function.pg-connect.php>).

use crate::dsn::formats::{LIBPQ_ALONE, Reader, Spec, TEXT};
use crate::dsn::reader::Roots;

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: TEXT,
    postgres: Some(&Reader {
        driver: "pgsql of PHP 8.2",
        // It is built with whatever libpq is there, which may be too old for the word.
        roots: Roots::Bundle,
        traps: &["where it cannot connect, it returns false and warns; it throws nothing"],
        open: "$connection = pg_connect($dsn);",
        ..LIBPQ_ALONE
    }),
    mysql: None,
};
