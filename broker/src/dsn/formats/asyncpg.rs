//! A connection URI for asyncpg (<https://magicstack.github.io/asyncpg/current/api/index.html#connection>).
//!
//! What it does not know it passes on to the server, which refuses it: that goes for `connect_timeout` and
//! `channel_binding`. Whom to trust is for the code, so that a private CA needs no file; a program that takes the text
//! and leaves out the rest of the code looks for the CA in `~/.postgresql/root.crt`, and stops where there is none.

use crate::dsn::Parameter::{
    ApplicationName, Dbname, Host, Password, Port, Sslmode, Sslnegotiation, TargetSessionAttrs, User,
};
use crate::dsn::formats::{LIBPQ, Reader, Spec, TEXT};
use crate::dsn::reader::{Ca, ChannelBinding, Modes, Pooled, Roots, Timeout, When};

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: TEXT,
    postgres: Some(&Reader {
        driver: "asyncpg 0.32",
        says: &[
            (Host, "host"),
            (Port, "port"),
            (User, "user"),
            (Password, "password"),
            (Dbname, "dbname"),
            (Sslmode, "sslmode"),
            (Sslnegotiation, "sslnegotiation"),
            (TargetSessionAttrs, "target_session_attrs"),
            (ApplicationName, "application_name"),
        ],
        // The code goes before the text, and verifies all.
        modes: Modes { verify_full: "verify-full", verify_ca: None, plaintext: None },
        roots: Roots::Silence,
        ca: Ca::Code,
        channel_binding: ChannelBinding::None,
        timeout: Timeout::InCode,
        pooled: Pooled::InCode(OPEN_POOLED),
        needs: &[(When::DirectTls, "asyncpg 0.30 for sslnegotiation=direct, and a server of version 17")],
        open: OPEN,
        ..LIBPQ
    }),
    mysql: None,
};

// A server that is to begin with TLS wants to be told by ALPN what for.
const OPEN: &str = "\
import ssl

import asyncpg

context = ssl.create_default_context(cadata=ca_pem)
context.set_alpn_protocols([\"postgresql\"])
connection = await asyncpg.connect(dsn, ssl=context, timeout=10)";

const OPEN_POOLED: &str = "\
import ssl

import asyncpg

context = ssl.create_default_context(cadata=ca_pem)
context.set_alpn_protocols([\"postgresql\"])
connection = await asyncpg.connect(dsn, ssl=context, timeout=10, statement_cache_size=0)";
