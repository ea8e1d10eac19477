//! The formats, each as data and a function in a file of its own.

pub(super) mod activerecord;
pub(super) mod asyncmy;
pub(super) mod asyncpg;
pub(super) mod connector_j;
pub(super) mod deadpool_postgres;
pub(super) mod diesel;
pub(super) mod diesel_async;
pub(super) mod dj_database_url;
pub(super) mod django;
pub(super) mod dotenv;
pub(super) mod drizzle;
pub(super) mod env;
pub(super) mod go_sql_driver;
pub(super) mod gorm;
pub(super) mod json;
pub(super) mod keyword;
pub(super) mod knex;
pub(super) mod laravel;
pub(super) mod lib_pq;
pub(super) mod mariadb_connector_j;
pub(super) mod mariadb_js;
pub(super) mod my_cnf;
pub(super) mod mysql2;
pub(super) mod mysql_async;
pub(super) mod mysql_cnf;
pub(super) mod mysql_connector_python;
pub(super) mod mysqlclient;
pub(super) mod mysqli;
pub(super) mod node_postgres;
pub(super) mod node_postgres_options;
pub(super) mod npgsql;
pub(super) mod pdo;
pub(super) mod pg8000;
pub(super) mod pg_service;
pub(super) mod pgjdbc;
pub(super) mod pgpass;
pub(super) mod pgx;
pub(super) mod php_pg;
pub(super) mod postgres_js;
pub(super) mod prisma;
pub(super) mod prisma_6;
pub(super) mod psycopg;
pub(super) mod psycopg2;
pub(super) mod pymysql;
pub(super) mod querycop_env;
pub(super) mod ruby_mysql2;
pub(super) mod ruby_pg;
pub(super) mod sea_orm;
pub(super) mod sequelize;
pub(super) mod shell;
pub(super) mod spring;
pub(super) mod sqlalchemy_asyncmy;
pub(super) mod sqlalchemy_asyncpg;
pub(super) mod sqlalchemy_mysqlclient;
pub(super) mod sqlalchemy_mysqlconnector;
pub(super) mod sqlalchemy_psycopg;
pub(super) mod sqlalchemy_psycopg2;
pub(super) mod sqlalchemy_pymysql;
pub(super) mod sqlx;
pub(super) mod tokio_postgres;
pub(super) mod typeorm;
pub(super) mod uri;

use crate::dsn::Parameter::{
    self, ApplicationName, CaPem, ChannelBinding, ConnectTimeout, Dbname, Host, Password, Port, Sslmode,
    Sslnegotiation, Sslrootcert, TargetSessionAttrs, User,
};
use crate::dsn::Value;
use crate::dsn::reader::{
    self, Ca, Credentials, DirectTls, Modes, Pooled, Reader, Roots, Seen, Timeout, Trusts, When,
};
use crate::dsn::uri::uri;

/// A format.
#[derive(Debug)]
pub(super) struct Spec {
    /// The media type of its text.
    pub media_type: &'static str,
    /// Who reads it for a database that speaks Postgres' protocol.
    pub postgres: Option<&'static Reader>,
    /// The same for MySQL's.
    pub mysql: Option<&'static Reader>,
}

/// Of a line that has the text among its arguments.
pub(super) const ARGUMENTS: &str =
    "all on the machine see the arguments of a program: `shell` and `pg-service` keep the secret out of them";

pub(super) const TEXT: &str = "text/plain; charset=utf-8";
pub(super) const JSON: &str = "application/json";

