//! A running broker and its changing configuration.

use serde_json::json;
use tokio::net::TcpListener;

use super::program::settings;
use crate::stand::{Process, Settings, role, run, until};

const BOUND: &str = "/bindings/0/roles";

/// A broker that looks for changes only when told to.
async fn told() -> Process {
    let mut settings = settings().await;
    settings.config["server"]["reload_every"] = json!("1h");
    Process::ready(settings).await
}

fn add_role(settings: &mut Settings) {
    settings.config["roles"]["orders-new"] = role("workload");
    settings.config.pointer_mut(BOUND).unwrap().as_array_mut().unwrap().push(json!("orders-new"));
}

/// Writes the configuration, sends SIGHUP, and waits until the broker has said `message` about it.
async fn reload(served: &Process, message: &str) -> serde_json::Value {
    let before = served.lines();
    served.settings.write();
    served.signal("HUP").await;
    served.said(before, |line| line["message"].as_str().is_some_and(|said| said.starts_with(message))).await
}

#[test]
fn a_new_role_becomes_usable_when_the_broker_is_told() {
    run(async {
        let mut served = told().await;
        assert_eq!(served.get("app-a", &served.dsn("orders-new")).await.problem(), "forbidden");
        add_role(&mut served.settings);
        reload(&served, "configuration loaded").await;
        served.get("app-a", &served.dsn("orders-new")).await.ok();
    });
}

#[test]
fn a_changed_file_is_loaded_without_being_told() {
    run(async {
        let mut served = Process::ready(settings().await).await;
        let before = served.lines();
        add_role(&mut served.settings);
        served.settings.write();
        served.said(before, |line| line["message"] == "configuration loaded").await;
        served.get("app-a", &served.dsn("orders-new")).await.ok();
    });
}

#[test]
fn what_changes_while_it_starts_is_loaded_as_well() {
    run(async {
        let mut settings = settings().await;
        settings.migrate().await;
        // A cache that does not answer: it has read its configuration, and does not listen yet.
        let cache = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("rediss://{}", cache.local_addr().unwrap());
        settings.config["cache"]["redis"]["url"] = settings.secret("redis", &url);
        let before = settings.config.clone();
        add_role(&mut settings);
        settings.write();
        let (file, changed) = (settings.file(), std::fs::read(settings.file()).unwrap());
        settings.config = before;
        let starting = Process::again(settings, &[]);
        let changing = async {
            let silent = cache.accept().await.unwrap();
            std::fs::write(&file, &changed).unwrap();
            silent
        };
        let (served, _silent) = tokio::join!(starting, changing);
        until(async || served.get("app-a", &served.dsn("orders-new")).await.status == 200).await;
    });
}

#[test]
fn a_changed_endpoint_changes_what_is_said_of_a_lease_that_is_cached() {
    run(async {
        let mut served = told().await;
        let first = served.get("app-a", &served.dsn("orders-reader")).await.ok();
        served.settings.config["databases"]["orders"]["endpoints"]["primary"]["connect_timeout"] =
            json!("7s");
        reload(&served, "configuration loaded").await;
        let next = served.get("app-a", &served.dsn("orders-reader")).await.ok();
        assert_eq!(next["lease_id"], first["lease_id"]);
        assert_eq!(next["parameters"]["connect_timeout"], json!(7));
        assert!(next["dsn"].as_str().unwrap().contains("connect_timeout=7"), "{next}");
    });
}

#[test]
fn a_broken_file_is_refused_with_its_reason_and_the_one_before_it_stays() {
    run(async {
        let mut served = told().await;
        let right = served.settings.config.clone();
        add_role(&mut served.settings);
        served.settings.config["roles"]["orders-new"]["ttll"] = json!("1h");
        let line = reload(&served, "configuration refused").await;
        let reason = line["error"].as_str().unwrap();
        assert!(reason.contains("roles.orders-new.ttll: the key `ttll` is not known here"), "{line}");
        assert_eq!(line["level"], "ERROR");
        assert_eq!(served.metric("dsn_broker_config_refused ").await, Some(1.0));

        served.get("app-a", &served.dsn("orders-reader")).await.ok();
        assert_eq!(served.get("app-a", &served.dsn("orders-new")).await.problem(), "forbidden");
        served.settings.config = right;
        add_role(&mut served.settings);
        reload(&served, "configuration loaded").await;
        served.get("app-a", &served.dsn("orders-new")).await.ok();
        assert_eq!(served.metric("dsn_broker_config_refused ").await, Some(0.0));
    });
}

#[test]
fn a_removed_binding_refuses_at_once_also_what_is_cached() {
    run(async {
        let mut served = told().await;
        served.get("app-a", &served.dsn("orders-reader")).await.ok();
        served.settings.config["bindings"] = json!([]);
        reload(&served, "configuration loaded").await;
        assert_eq!(served.get("app-a", &served.dsn("orders-reader")).await.problem(), "forbidden");
    });
}

#[test]
fn what_takes_a_restart_is_named() {
    run(async {
        let mut served = told().await;
        let mark = served.lines();
        served.settings.config["server"]["limits"]["concurrency"] = json!(7);
        served.settings.config["audit"]["heads_every"] = json!("2m");
        reload(&served, "configuration loaded").await;
        let line = served.said(mark, |line| line["message"].as_str().unwrap().contains("restart")).await;
        assert_eq!(line["keys"], "server.limits, audit", "{line}");
    });
}

#[test]
fn a_new_seal_key_keeps_what_is_cached() {
    run(async {
        let mut served = told().await;
        let lease = async |served: &Process, role: &str| {
            served.get("app-a", &served.dsn(role)).await.ok()["lease_id"].clone()
        };
        let old = lease(&served, "orders-reader").await;
        let key = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, [7; 32]);
        let second = json!({ "id": "second", "key": served.settings.secret("seal-2", &key) });
        let first = served.settings.config["seal"]["keys"][0].clone();
        served.settings.config["seal"]["keys"] = json!([second, first]);
        reload(&served, "configuration loaded").await;
        assert_eq!(lease(&served, "orders-reader").await, old);
        let new = lease(&served, "orders-everyone").await;

        // Other replicas share no memory with it: one opens both, one that has the new key alone opens what that sealed.
        let both = Process::again(served.settings.replica(), &[]).await;
        assert_eq!(lease(&both, "orders-reader").await, old);
        let mut settings = served.settings.replica();
        settings.config["seal"]["keys"] = json!([second]);
        let alone = Process::again(settings, &[]).await;
        assert_eq!(lease(&alone, "orders-everyone").await, new);
        assert_ne!(lease(&alone, "orders-reader").await, old);
    });
}
