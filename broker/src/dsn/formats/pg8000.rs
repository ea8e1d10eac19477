//! What `connect` of pg8000 takes (<https://github.com/tlocke/pg8000#pg8000dbapiconnect>), with what makes its TLS context
//! in place of that. A program that forgets to make it gets an error.

use crate::dsn::Parameter::{ApplicationName, CaPem, Dbname, Host, Password, Port, Sslrootcert, User};
use crate::dsn::formats::{JSON, LIBPQ, Reader, Spec};
use crate::dsn::object::object;
use crate::dsn::reader::{Ca, ChannelBinding, DirectTls, Modes, Roots, Timeout};

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: JSON,
    postgres: Some(&Reader {
        driver: "pg8000 1.31",
        says: &[
            (Host, "host"),
            (Port, "port"),
            (User, "user"),
            (Password, "password"),
            (Dbname, "database"),
            (Sslrootcert, "ssl_context.cafile"),
            (CaPem, "ssl_context.cadata"),
            (ApplicationName, "application_name"),
        ],
        modes: Modes::ALL,
        roots: Roots::Silence,
        ca: Ca::Pem,
        channel_binding: ChannelBinding::Opportunistic,
        direct_tls: DirectTls::Error,
        timeout: Timeout::InCode,
        needs: &[],
        traps: &["its `timeout` would end slow queries, too, so the text does not say it"],
        open: OPEN,
        render: |settings| object(r#"{"ssl_context":{}}"#, settings),
        ..LIBPQ
    }),
    mysql: None,
};

const OPEN: &str = "\
import json
import ssl

import pg8000.dbapi

options = json.loads(dsn)
options[\"ssl_context\"] = ssl.create_default_context(**options[\"ssl_context\"])
connection = pg8000.dbapi.connect(**options)";
