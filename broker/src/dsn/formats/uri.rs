//! `postgresql://user:password@host:port/dbname?key=value`
//! (<https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS>), and `mysql://…`.

use crate::dsn::formats::{LIBPQ, MYSQL_URL, Spec, TEXT};

pub(in crate::dsn) const SPEC: Spec =
    Spec { media_type: TEXT, postgres: Some(&LIBPQ), mysql: Some(&MYSQL_URL) };
