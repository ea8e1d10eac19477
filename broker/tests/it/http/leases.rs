//! Leases: who sees them, who extends them, who ends them.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::Command;

use super::{assert_invalid, assert_problem};
use crate::stand::{Caller, Stand, psql, run};

fn id(answer: &Value) -> String {
    answer["lease_id"].as_str().unwrap().to_owned()
}

async fn list(caller: &Caller<'_>, query: &str) -> BTreeSet<String> {
    let body = caller.get(&format!("/v1/leases?{query}")).await.ok();
    body["leases"].as_array().unwrap().iter().map(id).collect()
}

#[test]
fn everyone_sees_the_own_ones_and_operators_all() {
    run(async {
        let stand = Stand::start().await;
        let (a, b, operator) = (stand.caller("app-a"), stand.caller("app-b"), stand.caller("operator"));
        let (first, second) = (id(&a.dsn("orders-reader").await), id(&a.dsn("orders-request").await));
        let third = id(&b.dsn("orders-reader").await);
        a.delete(&format!("/v1/leases/{second}")).await.ok();
        let all = [&first, &second, &third];
        let set = |which: &[usize]| which.iter().map(|index| all[*index].clone()).collect::<BTreeSet<_>>();
        assert_eq!(list(&a, "").await, set(&[0, 1]));
        assert_eq!(list(&b, "").await, set(&[2]));
        for (query, which) in [
            ("", vec![0, 1, 2]),
            ("subject=app-a", vec![0, 1]),
            ("subject=app-*", vec![]),
            ("issuer=cluster", vec![0, 1, 2]),
            ("issuer=other", vec![]),
            ("role=orders-reader", vec![0, 2]),
            ("role=orders-reader&subject=app-b", vec![2]),
            ("database=orders", vec![0, 1, 2]),
            ("database=other", vec![]),
            ("state=active", vec![0, 2]),
            ("state=revoked", vec![1]),
        ] {
            assert_eq!(list(&operator, query).await, set(&which), "{query}");
        }
        assert_eq!(list(&a, "role=orders-reader&state=active").await, set(&[0]));
        for query in ["subject=app-b", "issuer=cluster", "subject=app-a"] {
            assert_problem(&a.get(&format!("/v1/leases?{query}")).await, "forbidden");
        }
        let path = |id: &str| format!("/v1/leases/{id}");
        let unknown = a.get(&path(&uuid::Uuid::nil().to_string())).await.shape();
        for hidden in [third.as_str(), "x", "%00"] {
            assert_eq!(a.get(&path(hidden)).await.shape(), unknown, "{hidden}");
            assert_eq!(a.delete(&path(hidden)).await.shape(), unknown, "{hidden}");
            let renewed = a.post(&format!("{}/renew", path(hidden)), &json!({})).await;
            assert_eq!(renewed.shape(), unknown, "{hidden}");
        }
        let shown = operator.get(&path(&first)).await.ok();
        assert_eq!((&shown["subject"], &shown["state"]), (&"app-a".into(), &"active".into()));
        assert!(!shown.to_string().contains("password"));
        stand.stop().await;
    });
}

#[test]
fn pages_cover_everything_once_while_new_leases_appear() {
    run(async {
        let stand = Stand::start().await;
        let caller = stand.caller("app-orders");
        let mut before = BTreeSet::new();
        for _ in 0..7 {
            before.insert(id(&caller.dsn("orders-request").await));
            stand.clock.advance(Duration::from_millis(5));
        }
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = caller.get(&format!("/v1/leases?limit=2{cursor}")).await.ok();
            let leases = page["leases"].as_array().unwrap();
            assert!(leases.len() <= 2);
            seen.extend(leases.iter().map(id));
            caller.dsn("orders-request").await;
            stand.clock.advance(Duration::from_millis(5));
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen.len(), 7);
        assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), before);
        stand.stop().await;
    });
}

#[test]
fn renewing_extends_the_credential_itself_up_to_its_maximum() {
    run(async {
        let stand = Stand::start().await;
        let caller = stand.caller("app-orders");
        let lease = caller.dsn("orders-request").await;
        let path = format!("/v1/leases/{}/renew", id(&lease));
        let user = lease["parameters"]["user"].as_str().unwrap().to_owned();
        let query = format!(
            "select round(extract(epoch from rolvaliduntil - now()) / 60) from pg_roles where rolname = '{user}'"
        );
        let minutes = async || stand.at_target(&query).await.parse::<i64>().unwrap();
        assert!((60..=62).contains(&minutes().await), "{}", minutes().await);
        let renewed = caller.post(&path, &json!({ "ttl": "2h" })).await.ok();
        assert!((120..=122).contains(&minutes().await), "{}", minutes().await);
        let time = |body: &Value, member: &str| {
            body[member].as_str().unwrap().parse::<dsn_broker::time::Timestamp>().unwrap()
        };
        assert_eq!(time(&renewed, "expires_at"), stand.now() + Duration::from_secs(7200));
        assert_eq!(renewed["max_expires_at"], lease["max_expires_at"]);
        for (body, words) in [
            (json!({ "ttl": "1h" }), "sooner"),
            (json!({ "ttl": "5h" }), "maximum"),
            (json!({ "ttl": "36500d" }), "maximum"),
            (json!({ "ttl": "later" }), "not a duration"),
        ] {
            assert_invalid(&caller.post(&path, &body).await, "ttl", words);
        }
        let operator = stand.caller("operator").post(&path, &json!({})).await;
        assert_problem(&operator, "forbidden");
        caller.post(&path, &json!({ "ttl": "4h" })).await.ok();
        assert_problem(&caller.post(&path, &json!({})).await, "lease-not-renewable");
        let recorded =
            stand.at_ledger("select count(*) from audit_events where action = 'lease.renewed'").await;
        assert_eq!(recorded, "2");
        stand.stop().await;
    });
}

