//! A URL for mysql_async (<https://docs.rs/mysql_async/0.37/mysql_async/struct.Opts.html>).

use crate::dsn::Parameter::{CleartextPlugin, Dbname, Host, Password, Port, Sslmode, User};
use crate::dsn::formats::{MYSQL_URL, Reader, Spec, TEXT, no_ipv6};
use crate::dsn::reader::{Ca, Modes, Trusts, When};
use crate::dsn::uri::uri;
use crate::dsn::{Settings, Value};

const VERIFY: &str = "true";

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: TEXT,
    postgres: None,
    mysql: Some(&Reader {
        driver: "mysql_async 0.37 with rustls",
        says: &[
            (Host, "host"),
            (Port, "port"),
            (User, "user"),
            (Password, "password"),
            (Dbname, "dbname"),
            (Sslmode, "require_ssl"),
            (CleartextPlugin, "enable_cleartext_plugin"),
        ],
        modes: Modes { verify_full: VERIFY, verify_ca: None, plaintext: Some("false") },
        ca: Ca::Code,
        trust: Trusts::InCode,
        cleartext: true,
        takes: no_ipv6,
        needs: &[(When::Always, "one of the features of mysql_async with TLS, as default-rustls-ring")],
        traps: &[
            "without a CA of its own, it trusts Mozilla's roots as they were when rustls was built in; with native-tls, the system's",
        ],
        open: "\
use std::time::Duration;

use mysql_async::Pool;

let pool = Pool::from_url(dsn)?;
let mut connection = tokio::time::timeout(Duration::from_secs(10), pool.get_conn()).await??;",
        open_private: Some(
            "\
use std::time::Duration;

use mysql_async::{Opts, OptsBuilder, Pool};

let ca = ca_pem.unwrap_or_default().as_bytes().to_vec();
let opts = Opts::from_url(dsn)?;
let tls = opts.ssl_opts().cloned().unwrap_or_default();
let tls = tls.with_root_certs(vec![ca.into()]).with_disable_built_in_roots(true);
let pool = Pool::new(OptsBuilder::from_opts(opts).ssl_opts(tls));
let mut connection = tokio::time::timeout(Duration::from_secs(10), pool.get_conn()).await??;",
        ),
        render,
        ..MYSQL_URL
    }),
};

fn render(settings: &Settings<'_>) -> String {
    let mut url = uri("mysql", settings);
    if settings.text(Sslmode) == Value::Text(VERIFY) {
        url.push_str("&verify_ca=true&verify_identity=true");
    }
    // It would move from `localhost`, which may be a tunnel, to the socket of whoever is there.
    url.push_str("&prefer_socket=false");
    url
}
