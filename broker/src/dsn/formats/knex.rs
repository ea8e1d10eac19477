//! Knex's configuration (<https://knexjs.org/guide/#configuration-options>).

use crate::dsn::Parameter::{
    ApplicationName, CaPem, CleartextPlugin, ConnectMillis, Dbname, Host, Password, Port, Sslnegotiation,
    User,
};
use crate::dsn::formats::mysql2::MYSQL2;
use crate::dsn::formats::node_postgres_options::NODE_POSTGRES;
use crate::dsn::formats::{JSON, Reader, Spec};
use crate::dsn::object::object;

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: JSON,
    postgres: Some(&Reader {
        driver: "Knex 3.3 with node-postgres 8.23",
        says: &[
            (Host, "connection.host"),
            (Port, "connection.port"),
            (User, "connection.user"),
            (Password, "connection.password"),
            (Dbname, "connection.database"),
            (Host, "connection.ssl.host"),
            (CaPem, "connection.ssl.ca"),
            (Sslnegotiation, "connection.sslnegotiation"),
            (ConnectMillis, "connection.connectionTimeoutMillis"),
            (ApplicationName, "connection.application_name"),
        ],
        open: OPEN,
        render: |settings| {
            object(r#"{"client":"pg","connection":{"ssl":{"rejectUnauthorized":true}}}"#, settings)
        },
        ..NODE_POSTGRES
    }),
    mysql: Some(&Reader {
        driver: "Knex 3.3 with mysql2 3.24",
        says: &[
            (Host, "connection.host"),
            (Port, "connection.port"),
            (User, "connection.user"),
            (Password, "connection.password"),
            (Dbname, "connection.database"),
            (CaPem, "connection.ssl.ca"),
            (CleartextPlugin, "connection.enableCleartextPlugin"),
            (ConnectMillis, "connection.connectTimeout"),
            (ApplicationName, "connection.connectAttributes.program_name"),
        ],
        open: OPEN,
        render: |settings| {
            let always = r#"{"client":"mysql2","connection":{"ssl":{"rejectUnauthorized":true,"verifyIdentity":true}}}"#;
            object(always, settings)
        },
        ..MYSQL2
    }),
};

const OPEN: &str = "import knex from 'knex';\n\nconst db = knex(JSON.parse(dsn));";
