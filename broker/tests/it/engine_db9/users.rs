//! A user per lease.

use std::time::Duration;

use super::Site;
use crate::stand::{lets_in, made, psql, run, text};
use serde_json::json;

#[test]
fn a_user_may_do_what_its_groups_may_until_it_is_revoked() {
    run(async {
        let site = Site::start().await;
        let answer = site.dsn("ninth-user").await;
        let dsn = text(&answer, "dsn").to_owned();
        let user = text(&answer["parameters"], "user");
        assert!(user.starts_with(&format!("{}.dsn_", site.db9.tenant())), "{user}");
        let said = psql(&dsn, "show work_mem; select count(*) from app.orders").await;
        assert_eq!(said.stdout, "1MB\n2", "{said:?}");
        let refused = psql(&dsn, "insert into app.orders values (3)").await;
        assert!(refused.stderr.contains("permission denied"), "{refused:?}");
        let until = "select rolvaliduntil between now() + interval '58m' and now() + interval '62m' \
                       from pg_roles where rolname like 'dsn\\_%'";
        assert_eq!(site.db9.postgres().query_text("postgres", until).await.unwrap(), "t");

        let session = tokio::spawn({
            let dsn = dsn.clone();
            async move { psql(&dsn, "select pg_sleep(600)").await }
        });
        site.until(|| async {
            let sessions = site.db9.edge().sessions();
            if sessions == 1 { Ok(()) } else { Err(format!("{sessions} sessions")) }
        })
        .await;
        let lease = text(&answer, "lease_id");
        site.caller("operator").delete(&format!("/v1/leases/{lease}")).await.ok();
        site.until_made(site.db9.postgres(), 0).await;
        let ended = session.await.unwrap();
        assert!(!ended.ok && ended.stderr.contains("terminating connection"), "{ended:?}");
        assert!(!lets_in(&dsn).await);
        site.stop().await;
    });
}

#[test]
fn a_user_is_renewed_and_ends_with_what_it_owns() {
    run(async {
        let site = Site::start().await;
        let caller = site.caller("app-orders");
        let answer = site.dsn("ninth-user").await;
        let renew = format!("/v1/leases/{}/renew", text(&answer, "lease_id"));
        caller.post(&renew, &json!({ "ttl": "3h" })).await.ok();
        let until = "select rolvaliduntil > now() + interval '3h' from pg_roles where rolname like 'dsn\\_%'";
        assert_eq!(site.db9.postgres().query_text("postgres", until).await.unwrap(), "t");

        let user = made(site.db9.postgres()).await.remove(0);
        let owns = format!(
            "grant create on schema app to \"{user}\"; create table app.own (id int); \
                            alter table app.own owner to \"{user}\""
        );
        site.db9.postgres().execute("postgres", &owns).await.unwrap();
        site.clock.advance(Duration::from_secs(3 * 3600 + 1));
        site.until_made(site.db9.postgres(), 0).await;
        assert!(!lets_in(text(&answer, "dsn")).await);
        site.stop().await;
    });
}

#[test]
fn what_no_lease_accounts_for_is_swept() {
    run(async {
        let site =
            Site::with(|config| config["databases"]["ninth"]["sweep"] = json!({ "mode": "remove" })).await;
        site.dsn("ninth-user").await;
        let orphan = format!("dsn_{}_lost", site.at_ledger("select tag from installation").await);
        let make = format!("create role {orphan} login; create role dsn_other_one login");
        site.db9.postgres().execute("postgres", &make).await.unwrap();
        assert_eq!(site.sweep("ninth").await, [orphan.as_str()]);
        let left = made(site.db9.postgres()).await;
        assert!(left.len() == 2 && !left.contains(&orphan), "{left:?}");
        site.stop().await;
    });
}
