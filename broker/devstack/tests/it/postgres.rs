//! Postgres as clients see it.

use std::time::{Duration, SystemTime};

use devstack::{Ca, Certificate, ClockOffset, Postgres, PostgresBuilder, Version};

use crate::program::{psql, psql_fails};

#[tokio::test]
async fn a_verifying_client_gets_in_over_tls() {
    let server = quick().start().await.unwrap();
    let sql = "select ssl, (select current_user) from pg_stat_ssl where pid = pg_backend_pid()";
    assert_eq!(psql(&server.superuser_url(), sql).await, "t|postgres");
    let kind = "select rolpassword like 'SCRAM-SHA-256$%' from pg_authid where rolname = 'postgres'";
    assert_eq!(server.query_text("postgres", kind).await.unwrap(), "t");
}

#[tokio::test]
async fn nobody_gets_in_without_tls_or_password() {
    let server = quick().start().await.unwrap();
    let plain = server.superuser_url().replace("verify-full", "disable");
    assert!(psql_fails(&plain, "select 1").await.contains("no encryption"));
    let wrong = server.url("postgres", "wrong", "postgres");
    assert!(psql_fails(&wrong, "select 1").await.contains("password authentication failed"));
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let server = quick().certificate(Certificate::WrongName).start().await.unwrap();
    let complaint = psql_fails(&server.superuser_url(), "select 1").await;
    assert!(complaint.contains("\"wrong.example\"") && complaint.contains("does not match"), "{complaint}");
    let lax = server.superuser_url().replace("verify-full", "verify-ca");
    assert_eq!(psql(&lax, "select 1").await, "1");
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused() {
    let server =
        quick().ca(&Ca::generate().unwrap()).certificate(Certificate::Untrusted).start().await.unwrap();
    let complaint = psql_fails(&server.superuser_url(), "select 1").await;
    assert!(complaint.contains("certificate verify failed"), "{complaint}");
    let lax = server.superuser_url().replace("verify-full&sslrootcert=", "require&application_name=");
    assert_eq!(psql(&lax, "select 1").await, "1");
}

#[tokio::test]
async fn a_server_without_tls_is_refused() {
    let server = quick().certificate(Certificate::None).start().await.unwrap();
    assert!(psql_fails(&server.superuser_url(), "select 1").await.contains("does not support SSL"));
    let lax = server.superuser_url().replace("verify-full", "disable");
    assert_eq!(psql(&lax, "select 1").await, "1");
}

#[tokio::test]
async fn every_version_on_this_machine_starts() {
    for (major, programs) in Postgres::available() {
        let server = quick().version(Version::Major(major)).start().await.unwrap();
        assert_eq!(server.major(), major, "{}", programs.display());
        let number = psql(&server.superuser_url(), "show server_version_num").await;
        assert_eq!(number.parse::<u32>().unwrap() / 10_000, major);
    }
}

#[tokio::test]
async fn a_missing_version_says_how_to_get_it() {
    let error = quick().version(Version::Major(99)).start().await.unwrap_err();
    assert!(error.to_string().contains("devstack install-postgres 99"), "{error:#}");
}

#[tokio::test]
async fn the_clock_can_be_wrong_either_way() {
    for (offset, expected) in [(ClockOffset::Ahead(HOUR), 3600.0), (ClockOffset::Behind(HOUR), -3600.0)] {
        let server = match quick().clock_offset(offset).start().await {
            Ok(server) => server,
            Err(error) => {
                return assert!(error.to_string().contains("apt-get install libfaketime"), "{error:#}");
            }
        };
        let theirs = psql(&server.superuser_url(), "select extract(epoch from clock_timestamp())").await;
        let difference = theirs.parse::<f64>().unwrap() - unix_time();
        assert!((difference - expected).abs() < 60.0, "off by {difference} s");
    }
}

#[tokio::test]
async fn durability_is_a_choice() {
    for (durable, fsync) in [(true, "on"), (false, "off")] {
        let server = Postgres::builder().durable(durable).start().await.unwrap();
        assert_eq!(server.query_text("postgres", "show fsync").await.unwrap(), fsync);
    }
}

#[tokio::test]
async fn settings_of_the_caller_win() {
    let server = quick().setting("max_connections", "7").start().await.unwrap();
    assert_eq!(server.query_text("postgres", "show max_connections").await.unwrap(), "7");
}

#[tokio::test]
async fn statements_stop_at_the_first_error() {
    let server = quick().start().await.unwrap();
    let error =
        server.execute("postgres", "create table a (); select 1/0; create table b ();").await.unwrap_err();
    assert!(error.to_string().contains("division by zero"), "{error:#}");
    let found = server.query_text("postgres", "select to_regclass('a'), to_regclass('b')").await.unwrap();
    assert_eq!(found, "a|");
}

pub(crate) fn quick() -> PostgresBuilder {
    Postgres::builder().durable(false)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the clock of the machine is what the server's is compared with"
)]
fn unix_time() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64()
}

const HOUR: Duration = Duration::from_secs(3600);
