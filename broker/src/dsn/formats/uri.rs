//! `postgresql://user:password@host:port/dbname?key=value`
//! (<https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS>), and `mysql://…`.

use crate::dsn::formats::{LIBPQ, MYSQL_URL, Reader, Spec, TEXT};

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: TEXT,
    postgres: Some(&LIBPQ),
    // It is for many, who have formats of their own for their lines.
    mysql: Some(&Reader { open: "", ..MYSQL_URL }),
};
