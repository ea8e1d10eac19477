//! The life of a pair.

use futures_util::future::join_all;
use reqwest::StatusCode;

use super::*;
use crate::stand::run;

#[test]
fn one_password_is_handed_out_and_the_one_before_stays_good_for_a_ttl() {
    run(async {
        let (stand, users) = stand(json!({ "every": "2h" })).await;
        let first = fetch(&stand).await;
        assert!(works(&first).await);
        assert_eq!((&first["shared"], &first["renewable"]), (&json!(true), &json!(false)));
        assert_eq!(time(&first, "expires_at"), stand.now() + HOUR, "what is promised is a ttl");

        stand.clock.advance(HOUR * 3 / 2);
        let again = fetch(&stand).await;
        assert_eq!(again["lease_id"], first["lease_id"]);
        assert_eq!(time(&again, "refresh_after"), stand.now() + HOUR / 2);
        assert_eq!(time(&again, "expires_at"), stand.now() + HOUR, "from when it is asked for");

        stand.clock.advance(HOUR / 2);
        // The broker rotates by itself when it is time, and so does whoever asks: it is done once.
        fetch(&stand).await;
        until_state(&stand, &first, "draining").await;
        let second = fetch(&stand).await;
        assert_ne!(user(&second), user(&first));
        assert!(works(&second).await && works(&first).await);
        assert_eq!(stand.count("lease.issued").await, 2);

        stand.clock.advance(HOUR);
        until_state(&stand, &first, "revoked").await;
        assert!(!works(&first).await && works(&second).await);

        stand.clock.advance(HOUR);
        until_state(&stand, &second, "draining").await;
        let third = fetch(&stand).await;
        assert_eq!(user(&third), user(&first));
        assert_ne!(third["parameters"]["password"], first["parameters"]["password"]);
        assert!(works(&third).await && works(&second).await && !works(&first).await);
        assert!(users.iter().any(|name| name == user(&third)));
        let settings = stand.stop().await;
        assert_eq!(settings.flaws().await, [""; 0]);
    });
}

#[test]
fn a_password_is_rotated_when_it_is_time_although_nobody_asks() {
    run(async {
        let (stand, _) = stand(json!({ "every": "2h" })).await;
        stand
            .until(|| async {
                let count = stand.count("lease.issued").await;
                if count == 1 { Ok(()) } else { Err(count.to_string()) }
            })
            .await;
        stand.clock.advance(HOUR * 2);
        stand
            .until(|| async {
                let count = stand.count("lease.issued").await;
                if count == 2 { Ok(()) } else { Err(count.to_string()) }
            })
            .await;
        stand.stop().await;
    });
}

#[test]
fn a_known_password_is_adopted_and_rotated_when_an_operator_says_so() {
    run(async {
        let (mut settings, users) = settings(json!("manual")).await;
        let set = format!("alter role {} password 'Adopted-1'", users[1]);
        settings.world.orders().execute(&settings.target, &set).await.unwrap();
        let adopt = json!({ "username": users[1], "password": settings.secret("adopted", "Adopted-1") });
        settings.merge(&json!({ "roles": { "orders-rotated": { "credential": { "adopt": adopt } } } }));
        let stand = Stand::on(settings).await;
        let adopted = fetch(&stand).await;
        assert_eq!(
            (user(&adopted), &adopted["parameters"]["password"]),
            (users[1].as_str(), &json!("Adopted-1"))
        );
        assert!(works(&adopted).await);
        stand.clock.advance(HOUR * 24 * 365);
        let later = fetch(&stand).await;
        assert_eq!(later["lease_id"], adopted["lease_id"], "nobody said so");
        assert_eq!(time(&later, "expires_at"), stand.now() + HOUR);

        rotate(&stand).await.ok();
        let second = fetch(&stand).await;
        assert_eq!(user(&second), users[0]);
        assert!(works(&second).await && works(&adopted).await);
        let too_soon = rotate(&stand).await;
        assert_eq!(too_soon.status, StatusCode::SERVICE_UNAVAILABLE, "{}", too_soon.text);
        assert_eq!(too_soon.problem(), "engine-unavailable");
        let after: u64 = too_soon.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((3000..=3600).contains(&after), "{after}");
        assert!(works(&adopted).await, "what was promised is kept");

        stand.clock.advance(HOUR);
        rotate(&stand).await.ok();
        let third = fetch(&stand).await;
        assert_eq!(user(&third), users[1]);
        assert!(works(&third).await && works(&second).await && !works(&adopted).await);
        assert_eq!(stand.count("rotation.requested").await, 3);
        stand.stop().await;
    });
}

