//! What Drizzle passes on to node-postgres or mysql2 as `connection` (<https://orm.drizzle.team/docs/get-started-postgresql>).

use crate::dsn::formats::mysql2::MYSQL2;
use crate::dsn::formats::node_postgres_options::NODE_POSTGRES;
use crate::dsn::formats::{JSON, Reader, Spec};
use crate::dsn::object::object;

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: JSON,
    postgres: Some(&Reader {
        driver: "Drizzle 0.45 with node-postgres 8.23",
        open: "import { drizzle } from 'drizzle-orm/node-postgres';\n\nconst db = drizzle({ connection: JSON.parse(dsn) });",
        ..NODE_POSTGRES
    }),
    mysql: Some(&Reader {
        driver: "Drizzle 0.45 with mysql2 3.24",
        open: "import { drizzle } from 'drizzle-orm/mysql2';\n\nconst db = drizzle({ connection: JSON.parse(dsn) });",
        render: |settings| object(r#"{"ssl":{"rejectUnauthorized":true,"verifyIdentity":true}}"#, settings),
        ..MYSQL2
    }),
};
