//! Every kind of problem, brought about through the front door.

use std::collections::BTreeSet;

use devstack::{Health, World};
use dsn_broker::http::Kind;
use reqwest::Method;
use serde_json::{Value, json};

use super::assert_problem;
use super::operations::operations;
use crate::stand::{Answer, Settings, Stand, role, run, unique};

/// What was brought about, and by which operation, if by one.
struct Seen(Vec<(&'static str, Option<&'static str>, Answer)>);

impl Seen {
    fn add(&mut self, kind: &'static str, operation: impl Into<Option<&'static str>>, answer: Answer) {
        assert_problem(&answer, kind);
        self.0.push((kind, operation.into(), answer));
    }
}

#[test]
fn every_kind_of_problem_has_its_way_here() {
    run(async {
        let (mut seen, mut others) = (Seen(Vec::new()), Seen(Vec::new()));
        tokio::join!(outages(&mut others), async {
            requests(&mut seen).await;
            lives(&mut seen).await;
            too_fast(&mut seen).await;
        });
        seen.0.append(&mut others.0);
        let names: BTreeSet<_> = seen.0.iter().map(|(kind, ..)| (*kind).to_owned()).collect();
        assert_eq!(names, Kind::ALL.iter().map(|kind| kind.name()).collect());
        let operations = operations();
        for (kind, operation, answer) in seen.0 {
            let meaning = Kind::ALL.into_iter().find(|known| known.name() == kind).unwrap().meaning();
            assert_eq!((answer.status, answer.json()["title"].as_str().unwrap()), meaning);
            let Some(id) = operation else { continue };
            let operation = operations.iter().find(|operation| operation.id == id).unwrap();
            assert!(operation.statuses.contains(&answer.status.as_u16()), "{id} does not document {kind}");
        }
    });
}

/// What is wrong with the request itself.
async fn requests(seen: &mut Seen) {
    let stand = Stand::start().await;
    let caller = stand.caller("app-orders");
    seen.add("invalid-request", "fetch_dsn", caller.get("/v1/dsn/orders-reader?format=odbc").await);
    seen.add("unauthenticated", "whoami", Answer::of(stand.request(Method::GET, "/v1/whoami")).await);
    seen.add("forbidden", "fetch_dsn", caller.get("/v1/dsn/orders-unbound").await);
    seen.add("not-found", None, caller.get("/v1/nothing").await);
    let wrong_method = caller.delete("/v1/roles").await;
    assert_eq!(wrong_method.headers["allow"], "GET,HEAD");
    seen.add("method-not-allowed", None, wrong_method);
    let large = json!({ "format": "x".repeat(70_000) });
    seen.add("body-too-large", "request_dsn", caller.post("/v1/dsn/orders-reader", &large).await);
    stand.stop().await;
}

/// What is wrong with leases.
async fn lives(seen: &mut Seen) {
    let stand = Stand::with(|config| {
        config["roles"]["orders-nobody"] = role("workload");
        config["roles"]["orders-nobody"]["credential"]["member_of"] = json!(["no_such_group"]);
        config["bindings"][0]["roles"] = json!(["orders-request", "orders-nobody"]);
        config["bindings"][0]["max_leases"] = 1.into();
    })
    .await;
    let caller = stand.caller("app-orders");
    let path = format!("/v1/leases/{}", uuid::Uuid::nil());
    seen.add("lease-not-found", "show_lease", caller.get(&path).await);
    seen.add("engine-refused", "fetch_dsn", caller.get(&caller.dsn_path("orders-nobody")).await);
    let lease = caller.dsn("orders-request").await;
    seen.add("quota-exceeded", "fetch_dsn", caller.get(&caller.dsn_path("orders-request")).await);
    let path = format!("/v1/leases/{}", lease["lease_id"].as_str().unwrap());
    caller.delete(&path).await.ok();
    let ended = caller.post(&format!("{path}/renew"), &json!({})).await;
    seen.add("lease-not-renewable", "renew_lease", ended);
    // A defect cannot be asked for: an operator's hand in the ledger stands for it.
    stand.at_ledger("update leases set engine = 'abacus'").await;
    seen.add("internal", "show_lease", caller.get(&path).await);
    stand.stop().await;
}

async fn too_fast(seen: &mut Seen) {
    let stand = Stand::with(|config| {
        config["server"]["limits"]["rate"] = json!({ "per_second": 1, "burst": 1 });
    })
    .await;
    let caller = stand.caller("app-orders");
    caller.get("/v1/whoami").await.ok();
    seen.add("too-many-requests", "whoami", caller.get("/v1/whoami").await);
    stand.caller("app-other").get("/v1/whoami").await.ok();
    stand.stop().await;
}

/// What is wrong with others.
async fn outages(seen: &mut Seen) {
    let world: &'static World = Box::leak(Box::new(World::builder().durable(false).start().await.unwrap()));
    let mut settings = Settings::new(world, &unique()).await;
    settings.config["server"]["limits"]["request_timeout"] = "4s".into();
    settings.config["server"]["limits"]["concurrency"] = 1.into();
    settings.config["ledger"]["timeout"] = "2s".into();
    let stand = Stand::on(settings).await;
    let caller = stand.caller("app-orders");
    let path = caller.dsn_path("orders-reader");

    world.orders().pause().await.unwrap();
    let (one, other) = tokio::join!(caller.get(&path), caller.get(&path));
    let (slow, turned_away) = if one.problem() == "timeout" { (one, other) } else { (other, one) };
    seen.add("timeout", "fetch_dsn", slow);
    seen.add("overloaded", "fetch_dsn", turned_away);
    world.orders().resume().await.unwrap();
    stand
        .until(|| async {
            let answer = caller.get(&path).await;
            if answer.status.is_success() { Ok(()) } else { Err(answer.text) }
        })
        .await;

    world.orders().stop().await.unwrap();
    let fresh: Value = json!({ "fresh": true, "ca_file": stand.settings.ca_path });
    let down = caller.post("/v1/dsn/orders-reader", &fresh).await;
    seen.add("engine-unavailable", "request_dsn", down);
    world.ledger().stop().await.unwrap();
    let cached = caller.get(&path).await;
    assert!(!cached.text.contains("password"), "nothing leaves without a record");
    seen.add("ledger-unavailable", "fetch_dsn", cached);
    seen.add("ledger-unavailable", "list_leases", caller.get("/v1/leases").await);

    world.oidc().set_health(Health::Unavailable);
    let newcomer = Stand::again(stand.settings.replica()).await;
    let unknown = newcomer.caller("app-orders").get("/v1/whoami").await;
    seen.add("issuer-unavailable", "whoami", unknown);
    world.oidc().set_health(Health::Up);
    world.ledger().restart().await.unwrap();
    newcomer.stop().await;
    stand.stop().await;
    for server in [world.orders(), world.ledger()] {
        server.end().await.unwrap();
    }
    world.redis().end().await.unwrap();
}
