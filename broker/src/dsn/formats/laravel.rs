//! A connection of Laravel, as a JSON object (<https://laravel.com/docs/database#configuration>). It makes a DSN of it for
//! PDO, in which it escapes nothing.

use crate::dsn::Parameter::{
    ApplicationName, ConnectTimeout, Dbname, Host, Password, Port, Sslmode, Sslrootcert, User,
};
use crate::dsn::formats::pdo::{EMULATED, MYSQLND};
use crate::dsn::formats::{GSS, JSON, LIBPQ, Reader, Spec};
use crate::dsn::object::object;
use crate::dsn::reader::{ChannelBinding, DirectTls, Roots};

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: JSON,
    postgres: Some(&Reader {
        driver: "Laravel 8 with libpq",
        says: &[
            (Host, "host"),
            (Port, "port"),
            (User, "username"),
            (Password, "password"),
            (Dbname, "database"),
            (Sslmode, "sslmode"),
            (Sslrootcert, "sslrootcert"),
            (ConnectTimeout, "options.PDO::ATTR_TIMEOUT"),
            (ApplicationName, "application_name"),
        ],
        roots: Roots::Bundle,
        channel_binding: ChannelBinding::None,
        direct_tls: DirectTls::Ignored,
        pooled: EMULATED,
        takes: |parameter, value| match parameter {
            Dbname | ApplicationName => !value.contains(['\'', '\\', ';']),
            // There are no quotes around it.
            Sslrootcert => !value.contains(|letter: char| "'\\;".contains(letter) || letter.is_whitespace()),
            _ => true,
        },
        needs: &[],
        open: OPEN,
        render: |settings| object(r#"{"driver":"pgsql","charset":"utf8"}"#, settings),
        traps: &[GSS],
        ..LIBPQ
    }),
    mysql: Some(&Reader {
        driver: "Laravel 8 with mysqlnd",
        says: &[
            (Host, "host"),
            (Port, "port"),
            (User, "username"),
            (Password, "password"),
            (Dbname, "database"),
            (Sslrootcert, "options.PDO::MYSQL_ATTR_SSL_CA"),
            (ConnectTimeout, "options.PDO::ATTR_TIMEOUT"),
        ],
        // The name of the database also comes between backticks, in a statement.
        takes: |parameter, value| {
            (MYSQLND.takes)(parameter, value) && (parameter != Dbname || !value.contains([';', '`']))
        },
        open: OPEN,
        render: |settings| {
            object(
                r#"{"driver":"mysql","charset":"utf8mb4","options":{"PDO::MYSQL_ATTR_SSL_VERIFY_SERVER_CERT":true}}"#,
                settings,
            )
        },
        ..MYSQLND
    }),
};

const OPEN: &str = "use Illuminate\\Support\\Facades\\DB;

$config = json_decode($dsn, true);
$config['options'] = array_combine(array_map('constant', array_keys($config['options'])), $config['options']);
config(['database.connections.dsn' => $config]);
$connection = DB::connection('dsn');";
