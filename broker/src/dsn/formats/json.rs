//! The parameters as a JSON object, with a private CA in `ca_pem`: for programs that build their own options.

use crate::dsn::Parameter::{
    ApplicationName, CaPem, ChannelBinding, CleartextPlugin, ConnectTimeout, Dbname, Host, Password, Port,
    Sslmode, Sslnegotiation, Sslrootcert, TargetSessionAttrs, User,
};
use crate::dsn::Settings;
use crate::dsn::formats::{JSON, LIBPQ, MYSQL_URL, Reader, Spec};
use crate::dsn::reader::{Ca, Timeout, Trusts};

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: JSON,
    postgres: Some(&Reader {
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
        since: "any program",
        ca: Ca::Pem,
        trust: Trusts::InCode,
        open: "",
        render,
        ..LIBPQ
    }),
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
        since: "any program",
        ca: Ca::Pem,
        trust: Trusts::InCode,
        timeout: Timeout::InText,
        cleartext: true,
        open: "",
        render,
        ..MYSQL_URL
    }),
};

fn render(settings: &Settings<'_>) -> String {
    crate::dsn::json::object(settings.expose())
}
