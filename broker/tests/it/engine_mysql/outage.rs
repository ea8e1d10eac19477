//! A server that is not there, or is not the one.

use devstack::{Certificate, MariaDb};
use dsn_broker::config::{EndpointTls, TlsMode};

use super::*;
use crate::stand::mariadb::prepare;
use crate::stand::{run, world};

#[test]
fn a_server_that_comes_back_is_used_again() {
    run(async {
        let mariadb = MariaDb::builder().ca(world().await.ca()).durable(false).start().await.unwrap();
        prepare(&mariadb).await;
        let engine = engine(&database(&mariadb), admin_password());
        let users = engine.dynamic_users.as_deref().unwrap();
        assert_eq!(users.list("dsn_").await.unwrap(), ["dsn_broker"]);
        mariadb.stop().await.unwrap();
        let detail = unavailable(users.list("dsn_").await);
        assert!(detail.contains(&mariadb.port().to_string()), "{detail}");
        mariadb.restart().await.unwrap();
        assert_eq!(users.list("dsn_").await.unwrap(), ["dsn_broker"]);
        // Restarted while nobody looked: what was kept is no good any more.
        mariadb.restart().await.unwrap();
        assert_eq!(users.list("dsn_").await.unwrap(), ["dsn_broker"]);
        mariadb.end().await.unwrap();
    });
}

#[test]
fn a_server_that_is_not_the_one_is_never_spoken_to() {
    run(async {
        let ca = world().await.ca();
        for (certificate, mode, expected) in [
            (Certificate::WrongName, TlsMode::VerifyFull, Some("not valid for name")),
            (Certificate::WrongName, TlsMode::VerifyCa, None),
            (Certificate::Untrusted, TlsMode::VerifyFull, Some("invalid peer certificate")),
            (Certificate::Untrusted, TlsMode::VerifyCa, Some("invalid peer certificate")),
            (Certificate::None, TlsMode::VerifyFull, Some("does not support TLS")),
        ] {
            let mariadb =
                MariaDb::builder().ca(ca).certificate(certificate).durable(false).start().await.unwrap();
            prepare(&mariadb).await;
            let mut database = database(&mariadb);
            for endpoint in database.endpoints.values_mut() {
                endpoint.tls = Some(EndpointTls { ca: None, mode, because: None });
            }
            let answer = engine(&database, admin_password()).inspection.server().await;
            match expected {
                Some(expected) => {
                    let detail = unavailable(answer);
                    assert!(detail.contains(expected), "{certificate:?} {mode:?}: {detail}");
                }
                None => drop(answer.unwrap()),
            }
            mariadb.end().await.unwrap();
        }
    });
}

#[test]
fn a_refusal_does_not_tell_the_password() {
    run(async {
        let server = server().await;
        let password = "Not-the-password-of-anyone";
        let engine = engine(&database(server.mariadb), password);
        let detail = refused(engine.inspection.server().await);
        assert!(detail.contains("1045") && !detail.contains(password), "{detail}");
    });
}
