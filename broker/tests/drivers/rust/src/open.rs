//! The lines that open sessions, as the broker hands them out: a function for each.
#![expect(unused_mut, reason = "those who are handed these lines go on from there")]

use crate::Result;

pub async fn sqlx_postgres(dsn: &str) -> Result<sqlx::PgPool> {
    use std::time::Duration;

    use sqlx::postgres::PgPoolOptions;

    let pool = PgPoolOptions::new().acquire_timeout(Duration::from_secs(10)).connect(dsn).await?;
    Ok(pool)
}

pub async fn sqlx_mysql(dsn: &str) -> Result<sqlx::MySqlPool> {
    use std::time::Duration;

    use sqlx::mysql::MySqlPoolOptions;

    let pool = MySqlPoolOptions::new().acquire_timeout(Duration::from_secs(10)).connect(dsn).await?;
    Ok(pool)
}

#[expect(dead_code, reason = "no server of the test asks for a token in clear text")]
async fn sqlx_mysql_cleartext(dsn: &str) -> Result<sqlx::MySqlPool> {
    use std::time::Duration;

    use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};

    let options = dsn.parse::<MySqlConnectOptions>()?.enable_cleartext_plugin(true);
    let pool = MySqlPoolOptions::new().acquire_timeout(Duration::from_secs(10)).connect_with(options).await?;
    Ok(pool)
}

pub async fn sea_orm(dsn: &str) -> Result<sea_orm::DatabaseConnection> {
    use std::time::Duration;

    use sea_orm::{ConnectOptions, Database};

    let mut options = ConnectOptions::new(dsn);
    options.acquire_timeout(Duration::from_secs(10));
    let db = Database::connect(options).await?;
    Ok(db)
}

#[expect(dead_code, reason = "no server of the test asks for a token in clear text")]
async fn sea_orm_cleartext(dsn: &str) -> Result<sea_orm::DatabaseConnection> {
    use std::time::Duration;

    use sea_orm::{ConnectOptions, Database};

    let mut options = ConnectOptions::new(dsn);
    options.acquire_timeout(Duration::from_secs(10));
    options.map_sqlx_mysql_opts(|options| options.enable_cleartext_plugin(true));
    let db = Database::connect(options).await?;
    Ok(db)
}

pub async fn tokio_postgres(dsn: &str, ca_pem: Option<&str>) -> Result<tokio_postgres::Client> {
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    use rustls::{ClientConfig, RootCertStore};
    use tokio_postgres_rustls::MakeRustlsConnect;

    let trusted = match ca_pem {
        Some(pem) => CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>()?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(trusted);
    let mut tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    tls.alpn_protocols = vec![b"postgresql".to_vec()];
    let config: tokio_postgres::Config = dsn.parse()?;
    let limit = config.get_connect_timeout().copied().unwrap_or_default();
    let connecting = config.connect(MakeRustlsConnect::new(tls));
    let (client, connection) = tokio::time::timeout(limit, connecting).await??;
    tokio::spawn(connection);
    Ok(client)
}

pub fn deadpool_postgres(dsn: &str, ca_pem: Option<&str>) -> Result<deadpool_postgres::Pool> {
    use deadpool_postgres::{Manager, Pool, Runtime};
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    use rustls::{ClientConfig, RootCertStore};
    use tokio_postgres_rustls::MakeRustlsConnect;

    let trusted = match ca_pem {
        Some(pem) => CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>()?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(trusted);
    let mut tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    tls.alpn_protocols = vec![b"postgresql".to_vec()];
    let config: tokio_postgres::Config = dsn.parse()?;
    let limit = config.get_connect_timeout().copied();
    let manager = Manager::new(config, MakeRustlsConnect::new(tls));
    let pool = Pool::builder(manager).create_timeout(limit).runtime(Runtime::Tokio1).build()?;
    Ok(pool)
}

#[cfg(feature = "libpq")]
pub fn diesel(dsn: &str) -> Result<diesel::PgConnection> {
    use diesel::prelude::*;

    let mut connection = PgConnection::establish(dsn)?;
    Ok(connection)
}

#[cfg(feature = "libpq")]
pub fn diesel_pooled(dsn: &str) -> Result<diesel::PgConnection> {
    use diesel::connection::CacheSize;
    use diesel::prelude::*;

    let mut connection = PgConnection::establish(dsn)?;
    connection.set_prepared_statement_cache_size(CacheSize::Disabled);
    Ok(connection)
}

pub async fn diesel_async(dsn: &str, ca_pem: Option<&str>) -> Result<diesel_async::AsyncPgConnection> {
    use diesel_async::AsyncPgConnection;
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    use rustls::{ClientConfig, RootCertStore};
    use tokio_postgres_rustls::MakeRustlsConnect;

    let trusted = match ca_pem {
        Some(pem) => CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>()?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(trusted);
    let mut tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    tls.alpn_protocols = vec![b"postgresql".to_vec()];
    let config: tokio_postgres::Config = dsn.parse()?;
    let limit = config.get_connect_timeout().copied().unwrap_or_default();
    let connecting = config.connect(MakeRustlsConnect::new(tls));
    let (client, connection) = tokio::time::timeout(limit, connecting).await??;
    let mut connection = AsyncPgConnection::try_from_client_and_connection(client, connection).await?;
    Ok(connection)
}

pub async fn mysql_async(dsn: &str) -> Result<mysql_async::Conn> {
    use std::time::Duration;

    use mysql_async::Pool;

    let pool = Pool::from_url(dsn)?;
    let mut connection = tokio::time::timeout(Duration::from_secs(10), pool.get_conn()).await??;
    Ok(connection)
}

pub async fn mysql_async_private(dsn: &str, ca_pem: Option<&str>) -> Result<mysql_async::Conn> {
    use std::time::Duration;

    use mysql_async::{Opts, OptsBuilder, Pool};

    let ca = ca_pem.unwrap_or_default().as_bytes().to_vec();
    let opts = Opts::from_url(dsn)?;
    let tls = opts.ssl_opts().cloned().unwrap_or_default();
    let tls = tls.with_root_certs(vec![ca.into()]).with_disable_built_in_roots(true);
    let pool = Pool::new(OptsBuilder::from_opts(opts).ssl_opts(tls));
    let mut connection = tokio::time::timeout(Duration::from_secs(10), pool.get_conn()).await??;
    Ok(connection)
}
