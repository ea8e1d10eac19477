//! The ground of the emulators, as `curl` sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::http::{StatusCode, header};
use axum::routing::{get, post};
use devstack::{Answer, Api, Ca, Clock, Fault, Limit};
use serde_json::json;
use tempfile::TempDir;

use crate::program::{fail, succeed};

/// An emulator that can make things and count them.
struct Stage {
    api: Api,
    made: Arc<AtomicUsize>,
    folder: TempDir,
}

impl Stage {
    async fn set() -> Self {
        let ca = Ca::generate().unwrap();
        let folder = tempfile::tempdir().unwrap();
        ca.write_to(folder.path()).unwrap();
        let made = Arc::new(AtomicUsize::new(0));
        let (counted, counter) = (Arc::clone(&made), Arc::clone(&made));
        let routes = Router::new()
            .route("/v1/things", post(async move || (counted.fetch_add(1, Ordering::SeqCst) + 1).to_string()))
            .route("/v1/count", get(async move || counter.load(Ordering::SeqCst).to_string()));
        let issued = ca.issue(&["localhost"]).unwrap();
        let api = Api::start(&issued, &Clock::default(), routes).await.unwrap();
        Self { api, made, folder }
    }

    fn arguments(&self, method: &str, path: &str) -> Vec<String> {
        let trust = format!("{}/ca.pem", self.folder.path().display());
        let url = format!("{}{path}", self.api.url());
        ["-sS", "-X", method, "-w", " %{http_code} %header{retry-after}", "--cacert", &trust, &url]
            .map(str::to_owned)
            .to_vec()
    }

    /// Body, status and `Retry-After`.
    async fn call(&self, method: &str, path: &str) -> String {
        let arguments = self.arguments(method, path);
        succeed("curl", &arguments.iter().map(String::as_str).collect::<Vec<_>>()).await
    }

    async fn call_fails(&self, method: &str, path: &str) -> String {
        let arguments = self.arguments(method, path);
        fail("curl", &arguments.iter().map(String::as_str).collect::<Vec<_>>()).await
    }

    fn made(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn requests_are_answered_and_on_record() {
    let stage = Stage::set().await;
    assert_eq!(stage.call("POST", "/v1/things").await, "1 200");
    assert_eq!(stage.call("GET", "/v1/count?page=2").await, "1 200");
    assert_eq!(stage.call("GET", "/v1/nothing").await, " 404");
    let requests = stage.api.requests();
    let seen: Vec<_> = requests.iter().map(|r| (r.method.as_str(), r.path.as_str(), r.status)).collect();
    let expected = [
        ("POST", "/v1/things", Some(200)),
        ("GET", "/v1/count?page=2", Some(200)),
        ("GET", "/v1/nothing", Some(404)),
    ];
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_fault_strikes_so_often_and_only_whom_it_is_meant_for() {
    let stage = Stage::set().await;
    let locked = Answer::json(StatusCode::LOCKED, &json!({ "code": "" })).header(header::RETRY_AFTER, 7);
    stage.api.misbehave("POST", "/v1/th", 2, Fault::answer(locked));
    stage.api.misbehave("*", "/v1/", 1, Fault::answer(Answer::html(StatusCode::BAD_GATEWAY, "<html>")));
    assert_eq!(stage.call("POST", "/v1/things").await, r#"{"code":""} 423 7"#);
    assert_eq!(stage.call("GET", "/v1/count").await, "<html> 502");
    assert_eq!(stage.call("POST", "/v1/things").await, r#"{"code":""} 423 7"#);
    assert_eq!(stage.call("GET", "/v1/count").await, "0 200");
    assert_eq!(stage.call("POST", "/v1/things").await, "1 200");
    assert_eq!(
        stage.api.requests().iter().map(|r| r.handled).collect::<Vec<_>>(),
        [false, false, false, true, true]
    );
    stage.api.misbehave("*", "/", 1, Fault::answer(Answer::empty(StatusCode::NOT_FOUND)));
    stage.api.behave();
    assert_eq!(stage.call("GET", "/v1/count").await, "1 200");
}

#[tokio::test]
async fn a_connection_can_be_dropped_before_and_after_the_change() {
    let stage = Stage::set().await;
    stage.api.misbehave("POST", "/", 1, Fault::drop());
    stage.api.misbehave("POST", "/", 1, Fault::drop().after_handling());
    let server_error = Answer::json(StatusCode::INTERNAL_SERVER_ERROR, &json!({}));
    stage.api.misbehave("POST", "/", 1, Fault::answer(server_error).after_handling());
    for made in [0, 1] {
        let complaint = stage.call_fails("POST", "/v1/things").await;
        assert!(complaint.contains("curl: ("), "{complaint}");
        assert_eq!(stage.made(), made);
    }
    assert_eq!(stage.call("POST", "/v1/things").await, "{} 500");
    assert_eq!(stage.made(), 2);
    let seen: Vec<_> = stage.api.requests().iter().map(|r| (r.status, r.handled)).collect();
    assert_eq!(seen, [(None, false), (None, true), (Some(500), true)]);
}

#[tokio::test]
async fn an_answer_can_be_late() {
    let stage = Stage::set().await;
    let delay = Duration::from_millis(700);
    stage.api.misbehave("GET", "/", 1, Fault::delay(delay));
    let began = tokio::time::Instant::now();
    assert_eq!(stage.call("GET", "/v1/count").await, "0 200");
    assert!(began.elapsed() >= delay);
}

#[tokio::test]
async fn more_requests_than_the_limit_are_refused_until_time_has_passed() {
    let stage = Stage::set().await;
    let slow_down = Answer::json(StatusCode::TOO_MANY_REQUESTS, &json!({ "message": "slow down" }));
    let hour = Duration::from_secs(3600);
    let limit = Limit::new(2, hour, slow_down);
    for (limit, says_when) in [(limit.clone().retry_after(), true), (limit, false)] {
        stage.api.limit(Some(limit));
        for _ in 0..2 {
            assert_eq!(stage.call("GET", "/v1/count").await, "0 200");
        }
        let refused = stage.call("GET", "/v1/count").await;
        let (_, retry_after) = refused.split_once(r#"{"message":"slow down"} 429"#).unwrap();
        let seconds = retry_after.trim().parse::<u64>().ok();
        assert_eq!(seconds.is_some_and(|seconds| (1500..=1801).contains(&seconds)), says_when, "{refused}");
        assert_eq!(retry_after.trim().is_empty(), !says_when);
        stage.api.clock().advance(hour / 2);
        assert_eq!(stage.call("GET", "/v1/count").await, "0 200");
        assert!(stage.call("GET", "/v1/count").await.contains(" 429"));
    }
    let refused: Vec<_> =
        stage.api.requests().iter().filter(|r| r.status == Some(429)).map(|r| r.handled).collect();
    assert_eq!(refused, [false; 4]);
    stage.api.limit(None);
    assert_eq!(stage.call("GET", "/v1/count").await, "0 200");
}

#[test]
fn clones_of_a_clock_are_put_forward_together() {
    let (clock, hour) = (Clock::default(), Duration::from_secs(3600));
    let before: SystemTime = clock.clone().now();
    clock.clone().advance(hour);
    assert!(clock.now() >= before + hour);
}
