//! A URL for SQLAlchemy with PyMySQL
//! (<https://docs.sqlalchemy.org/en/21/dialects/mysql.html#module-sqlalchemy.dialects.mysql.pymysql>).
//!
//! SQLAlchemy makes an object of what begins with `ssl_`, and PyMySQL verifies nothing where that names no CA; so the
//! system's roots are said by their path.

use crate::dsn::Parameter::{
    ApplicationName, ConnectTimeout, Dbname, Host, Password, Port, Sslmode, Sslrootcert, User,
};
use crate::dsn::formats::pymysql::PYMYSQL;
use crate::dsn::formats::sqlalchemy_psycopg::{OPEN, UNDECODED};
use crate::dsn::formats::{Reader, Spec, TEXT};
use crate::dsn::reader::{Ca, Modes, Roots};
use crate::dsn::uri::uri;

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: TEXT,
    postgres: None,
    mysql: Some(&Reader {
        driver: "SQLAlchemy 2.1 with PyMySQL 1.2",
        says: &[
            (Host, "host"),
            (Port, "port"),
            (User, "user"),
            (Password, "password"),
            (Dbname, "dbname"),
            (Sslmode, "ssl_check_hostname"),
            (Sslrootcert, "ssl_ca"),
            (ConnectTimeout, "connect_timeout"),
            (ApplicationName, "program_name"),
        ],
        modes: Modes { verify_full: "true", verify_ca: Some("false"), plaintext: None },
        roots: Roots::Bundle,
        ca: Ca::Path,
        traps: &[
            "with `ssl_verify_identity` in place of `ssl_check_hostname` it forgets the CA, and no host name is verified",
            UNDECODED,
        ],
        open: OPEN,
        render: |settings| uri("mysql+pymysql", settings),
        ..PYMYSQL
    }),
};
