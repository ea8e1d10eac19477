//! The options of Prisma's driver adapters (<https://www.prisma.io/docs/orm/overview/databases/database-drivers>).
//!
//! The adapter for MariaDB and MySQL brings a driver of its own, mariadb 3.4, which answers a server that calls itself
//! MariaDB before it has verified it. So it is given a pool of a later one.

use crate::dsn::Parameter::{ApplicationName, CaPem, ConnectMillis, Dbname, Host, Password, Port, User};
use crate::dsn::formats::mariadb_js::MARIADB_JS;
use crate::dsn::formats::node_postgres_options::{NODE_POSTGRES, NODE_ROOTS};
use crate::dsn::formats::{JSON, Reader, Spec};
use crate::dsn::object::object;
use crate::dsn::reader::When;

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: JSON,
    postgres: Some(&Reader {
        driver: "Prisma 7.10 with @prisma/adapter-pg",
        traps: &[CLIENT, MIGRATE, NODE_ROOTS],
        open: "import { PrismaPg } from '@prisma/adapter-pg';\n\nconst adapter = new PrismaPg(JSON.parse(dsn));",
        ..NODE_POSTGRES
    }),
    mysql: Some(&Reader {
        driver: "Prisma 7.10 with @prisma/adapter-mariadb and mariadb 3.5",
        says: &[
            (Host, "host"),
            (Port, "port"),
            (User, "user"),
            (Password, "password"),
            (Dbname, "database"),
            (Host, "ssl.host"),
            (CaPem, "ssl.ca"),
            (ConnectMillis, "connectTimeout"),
            (ConnectMillis, "acquireTimeout"),
            (ApplicationName, "connectAttributes.program_name"),
        ],
        needs: &[(
            When::Always,
            "mariadb 3.5.4 beside the adapter: the one that the adapter brings answers a server before it has verified it",
        )],
        traps: &[
            CLIENT,
            MIGRATE,
            "give the adapter the pool, and never the options: with these it connects in its own, unsafe way",
            "without `ssl.ca` a server that calls itself MariaDB 11.4 or later may have any certificate, if only it knows the password: keep the line that sets it",
            "the pool opens all its connections at the start: 10, unless `connectionLimit` says otherwise",
        ],
        open: "import { rootCertificates } from 'node:tls';\nimport { PrismaMariaDb } from '@prisma/adapter-mariadb';\nimport mariadb from 'mariadb';\n\nconst options = JSON.parse(dsn);\noptions.ssl.ca ??= rootCertificates;\nconst adapter = new PrismaMariaDb(mariadb.createPool(options), { disposeExternalPool: true });",
        // As the adapter has it where it makes the pool itself.
        render: |settings| object(r#"{"ssl":{"rejectUnauthorized":true},"prepareCacheLength":0}"#, settings),
        ..MARIADB_JS
    }),
};

const CLIENT: &str = "give the adapter to your own client: `new PrismaClient({ adapter })`";

const MIGRATE: &str = "`prisma migrate` connects in another way: give it a URL of the format `prisma-6`";
