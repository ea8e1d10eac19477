//! The front door: what callers send, what they get.

mod admin;
mod audiences;
mod completeness;
mod docs;
mod dsn_call;
mod forged;
mod formats;
mod kinds;
mod leases;
mod limits;
mod names;
mod operations;
mod operators;
mod policy;
mod slow;
mod strange;
mod timing;
mod verify_full;
mod wire;

use reqwest::StatusCode;

use crate::stand::Answer;

/// A refusal of this kind that has all that a refusal must have, and nothing else.
#[track_caller]
fn assert_problem(answer: &Answer, kind: &str) {
    assert_eq!(answer.problem(), kind, "{}", answer.text);
    let members: Vec<_> = answer.json().as_object().unwrap().keys().cloned().collect();
    let ours = ["type", "title", "status", "detail", "field"];
    assert!(members.iter().all(|member| ours.contains(&member.as_str())), "{members:?}");
    assert!(!answer.json()["title"].as_str().unwrap().is_empty());
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert!(answer.headers.contains_key("x-request-id"));
    let again = matches!(answer.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    let seconds =
        answer.headers.get("retry-after").map(|value| value.to_str().unwrap().parse::<u32>().unwrap());
    assert_eq!(seconds.is_some_and(|seconds| seconds > 0), again, "{kind}: {seconds:?}");
    assert_eq!(answer.headers.contains_key("www-authenticate"), answer.status == StatusCode::UNAUTHORIZED);
}

/// A refusal of what was asked, because of this field.
#[track_caller]
pub fn assert_invalid(answer: &Answer, field: &str, words: &str) {
    assert_problem(answer, "invalid-request");
    let body = answer.json();
    assert_eq!(body["field"], field, "{}", answer.text);
    assert!(body["detail"].as_str().unwrap().contains(words), "{}", answer.text);
}