#[test]
fn a_password_that_cannot_be_adopted_is_left_alone() {
    run(async {
        let (mut settings, users) = settings(json!("manual")).await;
        let set = format!("alter role {} password 'Adopted-1'", users[0]);
        settings.world.orders().execute(&settings.target, &set).await.unwrap();
        let adopt = json!({ "username": users[0], "password": settings.secret("adopted", "Adopted-2") });
        settings.merge(&json!({ "roles": { "orders-rotated": { "credential": { "adopt": adopt } } } }));
        let stand = Stand::on(settings).await;
        let caller = stand.caller("app-orders");
        let refused = caller.get(&caller.dsn_path("orders-rotated")).await;
        assert_eq!(refused.problem(), "engine-refused");
        let url = stand.settings.world.orders().url(&users[0], "Adopted-1", &stand.settings.target);
        assert!(psql(&url, "select 1").await.ok);
        stand.stop().await;
    });
}

#[test]
fn without_the_cache_the_password_is_the_same() {
    run(async {
        let (stand, _) = stand(json!({ "every": "2h" })).await;
        let first = fetch(&stand).await;
        let mut other = stand.settings.replica();
        other.config["cache"] = json!({ "local": {} });
        let other = Stand::at(other, stand.clock.clone()).await;
        let answers = join_all((0..10).map(|_| fetch(&other))).await;
        for answer in answers {
            assert_eq!(answer["lease_id"], first["lease_id"]);
            assert_eq!(answer["parameters"]["password"], first["parameters"]["password"]);
        }
        // They rotate at the same time, without a cache to tell each other.
        stand.clock.advance(HOUR * 2);
        let (here, there) = tokio::join!(fetch(&stand), fetch(&other));
        assert!(works(&here).await && works(&there).await);
        until_state(&stand, &first, "draining").await;
        let (here, there) = tokio::join!(fetch(&stand), fetch(&other));
        assert_eq!(here["lease_id"], there["lease_id"]);
        assert_ne!(here["lease_id"], first["lease_id"]);
        assert_eq!(stand.count("lease.issued").await, 2);
        other.stop().await;
        stand.stop().await;
    });
}

#[test]
fn there_is_one_password_and_none_of_ones_own() {
    run(async {
        let (stand, _) = stand(json!({ "every": "2h" })).await;
        for body in [json!({ "fresh": true }), json!({ "ttl": "30m" })] {
            let refused = stand.caller("app-orders").post("/v1/dsn/orders-rotated", &body).await;
            assert_eq!(refused.problem(), "invalid-request", "{}", refused.text);
        }
        let refused =
            stand.caller("app-orders").post("/v1/databases/orders/rotate", &json!({ "role": "x" })).await;
        assert_eq!(refused.problem(), "forbidden");
        let operator = stand.caller("operator");
        let reader = operator.post("/v1/databases/orders/rotate", &json!({ "role": "orders-reader" })).await;
        assert_eq!(reader.problem(), "invalid-request");
        let elsewhere =
            operator.post("/v1/databases/nowhere/rotate", &json!({ "role": "orders-rotated" })).await;
        assert_eq!(elsewhere.problem(), "not-found");
        stand.stop().await;
    });
}

#[test]
fn what_the_users_lack_is_said() {
    run(async {
        let (stand, users) = stand(json!("manual")).await;
        let shown = stand.caller("operator").get("/v1/databases/orders").await.ok();
        let role = &shown["roles"]["orders-rotated"];
        assert_eq!(role["can"], json!(["all that these roles can do: orders_ro"]), "{role}");
        assert_eq!((&role["warnings"], &role["mistakes"]), (&json!([]), &json!([])));
        stand.at_target(&format!("alter role {} nologin; revoke orders_ro from {0}", users[0])).await;
        let shown = stand.caller("operator").get("/v1/databases/orders").await.ok();
        let role = &shown["roles"]["orders-rotated"];
        let mistake = format!("the user \"{0}\" may not log in: ALTER ROLE \"{0}\" LOGIN", users[0]);
        assert_eq!(role["mistakes"], json!([mistake]));
        assert!(role["warnings"][0].as_str().unwrap().contains("members of different roles"), "{role}");
        stand.stop().await;
    });
}
