//! A URL for SQLAlchemy with mysqlclient
//! (<https://docs.sqlalchemy.org/en/21/dialects/mysql.html#module-sqlalchemy.dialects.mysql.mysqldb>).

use crate::dsn::Parameter::{ConnectTimeout, Dbname, Host, Password, Port, Sslmode, Sslrootcert, User};
use crate::dsn::formats::mysqlclient::MYSQLCLIENT;
use crate::dsn::formats::sqlalchemy_psycopg::{OPEN, UNDECODED};
use crate::dsn::formats::{Reader, Spec, TEXT};
use crate::dsn::uri::uri;

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: TEXT,
    postgres: None,
    mysql: Some(&Reader {
        driver: "SQLAlchemy 2.1 with mysqlclient 2.3",
        says: &[
            (Host, "host"),
            (Port, "port"),
            (User, "user"),
            (Password, "password"),
            (Dbname, "dbname"),
            (Sslmode, "ssl_mode"),
            (Sslrootcert, "ssl_ca"),
            (ConnectTimeout, "connect_timeout"),
        ],
        traps: &[UNDECODED],
        open: OPEN,
        render: |settings| uri("mysql+mysqldb", settings),
        ..MYSQLCLIENT
    }),
};
