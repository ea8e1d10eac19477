//! A connection URI for mysql2 (<https://sidorares.github.io/node-mysql2/docs/examples/connections/create-connection>),
//! in which options that are objects are JSON. Without `verifyIdentity` it would not look for the host in the certificate.

use serde_json::Value as Json;

use crate::dsn::Parameter::{
    ApplicationName, CaPem, CleartextPlugin, ConnectMillis, Dbname, Host, Password, Port, User,
};
use crate::dsn::formats::node_postgres_options::NODE_ROOTS;
use crate::dsn::formats::{MYSQL_URL, Reader, Spec, TEXT};
use crate::dsn::object::nested;
use crate::dsn::reader::{Ca, Modes, Timeout, Trusts};
use crate::dsn::uri::{SPECIAL, uri_of};
use crate::dsn::{Settings, Value};

pub(in crate::dsn) const SPEC: Spec = Spec { media_type: TEXT, postgres: None, mysql: Some(&MYSQL2) };

/// Whoever connects with mysql2.
pub(super) const MYSQL2: Reader = Reader {
    driver: "mysql2 3.24",
    says: &[
        (Host, "host"),
        (Port, "port"),
        (User, "user"),
        (Password, "password"),
        (Dbname, "database"),
        (CaPem, "ssl.ca"),
        (CleartextPlugin, "enableCleartextPlugin"),
        (ConnectMillis, "connectTimeout"),
        (ApplicationName, "connectAttributes.program_name"),
    ],
    modes: Modes::ALL,
    ca: Ca::Pem,
    trust: Trusts::Exclusive,
    timeout: Timeout::InText,
    // The server is verified by the time that it asks.
    cleartext: true,
    // It looks for `localhost` in their certificates, and cannot be told otherwise.
    addresses: false,
    traps: &[NODE_ROOTS],
    open: "import mysql from 'mysql2/promise';\n\nconst pool = mysql.createPool(dsn);",
    render,
    ..MYSQL_URL
};

fn render(settings: &Settings<'_>) -> String {
    let always = r#"{"ssl":{"rejectUnauthorized":true,"verifyIdentity":true}}"#;
    let options: Vec<_> = nested(always, settings.options())
        .into_iter()
        .map(|(name, value)| match value {
            Json::String(text) => (name, text),
            other => (name, other.to_string()),
        })
        .collect();
    let options = options.iter().map(|(name, value)| (&**name, Value::Text(value)));
    uri_of("mysql", settings, SPECIAL, options)
}
