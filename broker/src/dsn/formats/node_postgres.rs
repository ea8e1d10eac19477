//! A connection URI for node-postgres (<https://node-postgres.com/features/connecting#connection-uri>).

use percent_encoding::AsciiSet;

use crate::dsn::Parameter::{
    ApplicationName, Dbname, Host, Password, Port, Sslmode, Sslnegotiation, Sslrootcert, User,
};
use crate::dsn::formats::node_postgres_options::{DIRECT, NAMED, NODE_ROOTS};
use crate::dsn::formats::{LIBPQ, Reader, Spec, TEXT};
use crate::dsn::reader::{ChannelBinding, Modes, Roots, Timeout, When};
use crate::dsn::uri::{SPECIAL, uri_of};

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: TEXT,
    postgres: Some(&Reader {
        driver: "node-postgres 8.23.1",
        says: &[
            (Host, "host"),
            (Port, "port"),
            (User, "user"),
            (Password, "password"),
            (Dbname, "dbname"),
            (Sslmode, "sslmode"),
            (Sslrootcert, "sslrootcert"),
            (Sslnegotiation, "sslnegotiation"),
            (ApplicationName, "application_name"),
        ],
        // It takes verify-ca for verify-full.
        modes: Modes { verify_ca: None, ..Modes::LIBPQ },
        roots: Roots::Silence,
        channel_binding: ChannelBinding::None,
        timeout: Timeout::InCode,
        // Before 8.23.1 it looks for `localhost` in their certificates.
        addresses: false,
        takes: |parameter, value| parameter != Dbname || !value.contains(['/', '?', '#']),
        needs: &[(When::DirectTls, DIRECT)],
        traps: &[
            NODE_ROOTS,
            NAMED,
            "with NODE_TLS_REJECT_UNAUTHORIZED=0 in its environment it verifies nothing: the options as a JSON object do not let it",
        ],
        open: "import pg from 'pg';\n\nconst pool = new pg.Pool({ connectionString: dsn, connectionTimeoutMillis: 10_000 });",
        render: |settings| uri_of("postgresql", settings, SPECIAL_IN_PATH, settings.options()),
        ..LIBPQ
    }),
    mysql: None,
};

/// The database is decoded with `decodeURI`, which leaves these as they are.
const SPECIAL_IN_PATH: &AsciiSet = &SPECIAL
    .remove(b';')
    .remove(b':')
    .remove(b'@')
    .remove(b'&')
    .remove(b'=')
    .remove(b'+')
    .remove(b'$')
    .remove(b',');
