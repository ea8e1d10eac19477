//! A URL for SQLAlchemy with MySQL Connector/Python
//! (<https://docs.sqlalchemy.org/en/21/dialects/mysql.html#module-sqlalchemy.dialects.mysql.mysqlconnector>).

use crate::dsn::Parameter::{ConnectTimeout, Dbname, Host, Password, Port, Sslmode, Sslrootcert, User};
use crate::dsn::formats::mysql_connector_python::CONNECTOR;
use crate::dsn::formats::sqlalchemy_psycopg::{OPEN, UNDECODED};
use crate::dsn::formats::{Reader, Spec, TEXT};
use crate::dsn::reader::Modes;
use crate::dsn::uri::uri;

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: TEXT,
    postgres: None,
    mysql: Some(&Reader {
        driver: "SQLAlchemy 2.1 with MySQL Connector/Python 26.10, without its C extension",
        says: &[
            (Host, "host"),
            (Port, "port"),
            (User, "user"),
            (Password, "password"),
            (Dbname, "dbname"),
            (Sslmode, "ssl_verify_identity"),
            (Sslrootcert, "ssl_ca"),
            (ConnectTimeout, "connection_timeout"),
        ],
        // Any word is a yes to it.
        modes: Modes { verify_full: "true", ..Modes::ALL },
        traps: &[UNDECODED],
        open: OPEN,
        render: |settings| uri("mysql+mysqlconnector", settings) + "&ssl_verify_cert=true&use_pure=true",
        ..CONNECTOR
    }),
};
