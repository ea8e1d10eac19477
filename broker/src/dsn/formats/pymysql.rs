//! What `connect` of PyMySQL takes (<https://pymysql.readthedocs.io/en/latest/modules/connections.html>), with what makes
//! its TLS context beside that, under a name that `connect` does not know: a program that forgets to make it gets an error.
//! `ssl` in that place would be taken for options of another kind, and most of those verify nothing.

use crate::dsn::Parameter::{
    ApplicationName, CaPem, ConnectTimeout, Dbname, Host, Password, Port, Sslrootcert, User,
};
use crate::dsn::formats::{JSON, MYSQL_URL, Reader, Spec};
use crate::dsn::object::object;
use crate::dsn::reader::{Ca, Modes, Timeout, Trusts};

pub(in crate::dsn) const SPEC: Spec = Spec { media_type: JSON, postgres: None, mysql: Some(&PYMYSQL) };

pub(super) const PYMYSQL: Reader = Reader {
    driver: "PyMySQL 1.2",
    says: &[
        (Host, "host"),
        (Port, "port"),
        (User, "user"),
        (Password, "password"),
        (Dbname, "database"),
        (Sslrootcert, "ssl_context.cafile"),
        (CaPem, "ssl_context.cadata"),
        (ConnectTimeout, "connect_timeout"),
        (ApplicationName, "program_name"),
    ],
    modes: Modes::ALL,
    ca: Ca::Pem,
    trust: Trusts::Exclusive,
    timeout: Timeout::InText,
    // It does so whenever the server asks; by then its certificate is verified.
    cleartext: true,
    // Passwords are sent in Latin-1.
    takes: |parameter, value| parameter != Password || value.is_ascii(),
    traps: &[
        "`connect_timeout` is over once TCP is connected; `read_timeout` bounds what comes then, and each query",
    ],
    open: OPEN,
    render: |settings| object(r#"{"ssl_context":{}}"#, settings),
    ..MYSQL_URL
};

const OPEN: &str = "\
import json
import ssl

import pymysql

options = json.loads(dsn)
context = ssl.create_default_context(**options.pop(\"ssl_context\"))
connection = pymysql.connect(ssl=context, **options)";
