//! `postgresql://user:password@host:port/dbname?key=value`
//! (<https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS>), and `mysql://…`.

use crate::dsn::formats::{
    ARGUMENTS, GSS, LIBPQ, MYSQL_URL, PRISMA_6_READS_IT, Reader, SQLX_READS_IT, Spec, TEXT,
};

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: TEXT,
    postgres: Some(&Reader { traps: &[ARGUMENTS, GSS, PRISMA_6_READS_IT, SQLX_READS_IT], ..LIBPQ }),
    // It is for many, who have formats of their own for their lines.
    mysql: Some(&Reader { open: "", ..MYSQL_URL }),
};
