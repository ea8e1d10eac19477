//! The options of TypeORM's `DataSource` (<https://typeorm.io/docs/data-source/data-source-options>).

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
        driver: "TypeORM 1.1 with node-postgres 8.23",
        says: &[
            (Host, "host"),
            (Port, "port"),
            (User, "username"),
            (Password, "password"),
            (Dbname, "database"),
            (Host, "ssl.host"),
            (CaPem, "ssl.ca"),
            (Sslnegotiation, "extra.sslnegotiation"),
            (ConnectMillis, "connectTimeoutMS"),
            (ApplicationName, "applicationName"),
        ],
        open: OPEN,
        render: |settings| object(r#"{"type":"postgres","ssl":{"rejectUnauthorized":true}}"#, settings),
        ..NODE_POSTGRES
    }),
    mysql: Some(&Reader {
        driver: "TypeORM 1.1 with mysql2 3.24",
        says: &[
            (Host, "host"),
            (Port, "port"),
            (User, "username"),
            (Password, "password"),
            (Dbname, "database"),
            (CaPem, "ssl.ca"),
            (CleartextPlugin, "extra.enableCleartextPlugin"),
            (ConnectMillis, "connectTimeout"),
            (ApplicationName, "extra.connectAttributes.program_name"),
        ],
        open: OPEN,
        // Before 1.0 it would rather have the package `mysql`, which does not look for the host in the certificate.
        render: |settings| {
            let always = r#"{"type":"mysql","connectorPackage":"mysql2","ssl":{"rejectUnauthorized":true,"verifyIdentity":true}}"#;
            object(always, settings)
        },
        ..MYSQL2
    }),
};

const OPEN: &str = "import { DataSource } from 'typeorm';\n\nconst dataSource = await new DataSource(JSON.parse(dsn)).initialize();";
