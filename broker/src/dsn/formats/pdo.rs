//! What PHP's PDO is told, as a JSON object: a DSN, and what must not be in it
//! (<https://www.php.net/manual/ref.pdo-pgsql.connection.php>, <https://www.php.net/manual/ref.pdo-mysql.connection.php>).

use crate::dsn::Parameter::{
    self, ApplicationName, ChannelBinding, ConnectTimeout, Dbname, Host, Password, Port, Sslmode,
    Sslnegotiation, Sslrootcert, TargetSessionAttrs, User,
};
use crate::dsn::formats::keyword::conninfo;
use crate::dsn::formats::{JSON, LIBPQ_ALONE, MYSQL_URL, Reader, Spec, is_no_socket};
use crate::dsn::object::nested;
use crate::dsn::reader::{Modes, Pooled, Roots, Timeout, Trusts, When};
use crate::dsn::{Settings, Value};

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: JSON,
    postgres: Some(&Reader {
        driver: "PDO of PHP 8.2 with libpq",
        says: &[
            (Host, "host"),
            (Port, "port"),
            (Dbname, "dbname"),
            (Sslmode, "sslmode"),
            (Sslrootcert, "sslrootcert"),
            (Sslnegotiation, "sslnegotiation"),
            (ChannelBinding, "channel_binding"),
            (TargetSessionAttrs, "target_session_attrs"),
            (ApplicationName, "application_name"),
            (User, "username"),
            (Password, "password"),
            // What the DSN says of it gives way to 30 seconds.
            (ConnectTimeout, "options.PDO::ATTR_TIMEOUT"),
        ],
        roots: Roots::Bundle,
        pooled: EMULATED,
        takes: |parameter, value| is_beside(parameter) || !value.contains(';'),
        open: OPEN,
        render: |settings| whole("{}", format!("pgsql:{}", conninfo(in_dsn(settings))), settings),
        ..LIBPQ_ALONE
    }),
    mysql: Some(&Reader {
        driver: "PDO of PHP 8.2 with mysqlnd",
        says: &[
            (Host, "host"),
            (Port, "port"),
            (Dbname, "dbname"),
            (User, "username"),
            (Password, "password"),
            (Sslrootcert, "options.PDO::MYSQL_ATTR_SSL_CA"),
            (ConnectTimeout, "options.PDO::ATTR_TIMEOUT"),
        ],
        takes: |parameter, value| {
            (MYSQLND.takes)(parameter, value) && (is_beside(parameter) || !value.contains(';'))
        },
        open: OPEN,
        render: |settings| {
            let mut dsn = "mysql:".to_owned();
            for (name, value) in in_dsn(settings) {
                dsn.push_str(name);
                dsn.push('=');
                value.with_text(|value| dsn.push_str(value));
                dsn.push(';');
            }
            dsn.push_str("charset=utf8mb4");
            whole(VERIFIED, dsn, settings)
        },
        ..MYSQLND
    }),
};

/// PHP's own client of MySQL.
pub(super) const MYSQLND: Reader = Reader {
    modes: Modes::ALL,
    // Without a file it does no TLS at all.
    roots: Roots::Bundle,
    trust: Trusts::Exclusive,
    timeout: Timeout::InText,
    // It shows a password where the server asks for that, without being told to; by then the certificate is verified.
    cleartext: true,
    // Of an address of IPv6 it makes a name that no certificate has.
    takes: |parameter, value| is_no_socket(parameter, value) && (parameter != Host || !value.contains(':')),
    needs: &[(When::Always, "mysqlnd, PHP's own client of MySQL")],
    traps: &[
        "the timeout is for reaching the server: mysqlnd.net_read_timeout in php.ini bounds how long it may be silent then",
    ],
    ..MYSQL_URL
};

/// PDO makes names of its own for what it prepares, unless it only seems to.
pub(super) const EMULATED: Pooled =
    Pooled::InText(&[("options.PDO::ATTR_EMULATE_PREPARES", Value::Flag(true))]);

/// What makes mysqlnd verify the server, besides the CA.
const VERIFIED: &str =
    r#"{"dsn":"","username":"","password":"","options":{"PDO::MYSQL_ATTR_SSL_VERIFY_SERVER_CERT":true}}"#;

const OPEN: &str = "$config = json_decode($dsn, true);
$options = array_combine(array_map('constant', array_keys($config['options'])), $config['options']);
$connection = new PDO($config['dsn'], $config['username'], $config['password'], $options);";

/// Whether it is said beside the DSN, where a `;` is nothing special: in it, there is no way to write one.
fn is_beside(parameter: Parameter) -> bool {
    matches!(parameter, User | Password)
}

fn in_dsn<'a>(settings: &Settings<'a>) -> impl Iterator<Item = (&'static str, Value<'a>)> {
    settings.expose().filter(|(name, _)| !is_member(name))
}

fn is_member(name: &str) -> bool {
    matches!(name, "username" | "password") || name.starts_with("options.")
}

fn whole(always: &str, dsn: String, settings: &Settings<'_>) -> String {
    let others = settings.expose().filter(|(name, _)| is_member(name));
    let members = std::iter::once(("dsn", Value::Text(&dsn))).chain(others);
    serde_json::Value::Object(nested(always, members)).to_string()
}
