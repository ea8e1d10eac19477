//! Roles.

use std::time::Duration;

use serde_json::json;

use super::{ROLES, Scene, servers, text};
use crate::stand::{psql, run};

/// Which way a session has come: the edge tells the server.
const WAY: &str = "select current_setting('pscale.way') || ' ' || current_setting('transaction_read_only')";

#[test]
fn a_dsn_reads_and_does_not_write_and_costs_one_request() {
    run(async {
        let scene = Scene::start().await;
        let answer = scene.stand.caller("app-orders").dsn("shop-reader").await;
        assert_eq!(answer["engine"], "planetscale-postgres");
        assert_eq!(answer["parameters"]["sslmode"], "verify-full");
        assert_eq!(scene.requests().len(), 1, "{:?}", scene.requests());
        let dsn = text(&answer, "dsn");
        let read = psql(dsn, "select count(*) from orders").await;
        assert_eq!(read.stdout, "1", "{read:?}");
        let write = psql(dsn, "insert into orders values (2)").await;
        assert!(!write.ok && write.stderr.contains("permission denied"), "{write:?}");
        let who = psql(dsn, "select current_user").await.stdout;
        assert!(who.starts_with("pscale_api_"), "{who}");
        let user = answer["parameters"]["user"].as_str().unwrap();
        assert!(user.starts_with(&format!("{who}.")), "{user} is routed by its branch");
        // What is shared comes from the cache.
        assert_eq!(scene.stand.caller("app-orders").dsn("shop-reader").await["lease_id"], answer["lease_id"]);
        assert_eq!(scene.requests().len(), 1);
        scene.end().await;
    });
}

#[test]
fn every_endpoint_leads_where_it_says() {
    run(async {
        let scene = Scene::start().await;
        let caller = scene.stand.caller("app-orders");
        for (endpoint, way) in [
            ("primary", "primary off"),
            ("replica", "replica on"),
            ("pooled", "pooled off"),
            ("reads", "bouncer off"),
        ] {
            let path = format!("{}&endpoint={endpoint}", caller.dsn_path("shop-reader"));
            let answer = caller.get(&path).await.ok();
            let found = psql(text(&answer, "dsn"), WAY).await;
            assert_eq!(found.stdout, way, "{endpoint}: {found:?}");
        }
        assert_eq!(scene.asked("POST", ROLES).len(), 1, "one credential for all of them");
        scene.end().await;
    });
}

#[test]
fn without_tls_or_with_another_name_nobody_gets_in() {
    run(async {
        let scene = Scene::start().await;
        let answer = scene.stand.caller("app-orders").dsn("shop-reader").await;
        let dsn = text(&answer, "dsn");
        let plain = psql(&dsn.replace("sslmode=verify-full", "sslmode=disable"), "select 1").await;
        assert!(plain.stderr.contains("SSL connection is required"), "{plain:?}");
        let suffix = psql(&dsn.replace(".ecrmjy2f4a5o", ""), "select 1").await;
        assert!(suffix.stderr.contains("username must include branch"), "{suffix:?}");
        scene.end().await;
    });
}

#[test]
fn a_renewed_lease_outlives_its_first_end_and_no_renewal_goes_beyond_what_was_asked_at_first() {
    run(async {
        let scene = Scene::start().await;
        let caller = scene.stand.caller("app-orders");
        let answer = caller.dsn("shop-reader").await;
        let path = format!("/v1/leases/{}/renew", text(&answer, "lease_id"));
        scene.advance(Duration::from_secs(30 * 60)).await;
        caller.post(&path, &json!({})).await.ok();
        scene.advance(Duration::from_secs(45 * 60)).await;
        let caller = scene.stand.caller("app-orders");
        let late = psql(text(&answer, "dsn"), "select 1").await;
        assert!(late.ok, "{late:?}");
        let longer = caller.post(&path, &json!({ "ttl": "2h" })).await;
        assert_eq!(
            (longer.status.as_u16(), longer.problem().as_str()),
            (502, "engine-refused"),
            "{longer:?}"
        );
        scene.end().await;
    });
}

#[test]
fn what_a_role_owns_goes_to_its_successor() {
    run(async {
        let scene = Scene::with(|config| {
            config["databases"]["shop"]["planetscale"]["allow_default_role"] = true.into();
            let spec = json!({ "kind": "dynamic_user", "member_of": ["postgres"], "successor": "postgres" });
            config["roles"]["shop-request"]["credential"] = spec;
        })
        .await;
        let caller = scene.stand.caller("app-orders");
        let answer = caller.dsn("shop-request").await;
        let made = psql(text(&answer, "dsn"), "create table by_a_lease (id int)").await;
        assert!(made.ok, "{made:?}");
        caller.delete(&format!("/v1/leases/{}", text(&answer, "lease_id"))).await.ok();
        assert_eq!(scene.planetscale.live(), [""; 0]);
        let owner = "select tableowner from pg_tables where tablename = 'by_a_lease'";
        assert_eq!(servers().await.postgres.query_text("shop", owner).await.unwrap(), "pscale_postgres");
        scene.end().await;
    });
}

#[test]
fn with_direct_tls_the_dsn_says_so() {
    run(async {
        let scene = Scene::with(|config| {
            config["databases"]["shop"]["endpoints"]["primary"]["direct_tls"] = true.into();
        })
        .await;
        let answer = scene.stand.caller("app-orders").dsn("shop-reader").await;
        assert!(text(&answer, "dsn").contains("&sslnegotiation=direct&"), "{answer}");
        scene.end().await;
    });
}

#[test]
fn a_role_that_is_not_ready_yet_is_waited_for() {
    run(async {
        let scene = Scene::start().await;
        scene.planetscale.set_habits(|habits| habits.looks_until_ready = 2);
        let answer = scene.stand.caller("app-orders").dsn("shop-reader").await;
        assert!(psql(text(&answer, "dsn"), "select 1").await.ok);
        assert_eq!(scene.asked("GET", ROLES).len(), 2, "looked at until it was");
        scene.end().await;
    });
}

#[test]
fn a_shorter_life_than_was_asked_for_is_the_lifes_of_the_lease() {
    run(async {
        let scene = Scene::start().await;
        scene.planetscale.set_habits(|habits| habits.longest_ttl = Some(600));
        let answer = scene.stand.caller("app-orders").dsn("shop-reader").await;
        let at = |member| chrono::DateTime::parse_from_rfc3339(text(&answer, member)).unwrap();
        assert_eq!((at("expires_at") - at("issued_at")).num_seconds(), 540);
        assert_eq!(answer["renewable"], false);
        scene.end().await;
    });
}

#[test]
fn an_oauth_token_does_as_well() {
    run(async {
        let (mut settings, planetscale, token) = super::settings().await;
        let secret = settings.secret("oauth", &planetscale.oauth_token().unwrap());
        let section = &mut settings.config["databases"]["shop"]["planetscale"];
        section.as_object_mut().unwrap().shift_remove("service_token");
        section["oauth_token"] = secret;
        let scene = Scene { stand: crate::stand::Stand::on(settings).await, planetscale, token };
        let answer = scene.stand.caller("app-orders").dsn("shop-reader").await;
        assert!(psql(text(&answer, "dsn"), "select 1").await.ok);
        scene.end().await;
    });
}
