//! What `connect` of MySQL Connector/Python takes
//! (<https://dev.mysql.com/doc/connector-python/en/connector-python-connectargs.html>).
//!
//! It is told to do without its extension in C, which cannot be told to trust the system's roots.

use crate::dsn::Parameter::{
    ApplicationName, ConnectTimeout, Dbname, Host, Password, Port, Sslrootcert, User,
};
use crate::dsn::formats::{JSON, MYSQL_URL, Reader, Spec};
use crate::dsn::object::object;
use crate::dsn::reader::{Modes, Timeout};

pub(in crate::dsn) const SPEC: Spec = Spec { media_type: JSON, postgres: None, mysql: Some(&CONNECTOR) };

pub(super) const CONNECTOR: Reader = Reader {
    driver: "MySQL Connector/Python 26.10, without its C extension",
    says: &[
        (Host, "host"),
        (Port, "port"),
        (User, "user"),
        (Password, "password"),
        (Dbname, "database"),
        (Sslrootcert, "ssl_ca"),
        (ConnectTimeout, "connection_timeout"),
        (ApplicationName, "conn_attrs.program_name"),
    ],
    modes: Modes::ALL,
    timeout: Timeout::InText,
    // It does so whenever the server asks, over TLS alone.
    cleartext: true,
    traps: &[],
    open: "import json\n\nimport mysql.connector\n\nconnection = mysql.connector.connect(**json.loads(dsn))",
    render: |settings| {
        object(r#"{"ssl_verify_cert":true,"ssl_verify_identity":true,"use_pure":true}"#, settings)
    },
    ..MYSQL_URL
};
