//! An entry of Django's `DATABASES` (<https://docs.djangoproject.com/en/stable/ref/settings/#databases>).

use crate::dsn::Parameter::{
    ApplicationName, ChannelBinding, ConnectTimeout, Dbname, Host, Password, Port, Sslmode, Sslnegotiation,
    Sslrootcert, TargetSessionAttrs, User,
};
use crate::dsn::Value;
use crate::dsn::formats::mysqlclient::MYSQLCLIENT;
use crate::dsn::formats::{JSON, LIBPQ, Reader, Spec};
use crate::dsn::object::object;
use crate::dsn::reader::{Pooled, Roots};

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: JSON,
    postgres: Some(&Reader {
        driver: "Django 5.2 with psycopg 3.3",
        says: &[
            (Host, "HOST"),
            (Port, "PORT"),
            (User, "USER"),
            (Password, "PASSWORD"),
            (Dbname, "NAME"),
            (Sslmode, "OPTIONS.sslmode"),
            (Sslrootcert, "OPTIONS.sslrootcert"),
            (Sslnegotiation, "OPTIONS.sslnegotiation"),
            (ChannelBinding, "OPTIONS.channel_binding"),
            (TargetSessionAttrs, "OPTIONS.target_session_attrs"),
            (ConnectTimeout, "OPTIONS.connect_timeout"),
            (ApplicationName, "OPTIONS.application_name"),
        ],
        always: &[("OPTIONS.gssencmode", Value::Text("disable"))],
        roots: Roots::Bundle,
        // Django itself prepares nothing, unless it is told to.
        pooled: Pooled::InText(&[("DISABLE_SERVER_SIDE_CURSORS", Value::Flag(true))]),
        open: OPEN,
        render: |settings| object(r#"{"ENGINE":"django.db.backends.postgresql"}"#, settings),
        ..LIBPQ
    }),
    mysql: Some(&Reader {
        driver: "Django 5.2 with mysqlclient 2.3",
        says: &[
            (Host, "HOST"),
            (Port, "PORT"),
            (User, "USER"),
            (Password, "PASSWORD"),
            (Dbname, "NAME"),
            (Sslmode, "OPTIONS.ssl_mode"),
            (Sslrootcert, "OPTIONS.ssl.ca"),
            (ConnectTimeout, "OPTIONS.connect_timeout"),
        ],
        open: OPEN,
        render: |settings| object(r#"{"ENGINE":"django.db.backends.mysql"}"#, settings),
        ..MYSQLCLIENT
    }),
};

const OPEN: &str = "import json\n\nDATABASES = {\"default\": json.loads(dsn)}";
