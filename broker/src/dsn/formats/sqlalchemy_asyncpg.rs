//! A URL for SQLAlchemy with asyncpg
//! (<https://docs.sqlalchemy.org/en/21/dialects/postgresql.html#module-sqlalchemy.dialects.postgresql.asyncpg>).
//!
//! SQLAlchemy makes arguments of `connect` of what stands behind the `?`, and `connect` has none for the file of a CA. But
//! it has one for a whole URI of libpq's kind, which asyncpg reads itself: that is within the URL, with all but the place.

use percent_encoding::utf8_percent_encode;

use crate::dsn::Parameter::{
    ApplicationName, Dbname, Host, Password, Port, Sslmode, Sslnegotiation, Sslrootcert, TargetSessionAttrs,
    User,
};
use crate::dsn::Settings;
use crate::dsn::formats::sqlalchemy_psycopg::UNDECODED;
use crate::dsn::formats::{LIBPQ, Reader, Spec, TEXT};
use crate::dsn::reader::{ChannelBinding, Pooled, Roots, Timeout, When};
use crate::dsn::uri::{SPECIAL, push_options, uri_of};

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: TEXT,
    postgres: Some(&Reader {
        driver: "SQLAlchemy 2.1 with asyncpg 0.32",
        says: &[
            (Host, "host"),
            (Port, "port"),
            (User, "user"),
            (Password, "password"),
            (Dbname, "dbname"),
            (Sslmode, "sslmode"),
            (Sslrootcert, "sslrootcert"),
            (Sslnegotiation, "sslnegotiation"),
            (TargetSessionAttrs, "target_session_attrs"),
            (ApplicationName, "application_name"),
        ],
        roots: Roots::Bundle,
        channel_binding: ChannelBinding::None,
        timeout: Timeout::InCode,
        pooled: Pooled::InCode(OPEN_POOLED),
        needs: &[(When::DirectTls, "asyncpg 0.30 for sslnegotiation=direct, and a server of version 17")],
        traps: &[UNDECODED],
        open: "from sqlalchemy.ext.asyncio import create_async_engine\n\n\
               engine = create_async_engine(dsn, connect_args={\"timeout\": 10})",
        render,
        ..LIBPQ
    }),
    mysql: None,
};

const OPEN_POOLED: &str = "\
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine(
    dsn,
    connect_args={\"timeout\": 10, \"statement_cache_size\": 0, \"prepared_statement_cache_size\": 0},
)";

fn render(settings: &Settings<'_>) -> String {
    // Who comes stands outside, where SQLAlchemy knows what not to print.
    let mut within = "postgresql://".to_owned();
    push_options(settings.options(), &mut within);
    let url = uri_of("postgresql+asyncpg", settings, SPECIAL, std::iter::empty());
    format!("{url}?dsn={}", utf8_percent_encode(&within, SPECIAL))
}
