//! A user per lease, from its first to its last day.

use std::time::Duration;

use serde_json::json;

use super::Site;
use crate::stand::{lets_in, made, psql, run, text};

#[test]
fn a_user_may_do_what_its_groups_may_until_it_is_revoked() {
    run(async {
        let site = Site::start().await;
        let answer = site.dsn("neon-reader").await;
        let dsn = text(&answer, "dsn").to_owned();
        assert_eq!((&answer["engine"], &answer["credential"]), (&"neon".into(), &"dynamic_user".into()));
        let said = psql(&dsn, "show work_mem; select count(*) from app.orders").await;
        assert_eq!(said.stdout, "1MB\n2", "{said:?}");
        let refused = psql(&dsn, "insert into app.orders values (3)").await;
        assert!(refused.stderr.contains("permission denied"), "{refused:?}");
        let until = "select rolvaliduntil between now() + interval '58m' and now() + interval '62m' \
                       from pg_roles where rolname like 'dsn\\_%'";
        assert_eq!(site.see(until).await, "t");
        assert_eq!(site.dsn("neon-reader").await["lease_id"], answer["lease_id"], "it is shared");

        let session = tokio::spawn({
            let dsn = dsn.clone();
            async move { psql(&dsn, "select pg_sleep(600)").await }
        });
        site.until_sessions(1).await;
        site.caller("operator").delete(&format!("/v1/leases/{}", text(&answer, "lease_id"))).await.ok();
        site.until_made(site.neon.postgres(), 0).await;
        let ended = session.await.unwrap();
        assert!(!ended.ok && ended.stderr.contains("terminating connection"), "{ended:?}");
        let refused = psql(&dsn, "select 1").await;
        assert!(refused.stderr.contains("password authentication failed for user 'dsn_"), "{refused:?}");
        site.stop().await;
    });
}

#[test]
fn a_user_is_renewed_followed_by_another_and_ends() {
    run(async {
        let site = Site::start().await;
        let first = site.dsn("neon-reader").await;
        let renew = format!("/v1/leases/{}/renew", text(&first, "lease_id"));
        site.caller("app-orders").post(&renew, &json!({ "ttl": "90m" })).await.ok();
        let until =
            "select rolvaliduntil > now() + interval '90m' from pg_roles where rolname like 'dsn\\_%'";
        assert_eq!(site.see(until).await, "t");
        site.clock.advance(Duration::from_secs(3600));
        // Whoever asks gets the present one while the next is being made.
        site.until(|| async {
            let next = site.dsn("neon-reader").await;
            if next["lease_id"] != first["lease_id"] { Ok(()) } else { Err(next["lease_id"].to_string()) }
        })
        .await;
        let second = site.dsn("neon-reader").await;
        assert!(lets_in(text(&first, "dsn")).await && lets_in(text(&second, "dsn")).await, "they overlap");
        site.until(|| async {
            site.clock.advance(Duration::from_secs(300));
            let users = made(site.neon.postgres()).await;
            if users.is_empty() { Ok(()) } else { Err(format!("{users:?}")) }
        })
        .await;
        assert!(!lets_in(text(&second, "dsn")).await);
        site.stop().await;
    });
}

#[test]
fn what_no_lease_accounts_for_is_swept() {
    run(async {
        let site =
            Site::with(|config| config["databases"]["neon"]["sweep"] = json!({ "mode": "remove" })).await;
        site.dsn("neon-reader").await;
        let orphan = format!("dsn_{}_lost", site.at_ledger("select tag from installation").await);
        site.see(&format!("set session authorization neondb_owner; create role {orphan} login")).await;
        assert_eq!(site.sweep("neon").await, [orphan.as_str()]);
        let left = made(site.neon.postgres()).await;
        assert!(left.len() == 1 && !left.contains(&orphan), "{left:?}");
        site.stop().await;
    });
}
