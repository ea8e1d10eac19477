//! The Rust SDK against a real broker.

mod certificate;
mod keeper;
mod pool;

use std::time::Duration;

use devstack::Port;
use dsn_broker::time::{Clock as _, SystemClock};
use dsn_broker_sdk::{Broker, Error, Proof};
use serde_json::json;

use crate::mysql;
use crate::stand::{Process, Settings, Stand, psql, record, run, until_within};

/// A client of this broker for an application.
fn client(url: &str, settings: &Settings, proof: Proof) -> Broker {
    Broker::builder(url).ca_file(&settings.ca_path).proof(proof).build().unwrap()
}

fn application(settings: &Settings) -> Proof {
    Proof::text(settings.token("app-sdk", SystemClock.now()))
}

/// A broker that is found at the same place again, with leases that live for so long.
struct Restarting {
    port: Port,
    process: Process,
}

impl Restarting {
    async fn start(mut settings: Settings, ttl: &str) -> Self {
        let port = Port::claim().unwrap();
        settings.config["server"]["listen"] = json!(format!("127.0.0.1:{}", port.number()));
        for role in settings.config["roles"].as_object_mut().unwrap().values_mut() {
            (role["ttl"], role["max_ttl"]) = (json!(ttl), json!(ttl));
        }
        Self { port, process: Process::ready(settings).await }
    }

    fn url(&self) -> String {
        format!("https://localhost:{}", self.port.number())
    }

    /// Kills it, and does not start another.
    async fn kill(self) -> (Port, Settings) {
        self.process.signal("KILL").await;
        let (_, settings, _) = self.process.ended().await;
        (self.port, settings)
    }

    async fn again(port: Port, settings: Settings) -> Self {
        let process = Process::again(settings, &[]).await;
        Self { port, process }
    }
}

#[test]
fn a_program_gets_all_parts_and_says_none_of_them() {
    run(async {
        let stand = Stand::start().await;
        let broker = client(&stand.url, &stand.settings, application(&stand.settings));
        let dsn = broker.dsn("orders-reader").await.unwrap();
        assert_eq!((dsn.role(), dsn.database(), dsn.engine()), ("orders-reader", "orders", "postgres"));
        assert_eq!((dsn.host(), dsn.port()), ("localhost", stand.settings.world.orders().port()));
        assert_eq!(dsn.parameter("sslmode"), Some("verify-full"));
        assert_eq!(dsn.ca_pem(), Some(stand.settings.world.ca().pem()));
        assert!(dsn.is_shared() && dsn.remaining() > Duration::from_secs(3500), "{dsn:?}");
        for (said, secret) in [(format!("{dsn:?}"), dsn.password()), (format!("{broker:?}"), "eyJ")] {
            assert!(!said.contains(secret), "{said}");
        }
        let path = stand.settings.ca_path.to_str().unwrap();
        let text = broker.request("orders-reader").format("uri").ca_file(path).get().await.unwrap();
        assert_eq!(text.lease_id(), dsn.lease_id(), "it is the same credential");
        assert_eq!(psql(text.text(), "select current_user").await.stdout, dsn.user());
        let own = broker.request("orders-reader").ttl(Duration::from_secs(60)).fresh().get().await.unwrap();
        assert!(!own.is_shared() && own.remaining() <= Duration::from_secs(60), "{own:?}");
        assert_ne!(own.user(), dsn.user());
        stand.stop().await;
    });
}

#[test]
fn what_goes_wrong_is_said_with_its_kind_and_without_secrets() {
    run(async {
        let stand = Stand::start().await;
        let good = client(&stand.url, &stand.settings, application(&stand.settings));
        let bad = client(&stand.url, &stand.settings, Proof::text("no-token-at-all"));
        let kind = |error: Error| error.kind().unwrap_or_else(|| panic!("{error}")).to_owned();
        assert_eq!(kind(good.dsn("orders-unbound").await.unwrap_err()), "forbidden");
        assert_eq!(
            kind(good.request("orders-reader").format("none").get().await.unwrap_err()),
            "invalid-request"
        );
        let refused = bad.dsn("orders-reader").await.unwrap_err();
        assert!(!refused.is_transient() && !refused.to_string().contains("no-token"), "{refused}");
        assert!(refused.to_string().contains("request "), "an operator can find it: {refused}");
        assert_eq!(kind(refused), "unauthenticated");

        let elsewhere = Broker::builder(&stand.url).proof(Proof::text("x")).build().unwrap();
        let untrusted = elsewhere.dsn("orders-reader").await.unwrap_err();
        assert!(untrusted.is_transient() && untrusted.to_string().contains("certificate"), "{untrusted}");
        let nowhere = Proof::file("/nowhere/token");
        let unproven = client(&stand.url, &stand.settings, nowhere).dsn("orders-reader").await.unwrap_err();
        assert!(unproven.to_string().contains("/nowhere/token"), "{unproven}");
        for (url, words) in [
            ("http://broker.example.com", "https"),
            ("broker", "URL"),
            ("https://who:hidden@broker.example.com", "user"),
            ("https://broker.example.com?key=hidden", "query"),
            ("https://broker.example.com#hidden", "fragment"),
        ] {
            let builder = Broker::builder(url).proof(Proof::text("x"));
            assert!(!format!("{builder:?}").contains("hidden"), "{builder:?}");
            let error = builder.build().unwrap_err().to_string();
            assert!(error.contains(words) && !error.contains("hidden"), "{error}");
        }
        let never = Proof::from_fn(std::future::pending::<Result<String, std::io::Error>>);
        let waiting = Broker::builder(&stand.url).proof(never).timeout(Duration::from_millis(50));
        let error = waiting.build().unwrap().dsn("orders-reader").await.unwrap_err();
        assert!(matches!(error, Error::Proof(_)), "{error}");
        let error = Broker::builder(&stand.url).build().unwrap_err();
        assert!(error.to_string().contains("DSN_BROKER_TOKEN_FILE"), "{error}");
        stand.stop().await;
    });
}

#[test]
fn a_token_that_is_renewed_in_its_file_is_found() {
    run(async {
        let stand = Stand::start().await;
        let file = tempfile::NamedTempFile::new().unwrap();
        let broker = client(&stand.url, &stand.settings, Proof::file(file.path()));
        std::fs::write(file.path(), "old").unwrap();
        assert!(broker.dsn("orders-reader").await.is_err());
        let token = stand.settings.token("app-sdk", stand.now());
        record::secret(&token);
        std::fs::write(file.path(), format!("{token}\n")).unwrap();
        broker.dsn("orders-reader").await.unwrap();
        stand.stop().await;
    });
}

/// Leases have to end, or be followed by others.
async fn until(done: impl AsyncFn() -> bool) {
    until_within(Duration::from_secs(90), done).await;
}

/// Settings with roles on Postgres and on MariaDB.
async fn settings() -> Settings {
    mysql::settings().await.0
}
