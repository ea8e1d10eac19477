//! The formats, each as data and a function in a file of its own.

pub(super) mod connector_j;
pub(super) mod dotenv;
pub(super) mod env;
pub(super) mod go_sql_driver;
pub(super) mod gorm;
pub(super) mod json;
pub(super) mod keyword;
pub(super) mod lib_pq;
pub(super) mod mariadb_connector_j;
pub(super) mod my_cnf;
pub(super) mod npgsql;
pub(super) mod pgjdbc;
pub(super) mod pgpass;
pub(super) mod pgx;
pub(super) mod postgres_js;
pub(super) mod psycopg;
pub(super) mod querycop_env;
pub(super) mod shell;
pub(super) mod spring;
pub(super) mod uri;

use crate::dsn::Parameter::{
    ApplicationName, CaPem, ChannelBinding, ConnectTimeout, Dbname, Host, Password, Port, Sslmode,
    Sslnegotiation, Sslrootcert, TargetSessionAttrs, User,
};
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
    render: |settings| uri("postgresql", settings),
};

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
    open_private: None,
    open: "MySqlPool::connect(dsn).await?",
    render: |settings| uri("mysql", settings),
};
