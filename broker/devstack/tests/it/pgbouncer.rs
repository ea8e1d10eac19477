//! PgBouncer as clients see it.

use std::net::TcpStream;

use devstack::{Ca, PgBouncer, Postgres};

use crate::postgres::quick;
use crate::process::eventually;
use crate::program::{self, psql, psql_fails};

#[tokio::test]
async fn a_verifying_client_gets_in_and_so_does_the_pooler() {
    let (server, pooler) = pooled().await;
    let sql = "select current_user, ssl, application_name from pg_stat_activity join pg_stat_ssl using (pid) \
               where pid = pg_backend_pid()";
    let url = format!("{}&application_name=somebody", app(&pooler));
    assert_eq!(psql(&url, sql).await, "app|t|somebody");
    let behind = "select count(*) from pg_stat_activity where usename = 'app'";
    assert_eq!(server.query_text("shop", behind).await.unwrap(), "1");
}

#[tokio::test]
async fn nobody_gets_in_without_tls_or_password_or_as_somebody_special() {
    let (server, pooler) = pooled().await;
    let plain = app(&pooler).replace("verify-full", "disable");
    assert!(psql_fails(&plain, "select 1").await.contains("SSL required"));
    let wrong = app(&pooler).replace("secret", "wrong");
    assert!(psql_fails(&wrong, "select 1").await.contains("SASL authentication failed"));
    let bound = format!("{}&channel_binding=require", app(&pooler));
    assert!(psql_fails(&bound, "select 1").await.contains("channel binding"));
    let superuser = url(&pooler, "postgres", server.superuser_password());
    psql_fails(&superuser, "select 1").await;
}

#[tokio::test]
async fn its_certificate_can_be_refused() {
    let (_server, pooler) = pooled().await;
    let misled = format!("{}&hostaddr=127.0.0.1", app(&pooler).replace("@localhost", "@wrong.example"));
    assert!(psql_fails(&misled, "select 1").await.contains("does not match host name"));
    let folder = tempfile::tempdir().unwrap();
    let other = Ca::generate().unwrap().write_to(folder.path()).unwrap();
    let untrusting = app(&pooler).replace(pooler.ca_path().to_str().unwrap(), other.to_str().unwrap());
    assert!(psql_fails(&untrusting, "select 1").await.contains("certificate verify failed"));
}

#[tokio::test]
async fn transactions_take_turns_at_two_server_connections() {
    let (_server, pooler) = pooled().await;
    pooler.fill("app", "secret").await.unwrap();
    let pid = "select pg_backend_pid()";
    let said =
        program::succeed("psql", &["-XAtq", "-c", pid, "-c", pid, "-c", pid, "-c", pid, &app(&pooler)]).await;
    let pids: Vec<_> = said.lines().collect();
    assert_ne!(pids[0], pids[1]);
    assert_eq!(pids[..2], pids[2..]);
}

#[tokio::test]
async fn what_is_prepared_is_not_there_the_next_time() {
    let (_server, pooler) = pooled().await;
    pooler.fill("app", "secret").await.unwrap();
    let url = app(&pooler);
    let statements = ["-c", "prepare one as select 1", "-c", "execute one", &url];
    let arguments = [&["-XAtq", "-v", "ON_ERROR_STOP=1"][..], &statements].concat();
    let complaint = program::fail("psql", &arguments).await;
    assert!(complaint.contains("prepared statement \"one\" does not exist"), "{complaint}");
}

#[tokio::test]
async fn it_survives_a_restart_and_leaves_nothing() {
    let (server, pooler) = pooled().await;
    assert!(pooler.version().starts_with("1."), "{}", pooler.version());
    pooler.restart().await.unwrap();
    assert_eq!(psql(&app(&pooler), "select current_user").await, "app");
    server.restart().await.unwrap();
    assert_eq!(psql(&app(&pooler), "select current_user").await, "app");
    let (folder, port) = (pooler.ca_path().parent().unwrap().to_owned(), pooler.port());
    drop(pooler);
    eventually("the folder goes", || !folder.exists()).await;
    eventually("it ends", || TcpStream::connect(("127.0.0.1", port)).is_err()).await;
}

async fn pooled() -> (Postgres, PgBouncer) {
    let ca = Ca::generate().unwrap();
    let server = quick().ca(&ca).start().await.unwrap();
    server
        .execute("postgres", "create role app login password 'secret'; create database shop")
        .await
        .unwrap();
    let pooler = PgBouncer::start(&ca, &server, "shop").await.unwrap();
    (server, pooler)
}

fn app(pooler: &PgBouncer) -> String {
    url(pooler, "app", "secret")
}

fn url(pooler: &PgBouncer, user: &str, password: &str) -> String {
    let (host, port, ca) = (pooler.host(), pooler.port(), pooler.ca_path().display());
    format!("postgresql://{user}:{password}@{host}:{port}/shop?sslmode=verify-full&sslrootcert={ca}")
}
