//! A URL for SQLAlchemy with asyncmy
//! (<https://docs.sqlalchemy.org/en/21/dialects/mysql.html#module-sqlalchemy.dialects.mysql.asyncmy>).
//!
//! The TLS context comes from the code. Without that, `ssl` of the URL is a word that asyncmy stops at: it would do
//! without TLS if there were none.

use crate::dsn::Parameter::{ApplicationName, ConnectTimeout, Dbname, Host, Password, Port, Sslmode, User};
use crate::dsn::formats::asyncmy::UNBOUNDED;
use crate::dsn::formats::pymysql::PYMYSQL;
use crate::dsn::formats::sqlalchemy_psycopg::UNDECODED;
use crate::dsn::formats::{Reader, Spec, TEXT};
use crate::dsn::reader::{Ca, Modes};
use crate::dsn::uri::uri;

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: TEXT,
    postgres: None,
    mysql: Some(&Reader {
        driver: "SQLAlchemy 2.1 with asyncmy 0.2",
        says: &[
            (Host, "host"),
            (Port, "port"),
            (User, "user"),
            (Password, "password"),
            (Dbname, "dbname"),
            (Sslmode, "ssl"),
            (ConnectTimeout, "connect_timeout"),
            (ApplicationName, "program_name"),
        ],
        modes: Modes { verify_full: "VERIFY_IDENTITY", ..Modes::ALL },
        ca: Ca::Code,
        traps: &[UNBOUNDED, UNDECODED],
        open: OPEN,
        render: |settings| uri("mysql+asyncmy", settings),
        ..PYMYSQL
    }),
};

const OPEN: &str = "\
import ssl

from sqlalchemy.ext.asyncio import create_async_engine

context = ssl.create_default_context(cadata=ca_pem)
engine = create_async_engine(dsn, connect_args={\"ssl\": context})";
