//! Two audiences: what the caller is not told, the log and the audit know.

use serde_json::Value;

use super::assert_problem;
use crate::stand::{Answer, Stand, log, run};

/// Roles that the caller may not use, for all kinds of reasons, and what is written down about them.
fn roles() -> Vec<(String, &'static str)> {
    vec![
        ("orders-unbound".into(), "no binding gives the workload this role"),
        ("orders-nothing".into(), "there is no such role"),
        ("x".repeat(63), "there is no such role"),
        ("x".repeat(64), "is not a name"),
        ("x".repeat(10_000), "is not a name"),
        ("Orders-Unbound".into(), "is not a name"),
        ("orders-unbound%20".into(), "is not a name"),
        ("orders'%3B%20drop%20table%20leases%3B--".into(), "is not a name"),
        ("orders%2Funbound".into(), "is not a name"),
        ("%2e%2e%2f%2e%2e%2fleases".into(), "is not a name"),
        ("a%00b".into(), "is not a name"),
        ("%0d%0ax-injected%3A%20yes".into(), "is not a name"),
        ("%1b%5b31m".into(), "is not a name"),
        ("%ff%fe".into(), "is not a name"),
        ("%E2%80%AE".into(), "is not a name"),
        ("*".into(), "is not a name"),
    ]
}

#[test]
fn what_is_not_granted_looks_like_what_does_not_exist() {
    run(async {
        let stand = Stand::start().await;
        let caller = stand.caller("app-orders");
        let mut first = None;
        for (number, (role, reason)) in roles().into_iter().enumerate() {
            for method in [reqwest::Method::GET, reqwest::Method::POST] {
                let id = format!("{}-{number}-{method}", stand.settings.ledger);
                let path = format!("/v1/dsn/{role}");
                let answer = Answer::of(caller.request(method, &path).header("x-request-id", &id)).await;
                assert_problem(&answer, "forbidden");
                let shape = answer.shape();
                assert_eq!(*first.get_or_insert(shape.clone()), shape, "{role}");
                assert_eq!(answer.headers["x-request-id"], id);

                let lines = log::of_request(&id);
                assert_eq!(lines.len(), 1, "one line per request: {lines:?}");
                let line = &lines[0];
                assert!(line["reason"].as_str().unwrap().contains(reason), "{line}");
                assert_eq!(
                    (&line["problem"], &line["subject"], &line["route"], &line["status"]),
                    (&"forbidden".into(), &"app-orders".into(), &"/v1/dsn/{role}".into(), &403.into())
                );
                assert!(line.to_string().len() < 1000, "what callers make up is cut");
            }
        }
        // The audit has them one by one, until they become a flood.
        stand
            .until(|| async {
                let query = "select count(*) from audit_events where action = 'authorization.refused'";
                let count = stand.at_ledger(query).await;
                if count == "20" { Ok(()) } else { Err(count) }
            })
            .await;
        let unbound = stand
            .at_ledger("select subject, role, detail from audit_events where role = 'orders-unbound' limit 1")
            .await;
        let (who, detail) = unbound.rsplit_once('|').unwrap();
        assert_eq!(who, "app-orders|orders-unbound");
        let detail: Value = serde_json::from_str(detail).unwrap();
        assert_eq!(detail["reason"], "no binding gives the workload this role");
        assert_eq!(stand.users().await, [""; 0]);
        stand.stop().await;
    });
}

#[test]
fn a_flood_of_refusals_is_folded_into_counts() {
    run(async {
        let stand = Stand::start().await;
        for _ in 0..50 {
            assert_problem(&stand.caller("app-orders").get("/v1/dsn/orders-unbound").await, "forbidden");
        }
        stand.clock.advance(std::time::Duration::from_secs(10));
        let sum = "select sum(coalesce((detail::json ->> 'count')::int, 1)) from audit_events \
                   where action = 'authorization.refused'";
        stand
            .until(|| async {
                let count = stand.at_ledger(sum).await;
                if count == "50" { Ok(()) } else { Err(count) }
            })
            .await;
        let rows = "select count(*) from audit_events where action = 'authorization.refused'";
        assert_eq!(stand.at_ledger(rows).await, "21");
        stand.stop().await;
    });
}

#[test]
fn who_failed_to_prove_its_identity_is_on_record_as_far_as_it_is_known() {
    run(async {
        let stand = Stand::start().await;
        let claims = devstack::Claims::of("app-orders").now(crate::stand::seconds(stand.now()));
        let oidc = stand.settings.world.oidc();
        for (bad, issuer, subject) in [
            (devstack::Bad::Expired, Some("cluster"), Some("app-orders")),
            (devstack::Bad::FlippedSignature, Some("cluster"), None),
            (devstack::Bad::NotAJwt, None, None),
        ] {
            let id = format!("{}-{bad:?}", stand.settings.ledger);
            let caller = stand.bearer(oidc.mint_bad(&claims, bad).unwrap());
            let request = caller.request(reqwest::Method::GET, "/v1/whoami").header("x-request-id", &id);
            assert_problem(&Answer::of(request).await, "unauthenticated");
            let query = format!("select detail from audit_events where request = '{id}'");
            stand
                .until(|| async {
                    let detail = stand.at_ledger(&query).await;
                    if detail.is_empty() { Err("not on record".to_owned()) } else { Ok(()) }
                })
                .await;
            let detail: Value = serde_json::from_str(&stand.at_ledger(&query).await).unwrap();
            assert_eq!(
                (detail["issuer"].as_str(), detail["subject"].as_str()),
                (issuer, subject),
                "{detail}"
            );
            assert!(!detail["reason"].as_str().unwrap().is_empty());
            assert_eq!(log::of_request(&id)[0]["reason"], detail["reason"]);
        }
        stand.stop().await;
    });
}
