//! The end of a credential, whoever brings it about.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection};

use super::{ROLES, Scene, text};
use crate::stand::{psql, run};

#[test]
fn without_us_it_ends_by_itself_soon_after_its_lease() {
    run(async {
        let scene = Scene::start().await;
        let answer = scene.stand.caller("app-orders").dsn("shop-request").await;
        let mut session = PgConnection::connect(text(&answer, "dsn")).await.unwrap();
        // Our clock stands still.
        scene.planetscale.advance(Duration::from_secs(3600 + 59)).await.unwrap();
        assert!(psql(text(&answer, "dsn"), "select 1").await.ok, "not before");
        scene.planetscale.advance(Duration::from_secs(2)).await.unwrap();
        assert!(!psql(text(&answer, "dsn"), "select 1").await.ok);
        assert!(sqlx::query("select 1").execute(&mut session).await.is_err());
        scene.end().await;
    });
}

#[test]
fn what_is_gone_already_is_removed_with_success() {
    run(async {
        let scene = Scene::start().await;
        let caller = scene.stand.caller("app-orders");
        let answer = caller.dsn("shop-request").await;
        // Somebody else, at the provider's own console.
        let id = scene.stand.at_ledger("select handle ->> 'id' from leases").await;
        let url =
            format!("{}/organizations/acme/databases/shop/branches/main/roles/{id}", scene.planetscale.url());
        let token = format!("{}:{}", scene.token.id, scene.token.secret);
        let deleted = scene.stand.client.delete(&url).header("authorization", token).send().await.unwrap();
        assert_eq!(deleted.status(), 204);
        let revoked = caller.delete(&format!("/v1/leases/{}", text(&answer, "lease_id"))).await.ok();
        assert_eq!(revoked["state"], "revoked");
        let name = scene.stand.at_ledger("select handle ->> 'username' from leases").await;
        let looked = format!("{ROLES}?page=1&per_page=100&q={name}");
        assert_eq!(scene.asked("GET", &looked).len(), 1, "the list says that it is gone");
        scene.end().await;
    });
}

#[test]
fn an_orphan_is_found_and_removed_and_what_is_not_ours_is_left() {
    run(async {
        let scene = Scene::with(|config| {
            config["databases"]["shop"]["sweep"] = serde_json::json!({ "mode": "remove", "every": "1m" });
        })
        .await;
        let tag = scene.stand.at_ledger("select tag from installation").await;
        let url =
            format!("{}/organizations/acme/databases/shop/branches/main/roles", scene.planetscale.url());
        let token = format!("{}:{}", scene.token.id, scene.token.secret);
        // More than a page of them, and two of one name.
        let mut names: Vec<_> = (0..120).map(|number| format!("somebody-{number}")).collect();
        names.extend([format!("dsn_{tag}_lost"), format!("dsn_{tag}_lost"), format!("not_dsn_{tag}_x")]);
        for name in &names {
            let body = serde_json::json!({ "name": name, "ttl": 86400 });
            let made = scene.stand.client.post(&url).header("authorization", &token).json(&body).send().await;
            assert_eq!(made.unwrap().status(), 200);
        }
        scene
            .stand
            .until(|| async {
                scene.stand.clock.advance(Duration::from_secs(20));
                let left = scene.planetscale.live().len();
                if left == 121 { Ok(()) } else { Err(format!("{left}")) }
            })
            .await;
        assert!(scene.planetscale.live().iter().all(|name| !name.starts_with("dsn_")));
        scene.end().await;
    });
}
