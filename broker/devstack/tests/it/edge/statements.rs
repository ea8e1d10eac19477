//! Statements that the edge does not let through.

use devstack::{EdgeBuilder, Opening, Refusal};

use super::Stage;
use super::client::Client;
use crate::program::{psql, psql_fails, run};

#[tokio::test]
async fn a_refused_statement_does_not_reach_the_server_and_the_session_goes_on() {
    let stage = Stage::set().await;
    let edge = watched(stage.edge()).start().await.unwrap();
    let url = stage.url(&edge, "app.branch", "secret");
    let complaint =
        psql_fails(&url, "create temporary table ok (); alter role app password 'SCRAM-SHA-256$x'").await;
    assert_eq!(complaint, "ERROR:  no verifiers\n");
    let statements = ["-XAtq", "-c", "select 'SCRAM-SHA-256$x'", "-c", "select 1", &url];
    let output = run("psql", statements.map(str::to_owned).to_vec()).await;
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "1\n");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "ERROR:  no verifiers\n");
    assert!(!stage.server.log().contains("SCRAM-SHA-256$x"));
    assert_eq!(psql(&url, "select 'SCRAM'").await, "SCRAM");
}

#[tokio::test]
async fn a_refused_statement_fails_its_transaction() {
    let stage = Stage::set().await;
    let edge = watched(stage.open_edge()).start().await.unwrap();
    let (mut client, _) = Client::ready(&edge, &stage.ca).await;
    client.query("begin").await;
    client.until(b'Z').await;
    for expected in ["XX000", "25P02"] {
        client.query("select 'SCRAM-SHA-256$x'").await;
        assert_eq!(client.error().await[1], expected);
        assert_eq!(client.next().await.unwrap(), (b'Z', b"E".to_vec()));
    }
    client.query("rollback").await;
    assert_eq!(client.until(b'Z').await.last().unwrap().1, b"I");
}

#[tokio::test]
async fn a_refused_prepared_statement_fails_up_to_the_sync() {
    let stage = Stage::set().await;
    let edge = watched(stage.open_edge()).start().await.unwrap();
    let (mut client, _) = Client::ready(&edge, &stage.ca).await;
    client.send(b'P', b"named\0select 'SCRAM-SHA-256$x', $1\0\0\x01\0\0\0\x19").await;
    client.send(b'B', b"\0named\0\0\0\0\0\0\0").await;
    client.send(b'E', b"\0\0\0\0\0").await;
    client.send(b'S', b"").await;
    assert_eq!(client.error().await, ["ERROR", "XX000", "no verifiers"]);
    assert_eq!(client.next().await.unwrap(), (b'Z', b"I".to_vec()));
    client.send(b'P', b"named\0select 1\0\0\0").await;
    client.send(b'S', b"").await;
    assert_eq!(client.next().await.unwrap().0, b'1');
}

fn watched(builder: EdgeBuilder) -> EdgeBuilder {
    builder.watch(|opening: &Opening, sql| {
        let refused = opening.user == "app.branch" && sql.contains("SCRAM-SHA-256$");
        refused.then(|| Refusal::error("XX000", "no verifiers"))
    })
}
