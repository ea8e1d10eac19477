//! What goes wrong with the API.

use std::time::Duration;

use axum::http::StatusCode;
use devstack::{Answer, Fault};
use serde_json::{Value, json};

use super::{ROLES, Scene, text};
use crate::stand::{psql, run};

impl Scene {
    /// The next so many requests go wrong like this.
    fn fail(&self, method: &str, path: &str, times: usize, fault: Fault) {
        self.planetscale.api().misbehave(method, path, times, fault);
    }

    /// Asks for a credential that cannot be made; answers status, problem and `Retry-After`.
    async fn refused(&self, role: &str) -> (u16, String, Option<String>) {
        let caller = self.stand.caller("app-orders");
        let answer = caller.get(&caller.dsn_path(role)).await;
        let after = answer.headers.get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        (answer.status.as_u16(), answer.problem(), after)
    }

    /// What cannot be ended, as operators see it.
    async fn until_stuck(&self, database: &str, says: &str) -> Value {
        self.stand
            .until(|| async {
                let stuck = self.shown(database).await["stuck_revocations"].clone();
                let found = stuck[0]["last_error"].as_str().is_some_and(|error| error.contains(says));
                if found { Ok(()) } else { Err(stuck.to_string()) }
            })
            .await;
        self.shown(database).await["stuck_revocations"].clone()
    }

    /// Lets time go by until nothing is left.
    async fn until_gone(&self) {
        self.stand
            .until(|| async {
                self.stand.clock.advance(Duration::from_secs(30));
                let live = self.planetscale.live();
                let open = self.stand.at_ledger("select count(*) from leases where due_at is not null").await;
                if live.is_empty() && open == "0" { Ok(()) } else { Err(format!("{live:?} {open}")) }
            })
            .await;
    }
}

#[test]
fn a_missing_permission_to_create_is_told_with_what_the_token_needs() {
    run(async {
        for status in [StatusCode::NOT_FOUND, StatusCode::FORBIDDEN] {
            let scene = Scene::start().await;
            scene.planetscale.set_habits(|habits| habits.missing_access = status);
            scene.planetscale.set_access(&scene.token, "create_production_branch_password", false);
            scene.planetscale.set_access(&scene.token, "connect_production_branch", false);
            for (role, wanted) in [
                ("shop-request", "create_production_branch_password"),
                ("store-reader", "connect_production_branch"),
            ] {
                let caller = scene.stand.caller("app-orders");
                let answer = caller.get(&caller.dsn_path(role)).await;
                assert_eq!(answer.status, 502, "{}", answer.text);
                let request = answer.headers["x-request-id"].to_str().unwrap();
                let lines = crate::stand::log::of_request(request);
                assert!(lines.iter().any(|line| line.to_string().contains(wanted)), "{lines:#?}");
                assert!(!answer.text.contains(wanted), "that is for the operator: {}", answer.text);
            }
            // Nothing was made, and nothing is left to be done.
            scene.until_gone().await;
            scene.end().await;
        }
    });
}

#[test]
fn a_missing_permission_to_delete_is_no_success_and_is_shown() {
    run(async {
        let scene = Scene::start().await;
        let caller = scene.stand.caller("app-orders");
        for (database, role) in [("shop", "shop-request"), ("store", "store-reader")] {
            let answer = caller.dsn(role).await;
            scene.planetscale.set_access(&scene.token, "delete_production_branch_password", false);
            let path = format!("/v1/leases/{}", text(&answer, "lease_id"));
            let revoked = caller.delete(&path).await.ok();
            assert_eq!(revoked["state"], "draining", "not over yet");
            let stuck = scene.until_stuck(database, "delete_production_branch_password").await;
            assert_eq!(stuck[0]["lease_id"], answer["lease_id"]);
            assert_eq!(scene.planetscale.live().len(), 1);
            scene.planetscale.set_access(&scene.token, "delete_production_branch_password", true);
            scene.until_gone().await;
        }
        scene.end().await;
    });
}

#[test]
fn a_token_that_stopped_to_count_makes_nothing_look_gone() {
    run(async {
        let scene = Scene::start().await;
        let caller = scene.stand.caller("app-orders");
        let answer = caller.dsn("shop-request").await;
        for access in super::ACCESSES {
            scene.planetscale.set_access(&scene.token, access, false);
        }
        let path = format!("/v1/leases/{}", text(&answer, "lease_id"));
        assert_eq!(caller.delete(&path).await.ok()["state"], "draining");
        scene.until_stuck("shop", "404").await;
        assert!(psql(text(&answer, "dsn"), "select 1").await.ok, "it is still there, and we know");
        for access in super::ACCESSES {
            scene.planetscale.set_access(&scene.token, access, true);
        }
        scene.until_gone().await;
        scene.end().await;
    });
}

#[test]
fn an_answer_without_what_it_is_for_is_no_credential() {
    run(async {
        let scene = Scene::start().await;
        let whole = json!({
            "id": "nobody", "name": "x", "username": "u.b", "password": "pscale_pw_x", "access_host_url": "localhost",
        });
        for lacking in ["id", "username", "password", "access_host_url"] {
            let mut body = whole.clone();
            body[lacking] = Value::Null;
            let answer = Answer::json(StatusCode::OK, &body);
            scene.fail("POST", ROLES, 1, Fault::answer(answer).after_handling());
            assert_eq!(scene.refused("shop-request").await.0, 503, "{lacking}");
            scene.until_gone().await;
        }
        scene.end().await;
    });
}

#[test]
fn a_role_that_owns_something_is_shown_with_what_to_do() {
    run(async {
        let scene = Scene::with(|config| {
            config["databases"]["shop"]["planetscale"]["allow_default_role"] = true.into();
            let spec = json!({ "kind": "dynamic_user", "member_of": ["postgres"] });
            config["roles"]["shop-request"]["credential"] = spec;
        })
        .await;
        let caller = scene.stand.caller("app-orders");
        let answer = caller.dsn("shop-request").await;
        let made = psql(text(&answer, "dsn"), "create table owned_by_a_lease (id int)").await;
        assert!(made.ok, "{made:?}");
        let path = format!("/v1/leases/{}", text(&answer, "lease_id"));
        assert_eq!(caller.delete(&path).await.ok()["state"], "draining");
        scene.until_stuck("shop", "successor: postgres").await;
        super::servers().await.postgres.execute("shop", "drop table owned_by_a_lease").await.unwrap();
        scene.until_gone().await;
        scene.end().await;
    });
}

#[test]
fn a_role_that_never_gets_ready_is_removed() {
    run(async {
        let scene = Scene::with(|config| config["databases"]["shop"]["timeout"] = "1s".into()).await;
        scene.planetscale.set_habits(|habits| habits.looks_until_ready = u32::MAX);
        assert_eq!(scene.refused("shop-request").await.0, 503);
        scene.until_gone().await;
        scene.end().await;
    });
}
