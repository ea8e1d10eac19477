//! URLs for sqlx (<https://docs.rs/sqlx/0.9/sqlx/postgres/struct.PgConnectOptions.html>).

use crate::dsn::Parameter::{ApplicationName, Dbname, Host, Password, Port, Sslmode, Sslrootcert, User};
use crate::dsn::formats::{LIBPQ, MYSQL_URL, Reader, Spec, TEXT, no_ipv6};
use crate::dsn::reader::{ChannelBinding, DirectTls, Modes, Pooled, Roots, Timeout, Trusts, When};

pub(in crate::dsn) const SPEC: Spec =
    Spec { media_type: TEXT, postgres: Some(&POSTGRES), mysql: Some(&MYSQL) };

pub(super) const POSTGRES: Reader = Reader {
    driver: "sqlx 0.9",
    says: &[
        (Host, "host"),
        (Port, "port"),
        (User, "user"),
        (Password, "password"),
        (Dbname, "dbname"),
        (Sslmode, "sslmode"),
        (Sslrootcert, "sslrootcert"),
        (ApplicationName, "application_name"),
    ],
    // Without the host name, any certificate that one of the system's roots has signed would do.
    modes: Modes { verify_ca: None, ..Modes::LIBPQ },
    roots: Roots::Silence,
    trust: Trusts::Additive,
    channel_binding: ChannelBinding::None,
    direct_tls: DirectTls::Ignored,
    timeout: Timeout::InCode,
    takes: no_ipv6,
    traps: &[
        "without a CA in the text, that of PGSSLROOTCERT in the environment is trusted besides the system's roots",
    ],
    pooled: Pooled::Needs(
        "PgBouncer 1.21 with max_prepared_statements, and ignore_startup_parameters = extra_float_digits there",
    ),
    needs: &[FEATURE],
    open: "\
use std::time::Duration;

use sqlx::postgres::PgPoolOptions;

let pool = PgPoolOptions::new().acquire_timeout(Duration::from_secs(10)).connect(dsn).await?;",
    ..LIBPQ
};

pub(super) const MYSQL: Reader = Reader {
    driver: "sqlx 0.9",
    modes: Modes { verify_ca: None, ..Modes::MYSQL },
    cleartext: true,
    takes: no_ipv6,
    needs: &[FEATURE],
    traps: &[],
    open: "\
use std::time::Duration;

use sqlx::mysql::MySqlPoolOptions;

let pool = MySqlPoolOptions::new().acquire_timeout(Duration::from_secs(10)).connect(dsn).await?;",
    open_cleartext: Some(
        "\
use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};

let options = dsn.parse::<MySqlConnectOptions>()?.enable_cleartext_plugin(true);
let pool = MySqlPoolOptions::new().acquire_timeout(Duration::from_secs(10)).connect_with(options).await?;",
    ),
    ..MYSQL_URL
};

const FEATURE: (When, &str) = (
    When::Always,
    "a feature of sqlx with TLS that trusts the system's roots, as tls-rustls-ring-native-roots: the others trust Mozilla's \
     as they were when it was built",
);