/// Whoever reads with libpq (<https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS>).
pub(super) const LIBPQ: Reader = Reader {
    driver: "libpq 15 to 18",
    seen: Seen::ByTests,
    says: &[
        (Host, "host"),
        (Port, "port"),
        (User, "user"),
        (Password, "password"),
        (Dbname, "dbname"),
        (Sslmode, "sslmode"),
        (Sslrootcert, "sslrootcert"),
        (Sslnegotiation, "sslnegotiation"),
        (ChannelBinding, "channel_binding"),
        (TargetSessionAttrs, "target_session_attrs"),
        (ConnectTimeout, "connect_timeout"),
        (ApplicationName, "application_name"),
        (CaPem, "ca_pem"),
    ],
    always: &[],
    modes: Modes::LIBPQ,
    roots: Roots::Word("system"),
    ca: Ca::Path,
    trust: Trusts::Exclusive,
    channel_binding: reader::ChannelBinding::Enforced,
    direct_tls: DirectTls::Yes,
    timeout: Timeout::InText,
    cleartext: true,
    credentials: Credentials::InText,
    addresses: true,
    takes: |_, _| true,
    pooled: Pooled::Fits,
    needs: &[
        (
            When::SystemRoots,
            "libpq 16 for sslrootcert=system; with os= the text has a path instead, for older ones",
        ),
        (When::DirectTls, "libpq 17 for sslnegotiation=direct, and a server of version 17"),
        (When::ChannelBinding, "libpq 13 for channel_binding=require"),
    ],
    traps: &[],
    open: "psql \"$dsn\"",
    open_private: None,
    open_cleartext: None,
    render: |settings| uri("postgresql", settings),
};

/// The same, where nothing but libpq reads it. Encryption by GSSAPI, where a machine has a ticket for that, would go before
/// TLS, whatever `sslmode` says (<https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-GSSENCMODE>):
/// other readers do not know the word and would pass it on to the server.
pub(super) const LIBPQ_ALONE: Reader = Reader { always: &[("gssencmode", Value::Text("disable"))], ..LIBPQ };

/// Where others than libpq may read it, too.
pub(super) const GSS: &str = "on a machine with a Kerberos ticket libpq prefers encryption by GSSAPI to TLS: set PGGSSENCMODE=disable there";

/// Of readers that such a text was not made for.
pub(super) const PRISMA_6_READS_IT: &str = "the engine of Prisma 6 and earlier takes verify-full for prefer, and verifies nothing: ask for `prisma-6`";

/// The same.
pub(super) const SQLX_READS_IT: &str =
    "sqlx trusts the system's roots besides the CA: ask for `sqlx` where that matters";

/// Whoever reads `mysql://`. There is no manual that all drivers follow: they agree on what stands in front of the `?`;
/// behind it stands what sqlx, Django's `dj-database-url` and their like read, and each of the others has names of its
/// own. Only what is needed to verify the server is said.
pub(super) const MYSQL_URL: Reader = Reader {
    driver: "sqlx 0.9 and others that read such URLs",
    seen: Seen::ByTests,
    says: &[
        (Host, "host"),
        (Port, "port"),
        (User, "user"),
        (Password, "password"),
        (Dbname, "dbname"),
        (Sslmode, "ssl-mode"),
        (Sslrootcert, "ssl-ca"),
    ],
    always: &[],
    modes: Modes::MYSQL,
    roots: Roots::Silence,
    ca: Ca::Path,
    trust: Trusts::Additive,
    channel_binding: reader::ChannelBinding::None,
    direct_tls: DirectTls::Error,
    timeout: Timeout::InCode,
    // Each driver has a name of its own for that, or none.
    cleartext: false,
    credentials: Credentials::InText,
    addresses: true,
    takes: |_, _| true,
    pooled: Pooled::Fits,
    needs: &[],
    traps: &[
        "drivers that know other names for these options ignore them, and verify nothing: ask for the format that is named after yours",
    ],
    // Each driver has lines of its own, which the format has that is named after it.
    open: "",
    open_private: None,
    open_cleartext: None,
    render: |settings| uri("mysql", settings),
};

/// Whether the clients of MySQL look for it on the network: their libraries take the host `localhost` for a socket, which
/// leads elsewhere, and has no TLS.
pub(super) fn is_no_socket(parameter: Parameter, value: &str) -> bool {
    parameter != Host || !value.eq_ignore_ascii_case("localhost")
}

/// For those that take the brackets of a URL for part of the host.
pub(super) fn no_ipv6(parameter: Parameter, text: &str) -> bool {
    parameter != Host || !text.contains(':')
}
