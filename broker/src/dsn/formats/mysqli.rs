//! What PHP's mysqli is told, as a JSON object (<https://www.php.net/manual/mysqli.real-connect.php>).

use crate::dsn::Parameter::{ConnectTimeout, Dbname, Host, Password, Port, Sslrootcert, User};
use crate::dsn::formats::pdo::MYSQLND;
use crate::dsn::formats::{JSON, Reader, Spec};
use crate::dsn::object::object;

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: JSON,
    postgres: None,
    mysql: Some(&Reader {
        driver: "mysqli of PHP 8.2",
        says: &[
            (Host, "hostname"),
            (Port, "port"),
            (User, "username"),
            (Password, "password"),
            (Dbname, "database"),
            (Sslrootcert, "ssl_ca"),
            (ConnectTimeout, "connect_timeout"),
        ],
        open: "mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
$config = json_decode($dsn, true);
$connection = mysqli_init();
$connection->options(MYSQLI_OPT_CONNECT_TIMEOUT, $config['connect_timeout']);
$connection->options(MYSQLI_OPT_SSL_VERIFY_SERVER_CERT, true);
$connection->ssl_set(null, null, $config['ssl_ca'], null, null);
$connection->real_connect(
    $config['hostname'], $config['username'], $config['password'], $config['database'], $config['port'],
    null, MYSQLI_CLIENT_SSL,
);",
        render: |settings| object("{}", settings),
        ..MYSQLND
    }),
};
