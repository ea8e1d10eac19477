//! What the API may do to us.

use std::time::Duration;

use devstack::{Answer as ApiAnswer, Fault};
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};

use super::{Site, db9, settings};
use crate::stand::{Stand, lets_in, log, made, run, text};

fn saying(status: StatusCode, message: &str) -> Fault {
    Fault::answer(ApiAnswer::json(status, &json!({ "message": message })))
}

fn refused() -> (u16, String) {
    (502, "engine-refused".to_owned())
}

fn unavailable() -> (u16, String) {
    (503, "engine-unavailable".to_owned())
}

#[test]
fn a_scoped_token_and_a_passwordless_database_are_explained() {
    run(async {
        let db9 = db9().await;
        let settings = settings(&db9, |_| {}).await;
        settings.secret("db9-token", db9.scoped_token());
        let site = Site { stand: Stand::on(settings).await, db9 };
        assert_eq!(site.try_dsn("ninth-token").await.told(), refused());
        let scoped = "a token that is scoped to a database cannot make connect tokens";
        assert!(log::text().contains(scoped), "the log says why");
        site.db9.set_passwordless(true);
        assert_eq!(site.try_dsn("ninth-user").await.told(), refused());
        assert!(log::text().contains("the database is passwordless and has no such users"));
        site.stop().await;
    });
}

#[test]
fn a_limit_is_passed_on_and_kept_to() {
    run(async {
        let site = Site::with(unshared).await;
        let busy = ApiAnswer::json(StatusCode::TOO_MANY_REQUESTS, &json!({ "message": "slow down" }));
        let busy = busy.header(header::RETRY_AFTER, header::HeaderValue::from_static("2"));
        site.db9.api().misbehave("POST", "/customer", 1, Fault::answer(busy));
        let answer = site.try_dsn("ninth-token").await;
        assert_eq!((answer.told(), answer.headers["retry-after"].to_str().unwrap()), (unavailable(), "2"));
        // The next one waits until then, and is not refused again.
        assert!(lets_in(text(&site.dsn("ninth-token").await, "dsn")).await);
        site.db9.api().misbehave("POST", "/customer", 1, saying(StatusCode::TOO_MANY_REQUESTS, "slow down"));
        let answer = site.try_dsn("ninth-user").await;
        assert_eq!((answer.told(), answer.headers["retry-after"].to_str().unwrap()), (unavailable(), "10"));
        site.stop().await;
    });
}

#[test]
fn what_may_have_been_done_is_undone() {
    run(async {
        let site = Site::with(unshared).await;
        let page = ApiAnswer::html(StatusCode::INTERNAL_SERVER_ERROR, "<h1>npg_secret</h1>");
        site.db9.api().misbehave("POST", &users(&site), 1, Fault::answer(page));
        assert_eq!(site.try_dsn("ninth-user").await.told(), unavailable());
        site.db9.api().misbehave("POST", &users(&site), 1, Fault::drop().after_handling());
        assert_eq!(site.try_dsn("ninth-user").await.told(), unavailable());
        assert_eq!(made(site.db9.postgres()).await.len(), 1, "it was made, though nobody heard of it");
        // Past the deadline of what is pending.
        site.clock.advance(Duration::from_secs(120));
        site.until_made(site.db9.postgres(), 0).await;
        assert!(lets_in(text(&site.dsn("ninth-user").await, "dsn")).await);
        site.stop().await;
    });
}

#[test]
fn a_statement_that_fails_in_a_success_leaves_no_user() {
    run(async {
        let site = Site::with(|config| {
            config["roles"]["ninth-user"]["credential"]["member_of"] = json!(["orders_ro", "missing"]);
        })
        .await;
        assert_eq!(site.try_dsn("ninth-user").await.told(), refused());
        assert_eq!(site.asked(Method::POST, "/users"), 1);
        site.until_made(site.db9.postgres(), 0).await;
        site.stop().await;
    });
}

#[test]
fn that_a_user_is_gone_is_believed_only_if_it_is_not_in_the_list() {
    run(async {
        let site = Site::start().await;
        let answer = site.dsn("ninth-user").await;
        let path = users(&site);
        site.db9.api().misbehave("DELETE", &path, 2, saying(StatusCode::NOT_FOUND, "database not found"));
        site.caller("operator").delete(&format!("/v1/leases/{}", text(&answer, "lease_id"))).await;
        site.until(|| async {
            let error = site.at_ledger("select last_error from leases").await;
            if error.contains("404 database not found") { Ok(()) } else { Err(error) }
        })
        .await;
        assert_eq!(made(site.db9.postgres()).await.len(), 1);
        assert!(!lets_in(text(&answer, "dsn")).await, "logins ended all the same");
        until_all_ended(&site).await;
        // The answer is lost, and the next try finds that it is gone.
        site.dsn("ninth-user").await;
        site.db9.api().misbehave("DELETE", &path, 1, Fault::drop().after_handling());
        site.clock.advance(Duration::from_secs(3600));
        until_all_ended(&site).await;
        site.stop().await;
    });
}

/// Pushes the clock past the pauses between tries.
async fn until_all_ended(site: &Site) {
    site.until(|| async {
        site.clock.advance(Duration::from_secs(20));
        let open = site.at_ledger("select state, last_error from leases where due_at is not null").await;
        let made = made(site.db9.postgres()).await;
        if open.is_empty() && made.is_empty() { Ok(()) } else { Err(format!("{open} {made:?}")) }
    })
    .await;
}

/// A failure is remembered for a moment for those who share, and they are not tried.
fn unshared(config: &mut Value) {
    for role in ["ninth-token", "ninth-user"] {
        config["roles"][role]["share"] = "request".into();
    }
}

fn users(site: &Site) -> String {
    format!("/customer/databases/{}/users", site.db9.tenant())
}
