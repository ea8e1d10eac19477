//! The formats, each as data and a function in a file of its own.

pub(super) mod dotenv;
pub(super) mod env;
pub(super) mod json;
pub(super) mod keyword;
pub(super) mod my_cnf;
pub(super) mod pgpass;
pub(super) mod querycop_env;
pub(super) mod shell;
pub(super) mod uri;

use crate::dsn::Parameter::{
    ApplicationName, CaPem, ChannelBinding, ConnectTimeout, Dbname, Host, Password, Port, Sslmode,
    Sslnegotiation, Sslrootcert, TargetSessionAttrs, User,
};
use crate::dsn::reader::{self, Ca, DirectTls, Modes, Reader, Roots, Timeout, Trusts};
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

/// Whoever reads with libpq (<https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS>):
/// `sslrootcert=system` is for version 16 and later, `sslnegotiation` for 17 and later.
pub(super) const LIBPQ: Reader = Reader {
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
    longest: None,
    open: "psql \"$dsn\"",
    render: |settings| uri("postgresql", settings),
};

/// Whoever reads `mysql://`. There is no manual that all drivers follow: they agree on what stands in front of the `?`;
/// behind it stands what sqlx, Django's `dj-database-url` and their like read, and each of the others has names of its
/// own. Only what is needed to verify the server is said.
pub(super) const MYSQL_URL: Reader = Reader {
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
    longest: None,
    open: "MySqlPool::connect(dsn).await?",
    render: |settings| uri("mysql", settings),
};
