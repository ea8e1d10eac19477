//! The parameters as a JSON object, with a private CA in `ca_pem`: for programs that build their own options.

use serde::Serializer as _;

use crate::dsn::Parameter::{
    ApplicationName, CaPem, CleartextPlugin, ConnectTimeout, Dbname, Host, Password, Port, Sslmode,
    Sslrootcert, User,
};
use crate::dsn::Settings;
use crate::dsn::formats::{JSON, LIBPQ, MYSQL_URL, Reader, Spec};
use crate::dsn::reader::{Ca, Timeout, Trusts};

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: JSON,
    postgres: Some(&Reader { ca: Ca::Pem, trust: Trusts::InCode, open: "", render, ..LIBPQ }),
    mysql: Some(&Reader {
        says: &[
            (Host, "host"),
            (Port, "port"),
            (User, "user"),
            (Password, "password"),
            (Dbname, "dbname"),
            (Sslmode, "ssl-mode"),
            (Sslrootcert, "ssl-ca"),
            (CleartextPlugin, "enable-cleartext-plugin"),
            (ConnectTimeout, "connect-timeout"),
            (ApplicationName, "program_name"),
            (CaPem, "ca_pem"),
        ],
        ca: Ca::Pem,
        trust: Trusts::InCode,
        timeout: Timeout::InText,
        cleartext: true,
        open: "",
        render,
        ..MYSQL_URL
    }),
};

#[expect(clippy::expect_used, reason = "strings and numbers under string keys always serialize")]
fn render(settings: &Settings<'_>) -> String {
    let mut text = Vec::with_capacity(512);
    let mut serializer = serde_json::Serializer::new(&mut text);
    serializer.collect_map(settings.expose()).expect("a map of strings and numbers");
    String::from_utf8(text).expect("JSON is UTF-8")
}
