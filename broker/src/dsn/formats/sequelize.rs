//! Sequelize's options (<https://sequelize.org/api/v6/class/src/sequelize.js~sequelize#instance-constructor-constructor>).

use crate::dsn::Parameter::{
    ApplicationName, CaPem, CleartextPlugin, ConnectMillis, Dbname, Host, Password, Port, User,
};
use crate::dsn::formats::mysql2::MYSQL2;
use crate::dsn::formats::node_postgres_options::{NODE_POSTGRES, NODE_ROOTS};
use crate::dsn::formats::{JSON, Reader, Spec};
use crate::dsn::object::object;
use crate::dsn::reader::DirectTls;

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: JSON,
    postgres: Some(&Reader {
        driver: "Sequelize 6.37 with node-postgres 8.23",
        says: &[
            (Host, "host"),
            (Port, "port"),
            (User, "username"),
            (Password, "password"),
            (Dbname, "database"),
            (Host, "dialectOptions.ssl.host"),
            (CaPem, "dialectOptions.ssl.ca"),
            (ConnectMillis, "dialectOptions.connectionTimeoutMillis"),
            (ApplicationName, "dialectOptions.application_name"),
        ],
        // It passes on only what it knows, and that is not among it.
        direct_tls: DirectTls::Ignored,
        needs: &[],
        traps: &[NODE_ROOTS],
        open: OPEN,
        render: |settings| {
            let always = r#"{"dialect":"postgres","dialectOptions":{"ssl":{"rejectUnauthorized":true}}}"#;
            object(always, settings)
        },
        ..NODE_POSTGRES
    }),
    mysql: Some(&Reader {
        driver: "Sequelize 6.37 with mysql2 3.24",
        says: &[
            (Host, "host"),
            (Port, "port"),
            (User, "username"),
            (Password, "password"),
            (Dbname, "database"),
            (CaPem, "dialectOptions.ssl.ca"),
            (CleartextPlugin, "dialectOptions.enableCleartextPlugin"),
            (ConnectMillis, "dialectOptions.connectTimeout"),
            (ApplicationName, "dialectOptions.connectAttributes.program_name"),
        ],
        open: OPEN,
        render: |settings| {
            let always = r#"{"dialect":"mysql","dialectOptions":{"ssl":{"rejectUnauthorized":true,"verifyIdentity":true}}}"#;
            object(always, settings)
        },
        ..MYSQL2
    }),
};

const OPEN: &str =
    "import { Sequelize } from 'sequelize';\n\nconst sequelize = new Sequelize(JSON.parse(dsn));";
