//! Connect tokens.

use std::time::Duration;

use super::{Site, db9, settings};
use crate::cli;
use crate::stand::{lets_in, psql, run, text};
use reqwest::Method;

#[test]
fn a_token_lets_in_its_user_who_may_do_what_it_was_granted() {
    run(async {
        let site = Site::start().await;
        let answer = site.dsn("ninth-token").await;
        let dsn = text(&answer, "dsn");
        let user = format!("{}.orders_app", site.db9.tenant());
        assert_eq!(answer["parameters"]["user"], user);
        assert_eq!(answer["parameters"]["port"], site.db9.edge().port());
        assert_eq!(answer["parameters"]["sslmode"], "verify-full");
        assert_eq!((&answer["engine"], &answer["credential"]), (&"db9".into(), &"connect_token".into()));
        assert_eq!(answer["renewable"], false, "nothing prolongs a token");
        assert!(
            !dsn.contains("channel_binding") && !dsn.contains("require_auth"),
            "in clear text inside TLS"
        );
        let said = psql(dsn, "select current_user, count(*) from app.orders").await;
        assert_eq!(said.stdout, "orders_app|2", "{said:?}");
        let refused = psql(dsn, "insert into app.orders values (3)").await;
        assert!(refused.stderr.contains("permission denied"), "{refused:?}");

        let tampered = dsn.replace(text(&answer["parameters"], "password"), "eyJhbGciOiJSUzI1NiJ9.e30.c2ln");
        let refused = psql(&tampered, "select 1").await;
        assert!(!refused.ok && refused.stderr.contains("password authentication failed"), "{refused:?}");
        assert!(!lets_in(&dsn.replace("orders_app", "admin")).await, "and nobody else");
        let plain = dsn.replace("sslmode=verify-full", "sslmode=disable");
        let refused = psql(&plain, "select 1").await;
        assert!(!refused.ok && refused.stderr.contains("SSL connection is required"), "{refused:?}");
        site.stop().await;
    });
}

#[test]
fn a_token_is_shared_until_half_of_its_time_and_ends_by_itself() {
    run(async {
        let site = Site::start().await;
        let first = site.dsn("ninth-token").await;
        let again = site.dsn("ninth-token").await;
        assert_eq!(first["lease_id"], again["lease_id"]);
        assert_eq!(site.asked(Method::POST, "/connect-token"), 1);
        let life = |answer: &serde_json::Value| {
            let moment = |name| chrono::DateTime::parse_from_rfc3339(text(answer, name)).unwrap();
            (moment("expires_at") - moment("issued_at")).num_seconds()
        };
        assert!((590..=600).contains(&life(&first)), "never more than DB9 says: {}", life(&first));
        assert_eq!(first["expires_at"], first["max_expires_at"]);

        site.clock.advance(Duration::from_secs(310));
        site.db9.api().clock().advance(Duration::from_secs(310));
        // Whoever asks gets the present one while the next is being made.
        site.until(|| async {
            let next = site.dsn("ninth-token").await;
            if next["lease_id"] != first["lease_id"] { Ok(()) } else { Err(next["lease_id"].to_string()) }
        })
        .await;
        let second = site.dsn("ninth-token").await;
        assert!(lets_in(text(&first, "dsn")).await && lets_in(text(&second, "dsn")).await, "they overlap");

        site.clock.advance(Duration::from_secs(295));
        site.db9.api().clock().advance(Duration::from_secs(295));
        assert!(!lets_in(text(&first, "dsn")).await, "its time is over");
        assert!(lets_in(text(&second, "dsn")).await);
        let state = format!("select state from leases where id = '{}'", text(&first, "lease_id"));
        site.until(|| async {
            let state = site.at_ledger(&state).await;
            if state == "revoked" { Ok(()) } else { Err(state) }
        })
        .await;
        site.stop().await;
    });
}

#[test]
fn a_token_that_lives_shorter_than_the_role_says_is_not_said_to_live_longer() {
    run(async {
        let site = Site::start().await;
        site.db9.set_token_life(Duration::ZERO);
        let refused = site.try_dsn("ninth-token").await;
        assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (502, "engine-refused"));
        site.stop().await;
    });
}

#[test]
fn nobody_gets_a_token_of_admin_unless_the_operator_says_so() {
    run(async {
        let db9 = db9().await;
        let mut settings = settings(&db9, |config| {
            config["roles"]["ninth-token"]["credential"]["username"] = "admin".into();
        })
        .await;
        let ended = cli::program::configured(&settings, &["check"]).await;
        assert_eq!(ended.code, Some(1));
        assert!(ended.stderr.contains("`admin` may do everything"), "{ended:?}");
        settings.config["databases"]["ninth"]["db9"]["allow_admin"] = true.into();
        let ended = cli::program::configured(&settings, &["check"]).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
    });
}
