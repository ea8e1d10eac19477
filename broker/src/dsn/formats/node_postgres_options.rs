//! The options of node-postgres' `Pool` and `Client` (<https://node-postgres.com/apis/client>).

use crate::dsn::Parameter::{
    ApplicationName, CaPem, ConnectMillis, Dbname, Host, Password, Port, Sslnegotiation, User,
};
use crate::dsn::formats::{JSON, LIBPQ, Reader, Spec};
use crate::dsn::object::object;
use crate::dsn::reader::{Ca, ChannelBinding, Modes, Roots, When};

pub(in crate::dsn) const SPEC: Spec = Spec { media_type: JSON, postgres: Some(&NODE_POSTGRES), mysql: None };

/// Whoever passes options on to node-postgres.
pub(super) const NODE_POSTGRES: Reader = Reader {
    driver: "node-postgres 8.23",
    says: &[
        (Host, "host"),
        (Port, "port"),
        (User, "user"),
        (Password, "password"),
        (Dbname, "database"),
        // What to look for in the certificate: before 8.23.1 it is `localhost` where the host is an address.
        (Host, "ssl.host"),
        (CaPem, "ssl.ca"),
        (Sslnegotiation, "sslnegotiation"),
        (ConnectMillis, "connectionTimeoutMillis"),
        (ApplicationName, "application_name"),
    ],
    modes: Modes::ALL,
    roots: Roots::Silence,
    ca: Ca::Pem,
    channel_binding: ChannelBinding::None,
    needs: &[(When::DirectTls, DIRECT)],
    traps: &[NODE_ROOTS, NAMED],
    open: "import pg from 'pg';\n\nconst pool = new pg.Pool(JSON.parse(dsn));",
    render: |settings| object(r#"{"ssl":{"rejectUnauthorized":true}}"#, settings),
    ..LIBPQ
};

/// What drivers for Node trust.
pub(super) const NODE_ROOTS: &str = "without a CA of its own, Node's compiled-in roots are trusted, not the system's, unless it runs with --use-system-ca";

pub(super) const NAMED: &str =
    "a query that is given a `name` is prepared under it: name none at a pooled endpoint";

pub(super) const DIRECT: &str = "pg 8.22 for sslnegotiation=direct, and a server of version 17";
