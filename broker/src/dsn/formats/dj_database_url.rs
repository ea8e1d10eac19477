//! A URL for dj-database-url, which makes an entry of Django's `DATABASES` of it
//! (<https://github.com/jazzband/dj-database-url>).

use crate::dsn::Parameter::{
    self, ApplicationName, ConnectTimeout, Dbname, Host, Password, Port, Sslmode, Sslrootcert, User,
};
use crate::dsn::formats::mysqlclient::MYSQLCLIENT;
use crate::dsn::formats::{LIBPQ_ALONE, Reader, Spec, TEXT};
use crate::dsn::reader::{Pooled, Roots};
use crate::dsn::uri::uri;

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: TEXT,
    postgres: Some(&Reader {
        driver: "dj-database-url 3.1 with Django 5.2 and psycopg 3.3",
        roots: Roots::Bundle,
        takes: is_text,
        pooled: Pooled::InCode(
            "import dj_database_url\n\nDATABASES = {\"default\": dj_database_url.parse(dsn, disable_server_side_cursors=True)}",
        ),
        open: OPEN,
        ..LIBPQ_ALONE
    }),
    mysql: Some(&Reader {
        driver: "dj-database-url 3.1 with Django 5.2 and mysqlclient 2.3",
        says: &[
            (Host, "host"),
            (Port, "port"),
            (User, "user"),
            (Password, "password"),
            (Dbname, "dbname"),
            (Sslmode, "ssl_mode"),
            (Sslrootcert, "ssl-ca"),
            (ConnectTimeout, "connect_timeout"),
        ],
        open: OPEN,
        render: |settings| uri("mysql", settings),
        ..MYSQLCLIENT
    }),
};

const OPEN: &str = "import dj_database_url\n\nDATABASES = {\"default\": dj_database_url.parse(dsn)}";

/// Behind the `?` it makes numbers of digits, and yes and no of these words.
fn is_text(parameter: Parameter, value: &str) -> bool {
    parameter != ApplicationName
        || !(value.chars().all(char::is_numeric)
            || value.eq_ignore_ascii_case("true")
            || value.eq_ignore_ascii_case("false"))
}
