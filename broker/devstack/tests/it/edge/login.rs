//! Logins through the edge and by it.

use devstack::{Backend, Edge, Opening, Refusal, Route, Upstream};

use super::client::Client;
use super::{Stage, WHO, rewritten};
use crate::program::{psql, psql_fails};

#[tokio::test]
async fn a_wrong_password_is_refused_by_the_server_itself() {
    let stage = Stage::set().await;
    let edge = stage.edge().start().await.unwrap();
    let complaint = psql_fails(&stage.url(&edge, "app.branch", "wrong"), WHO).await;
    assert!(complaint.contains("FATAL:  password authentication failed for user \"app\""), "{complaint}");
}

#[tokio::test]
async fn a_provider_may_say_it_in_its_own_words() {
    let stage = Stage::set().await;
    let upstream = stage.server.plain_upstream();
    let route = move |opening: &Opening| {
        let user = opening.user.clone();
        rewritten(&upstream, opening).reword(move |refusal| match refusal.sqlstate.as_str() {
            "28P01" => Refusal::error("XX000", format!("password authentication failed for user '{user}'")),
            _ => refusal,
        })
    };
    let edge = Edge::builder(&stage.issued).route(route).start().await.unwrap();
    let complaint = psql_fails(&stage.url(&edge, "app.branch", "wrong"), WHO).await;
    assert!(
        complaint.contains("ERROR:  password authentication failed for user 'app.branch'"),
        "{complaint}"
    );
}

#[tokio::test]
async fn a_token_is_checked_by_the_edge() {
    let stage = Stage::set().await;
    let upstream = stage.server.trusting_upstream();
    let route = move |opening: &Opening| {
        let backend = rewritten(&upstream, opening);
        Route::ask_password(move |password| match password {
            "token" => backend.clone().into(),
            _ => Refusal::fatal("28P01", "that is no token").into(),
        })
    };
    let edge = Edge::builder(&stage.issued).route(route).start().await.unwrap();
    assert_eq!(psql(&stage.url(&edge, "app.branch", "token"), WHO).await, "app|orders");
    let complaint = psql_fails(&stage.url(&edge, "app.branch", "secret"), WHO).await;
    assert!(complaint.contains("FATAL:  that is no token"), "{complaint}");
    // The role is the server's, though: it may be closed.
    stage.server.execute("postgres", "alter role app nologin").await.unwrap();
    let complaint = psql_fails(&stage.url(&edge, "app.branch", "token"), WHO).await;
    assert!(complaint.contains("role \"app\" is not permitted to log in"), "{complaint}");
}

#[tokio::test]
async fn the_edge_logs_in_itself_with_a_password() {
    let stage = Stage::set().await;
    let asking = |upstream: Upstream| {
        Edge::builder(&stage.issued).route(move |opening: &Opening| {
            let backend = rewritten(&upstream, opening);
            Route::ask_password(move |password| backend.clone().password(password).into())
        })
    };
    let plain = asking(stage.server.plain_upstream()).start().await.unwrap();
    let over_tls = asking(stage.server.tls_upstream().unwrap()).start().await.unwrap();
    let other_edge = Upstream::verified("one.edge.test", plain.port(), stage.ca.pem()).unwrap();
    let to_other_edge = asking(other_edge).start().await.unwrap();
    for edge in &[plain, over_tls, to_other_edge] {
        assert_eq!(psql(&stage.url(edge, "app.branch", "secret"), WHO).await, "app|orders");
        let complaint = psql_fails(&stage.url(edge, "app.branch", "wrong"), WHO).await;
        assert!(complaint.contains("password authentication failed for user \"app\""), "{complaint}");
    }
}

#[tokio::test]
async fn a_relay_leads_to_another_edge() {
    let stage = Stage::with_one_certificate().await;
    let upstream = stage.server.tls_upstream().unwrap();
    let edge = Edge::builder(&stage.issued)
        .route(move |opening| rewritten(&upstream, opening))
        .start()
        .await
        .unwrap();
    let upstream = Upstream::verified("one.edge.test", edge.port(), stage.ca.pem()).unwrap();
    let relay = Edge::plaintext().route(move |opening| Backend::new(upstream.clone(), opening));
    let relay = relay.start().await.unwrap();
    let url = stage.url(&relay, "app.branch", "secret").replace("verify-full", "disable");
    assert_eq!(psql(&url, WHO).await, "app|orders");
}

#[tokio::test]
async fn a_refusal_arrives_whole() {
    let stage = Stage::set().await;
    let refusal = Refusal::fatal("28000", "branch one does not exist").hint("Make one.");
    let route = move |_: &Opening| refusal.clone();
    let edge = Edge::builder(&stage.issued).route(route).start().await.unwrap();
    let complaint = psql_fails(&stage.url(&edge, "app", "secret"), WHO).await;
    assert!(complaint.contains("FATAL:  branch one does not exist\nHINT:  Make one."), "{complaint}");
    let mut client = Client::tls(&edge, &stage.ca).await;
    client.start(0, &[("user", "app")]).await;
    assert_eq!(client.error().await, ["FATAL", "28000", "branch one does not exist"]);
    client.ended().await;
}

#[tokio::test]
async fn parameters_can_be_kept_from_the_server() {
    let stage = Stage::set().await;
    let upstream = stage.server.trusting_upstream();
    let route = move |opening: &Opening| {
        rewritten(&upstream, opening).keep_parameters(&["application_name"]).user("app")
    };
    let edge = Edge::builder(&stage.issued).route(route).start().await.unwrap();
    let parameters = [("user", "x"), ("channel_binding", "require"), ("application_name", "told")];
    let mut client = Client::tls(&edge, &stage.ca).await;
    client.start(0, &parameters).await;
    client.until(b'Z').await;
    let told = "select current_user, application_name from pg_stat_activity where usename = 'app'";
    assert_eq!(stage.server.query_text("postgres", told).await.unwrap(), "postgres|told");
    let edge = stage.open_edge().start().await.unwrap();
    let mut client = Client::tls(&edge, &stage.ca).await;
    client.start(0, &[("user", "app"), ("channel_binding", "require")]).await;
    let [_, sqlstate, message] = client.error().await;
    assert_eq!(sqlstate, "42704");
    assert!(message.contains("unrecognized configuration parameter"), "{message}");
}

#[tokio::test]
async fn a_newer_protocol_is_brought_down_to_the_one_that_the_edge_speaks() {
    let stage = Stage::set().await;
    let edge = stage.open_edge().start().await.unwrap();
    let mut client = Client::tls(&edge, &stage.ca).await;
    client.start(2, &[("user", "app"), ("_pq_.new", "1")]).await;
    let (tag, body) = client.next().await.unwrap();
    assert_eq!((tag, body.as_slice()), (b'v', b"\0\x03\0\0\0\0\0\x01_pq_.new\0".as_slice()));
    client.until(b'Z').await;
}
