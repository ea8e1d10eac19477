//! Servers that are not there, do not answer, or are not who they should be.

use devstack::Certificate;
use dsn_broker::config::TlsMode;
use dsn_broker::engine::BuildError;
use tokio::time::Instant;

use super::*;

#[tokio::test]
async fn a_server_that_hangs_is_given_up_in_time_and_is_used_again_when_it_is_back() {
    let server = Server::start(builder()).await;
    let mut database = database(&server.postgres);
    database.timeout = Span(Duration::from_millis(500));
    database.concurrency = 2;
    let engine = engine(&database, ADMIN_PASSWORD);
    engine.inspection.server().await.unwrap();
    server.postgres.pause().await.unwrap();
    // More than there are connections, so that abandoned ones must not keep their places.
    for _ in 0..5 {
        let start = Instant::now();
        let detail = unavailable(engine.inspection.server().await);
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
        assert!(detail.contains("500ms"), "{detail}");
    }
    server.postgres.resume().await.unwrap();
    engine.inspection.server().await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_gone_is_an_error_at_once_with_its_cause() {
    let server = Server::start(builder()).await;
    server.engine.inspection.server().await.unwrap();
    server.postgres.stop().await.unwrap();
    let start = Instant::now();
    let detail = unavailable(server.engine.inspection.server().await);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(detail.contains("refused"), "{detail}");
    assert!(detail.contains(&format!("localhost:{}", server.postgres.port())), "{detail}");
}

#[tokio::test]
async fn a_restart_of_the_server_is_not_noticed() {
    let server = Server::start(builder()).await;
    let made = server.create("restart_1", &spec(&["app_ro"])).await;
    server.postgres.restart().await.unwrap();
    server.users().remove(&made.handle).await.unwrap();
    assert!(!server.exists("restart_1").await);
}

#[tokio::test]
async fn the_server_must_be_who_it_should_be() {
    for (certificate, mode, expected) in [
        (Certificate::WrongName, TlsMode::VerifyFull, Some("not valid for name")),
        (Certificate::WrongName, TlsMode::VerifyCa, None),
        (Certificate::Untrusted, TlsMode::VerifyFull, Some("invalid peer certificate")),
        (Certificate::Untrusted, TlsMode::VerifyCa, Some("invalid peer certificate")),
        (Certificate::None, TlsMode::VerifyFull, Some("does not support TLS")),
        (Certificate::None, TlsMode::VerifyCa, Some("does not support TLS")),
    ] {
        let server = Server::start(builder().certificate(certificate)).await;
        let mut database = database(&server.postgres);
        for endpoint in database.endpoints.values_mut() {
            endpoint.tls = Some(EndpointTls { ca: None, mode, because: None });
        }
        let result = engine(&database, ADMIN_PASSWORD).inspection.server().await;
        match expected {
            Some(expected) => {
                let detail = unavailable(result);
                assert!(detail.contains(expected), "{certificate:?} {mode:?}: {detail}");
            }
            None => drop(result.unwrap()),
        }
    }
}

#[tokio::test]
async fn the_endpoints_own_ca_goes_before_the_databases() {
    let server = &servers().await[0];
    let mut database = database(&server.postgres);
    let good = std::mem::replace(&mut database.tls.ca, Ca::System);
    unavailable(engine(&database, ADMIN_PASSWORD).inspection.server().await);
    for endpoint in database.endpoints.values_mut() {
        let tls = EndpointTls { ca: Some(good.clone()), mode: TlsMode::VerifyFull, because: None };
        endpoint.tls = Some(tls);
    }
    engine(&database, ADMIN_PASSWORD).inspection.server().await.unwrap();
}

#[tokio::test]
async fn a_wrong_admin_password_is_refused_and_not_shown() {
    for server in servers().await {
        let engine = engine(&database(&server.postgres), "not-the-password");
        let detail = refused(engine.inspection.server().await);
        assert!(detail.contains("password authentication failed"), "{detail}");
        assert!(!detail.contains("not-the-password"), "{detail}");
    }
}

#[tokio::test]
async fn what_cannot_be_built_says_what_is_missing() {
    let mut database = database(&servers().await[0].postgres);
    database.tls.ca = Ca::File(Path::new("/nowhere/ca.pem").to_owned());
    let build = |database: &_| try_engine(database, "x").err();
    assert!(matches!(build(&database), Some(BuildError::Ca { path, .. }) if path.ends_with("ca.pem")));
    database.admin.as_mut().unwrap().endpoint = "elsewhere".parse().unwrap();
    assert!(matches!(build(&database), Some(BuildError::NoEndpoint { endpoint }) if endpoint == "elsewhere"));
}
