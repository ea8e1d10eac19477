//! What the API and the proxy may do to us.

use devstack::{Answer as ApiAnswer, Fault};
use reqwest::{StatusCode, header};
use serde_json::json;

use super::Site;
use crate::stand::{lets_in, made, run, text};

fn busy(status: StatusCode, seconds: Option<u64>) -> Fault {
    let answer = ApiAnswer::json(status, &json!({ "code": "", "message": "later" }));
    Fault::answer(match seconds {
        Some(seconds) => answer.header(header::RETRY_AFTER, seconds),
        None => answer,
    })
}

#[test]
fn what_is_short_is_waited_for() {
    run(async {
        let site = Site::start().await;
        let page = ApiAnswer::html(StatusCode::INTERNAL_SERVER_ERROR, "<h1>npg_secret</h1>");
        for fault in [
            busy(StatusCode::LOCKED, None),
            busy(StatusCode::TOO_MANY_REQUESTS, Some(1)),
            busy(StatusCode::SERVICE_UNAVAILABLE, Some(1)),
            Fault::answer(page),
            Fault::drop(),
        ] {
            site.neon.api().misbehave("GET", "/api/v2/projects/still-lake-12345678/endpoints", 1, fault);
        }
        assert!(lets_in(text(&site.dsn("neon-request").await, "dsn")).await);
        assert_eq!(site.asked("/endpoints"), 6);
        site.stop().await;
    });
}

#[test]
fn what_is_long_is_passed_on() {
    run(async {
        let site = Site::start().await;
        site.neon.api().misbehave("GET", "/api/v2", 999, busy(StatusCode::SERVICE_UNAVAILABLE, Some(60)));
        let answer = site.try_dsn("neon-request").await;
        let after = answer.headers["retry-after"].to_str().unwrap();
        assert_eq!((answer.told(), after), ((503, "engine-unavailable".to_owned()), "60"));
        site.neon.api().behave();
        assert!(lets_in(text(&site.dsn("neon-request").await, "dsn")).await);
        site.neon.api().misbehave("GET", "/api/v2", 999, busy(StatusCode::TOO_MANY_REQUESTS, None));
        assert!(lets_in(text(&site.dsn("neon-request").await, "dsn")).await, "the API is not asked any more");
        site.stop().await;
    });
}

#[test]
fn a_key_that_may_not_do_it_is_told_to_the_operator_alone() {
    run(async {
        let site = Site::start().await;
        let forbidden =
            ApiAnswer::json(StatusCode::NOT_FOUND, &json!({ "code": "", "message": "not found" }));
        site.neon.api().misbehave("GET", "/api/v2/projects/still", 999, Fault::answer(forbidden));
        let answer = site.try_dsn("neon-request").await;
        assert_eq!(answer.told(), (502, "engine-refused".to_owned()));
        assert!(!answer.text.contains("projects"), "{}", answer.text);
        assert_eq!(made(site.neon.postgres()).await, [""; 0]);
        site.stop().await;
    });
}