/// A session that would go on for a minute.
async fn session(stand: &Stand, dsn: &str) -> tokio::process::Child {
    let mut command = Command::new("psql");
    command.args(["-XAtc", "select pg_sleep(60)", dsn]).kill_on_drop(true);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let user = url::Url::parse(dsn).unwrap().username().to_owned();
    let query =
        format!("select count(*) from pg_stat_activity where usename = '{user}' and query like '%pg_sleep%'");
    stand
        .until(|| async {
            let count = stand.at_target(&query).await;
            if count == "1" { Ok(()) } else { Err(count) }
        })
        .await;
    child
}

async fn is_cut_off(child: tokio::process::Child) {
    let output =
        tokio::time::timeout(Duration::from_secs(10), child.wait_with_output()).await.unwrap().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("terminating connection"), "{said}");
}

#[test]
fn revoking_a_shared_lease_ends_it_for_all_with_their_sessions() {
    run(async {
        let stand = Stand::start().await;
        let (one, other) = (stand.caller("app-orders"), stand.caller("app-orders"));
        let lease = one.dsn("orders-reader").await;
        assert_eq!(other.dsn("orders-reader").await["lease_id"], lease["lease_id"]);
        let dsn = lease["dsn"].as_str().unwrap();
        let child = session(&stand, dsn).await;
        let path = format!("/v1/leases/{}", id(&lease));
        let ended = one.delete(&path).await.ok();
        assert_eq!((&ended["state"], &ended["reason"]), (&"revoked".into(), &"released".into()));
        is_cut_off(child).await;
        assert!(!psql(dsn, "select 1").await.ok);
        assert_ne!(other.dsn("orders-reader").await["lease_id"], lease["lease_id"]);
        assert_eq!(one.delete(&path).await.ok()["state"], "revoked", "twice is as good as once");
        stand.stop().await;
    });
}

#[test]
fn all_who_revoke_a_lease_at_once_hear_that_it_has_ended() {
    run(async {
        let stand = Stand::start().await;
        let caller = stand.caller("app-orders");
        let lease = caller.dsn("orders-reader").await;
        let path = format!("/v1/leases/{}", id(&lease));
        // One of them ends it; its record stands when the others answer.
        let all = futures_util::future::join_all((0..8).map(|_| caller.delete(&path))).await;
        for answer in all {
            assert_eq!(answer.ok()["state"], "revoked");
        }
        assert_eq!(stand.count("lease.revoked").await, 1);
        stand.stop().await;
    });
}

#[test]
fn an_incident_ends_what_it_concerns_and_nothing_else() {
    run(async {
        let stand = Stand::start().await;
        let operator = stand.caller("operator");
        let (a, b) = (stand.caller("app-a"), stand.caller("app-b"));
        for (body, ended, kept) in [
            (json!({ "issuer": "cluster", "subject": "app-a" }), 2, 1),
            (json!({ "role": "orders-request" }), 1, 2),
            (json!({ "database": "orders" }), 3, 0),
            (json!({ "issuer": "cluster" }), 3, 0),
            (json!({ "database": "other" }), 0, 3),
            (json!({ "subject": "app-b", "role": "orders-request" }), 0, 3),
        ] {
            let first = a.dsn("orders-reader").await;
            a.dsn("orders-request").await;
            b.dsn("orders-reader").await;
            let child = session(&stand, first["dsn"].as_str().unwrap()).await;
            let mut asked = body.clone();
            asked["reason"] = format!("an incident with {body}").into();
            assert_eq!(
                operator.post("/v1/revocations", &asked).await.ok(),
                json!({ "revoked": ended }),
                "{body}"
            );
            stand.until_users(kept).await;
            if !stand.users().await.contains(&first["parameters"]["user"].as_str().unwrap().to_owned()) {
                is_cut_off(child).await;
            }
            let events = operator.get("/v1/audit?action=revocation.requested&limit=1000").await.ok();
            let last = events["events"].as_array().unwrap().last().unwrap().clone();
            let detail: Value = serde_json::from_str(last["detail"].as_str().unwrap()).unwrap();
            assert_eq!(detail["note"], asked["reason"]);
            assert_eq!(last["subject"], "operator");
            operator.post("/v1/revocations", &json!({ "database": "orders", "reason": "again" })).await.ok();
            stand.until_users(0).await;
        }
        for (body, field) in [
            (json!({ "reason": "all" }), "body"),
            (json!({ "role": "orders-reader" }), "body"),
            (json!({ "role": "orders-reader", "reason": "  " }), "reason"),
            (json!({ "role": "orders-reader", "reason": "a\u{0}b" }), "reason"),
            (json!({ "rolle": "orders-reader", "reason": "x" }), "rolle"),
        ] {
            let answer = operator.post("/v1/revocations", &body).await;
            assert_problem(&answer, "invalid-request");
            assert_eq!(answer.json()["field"], field, "{}", answer.text);
        }
        stand.stop().await;
    });
}
