//! What the API and the proxy may do to us.

use devstack::{Answer as ApiAnswer, Fault};
use reqwest::{StatusCode, header};
use serde_json::json;

use super::Site;
use crate::stand::{lets_in, run, text};

fn busy(status: StatusCode, seconds: Option<u64>) -> Fault {
    let answer = ApiAnswer::json(status, &json!({ "code": "", "message": "later" }));
    Fault::answer(match seconds {
        Some(seconds) => answer.header(header::RETRY_AFTER, seconds),
        None => answer,
    })
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
