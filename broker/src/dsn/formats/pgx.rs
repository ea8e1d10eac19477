//! A connection URI for pgx 5 (<https://pkg.go.dev/github.com/jackc/pgx/v5/pgconn#ParseConfig>).

use crate::dsn::Value;
use crate::dsn::formats::{LIBPQ, Reader, Spec, TEXT};
use crate::dsn::reader::{Pooled, When};

pub(in crate::dsn) const SPEC: Spec = Spec { media_type: TEXT, postgres: Some(&READER), mysql: None };

pub(super) const READER: Reader = Reader {
    driver: "pgx 5.12",
    pooled: Pooled::InText(&[("default_query_exec_mode", Value::Text("exec"))]),
    needs: &[
        (When::SystemRoots, "pgx 5.7 for sslrootcert=system"),
        (When::DirectTls, "pgx 5.7.5 for sslnegotiation=direct, and a server of version 17"),
        (
            When::ChannelBinding,
            "pgx 5.12 for channel_binding=require: 5.9 to 5.11 let a server by that asks for no password, and earlier ones do not know it",
        ),
    ],
    traps: &[
        "pgxpool.New(ctx, dsn) takes the same text, and so does sql.Open(\"pgx\", dsn) with github.com/jackc/pgx/v5/stdlib",
    ],
    open: "\
import (
	\"context\"

	\"github.com/jackc/pgx/v5\"
)

connection, err := pgx.Connect(context.Background(), dsn)",
    ..LIBPQ
};
