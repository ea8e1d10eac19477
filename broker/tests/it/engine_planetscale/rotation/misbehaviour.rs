//! Whatever the provider does, the password in use goes on, and there is never more than one of a name.

use super::*;

fn error(status: u16) -> Answer {
    let body = json!({ "code": "it", "message": "it will not" });
    Answer::json(StatusCode::from_u16(status).unwrap(), &body)
}

impl Scene {
    /// A rotation that fails like this, once, and what comes of it.
    async fn survives(&self, pair: Pair, fault: Fault, status: u16) {
        let first = self.rotated(pair).await;
        let before = self.asked("POST", pair.path).len();
        self.planetscale.api().misbehave("POST", pair.path, 1, fault);
        let failed = self.rotate(pair).await;
        assert_eq!(failed.status.as_u16(), status, "{}", failed.text);
        assert_eq!(self.asked("POST", pair.path).len(), before + 1, "it is not asked twice");
        assert!(works(&first).await);
        self.until_later("active").await;
        if pair.database == "store" {
            assert_eq!(self.planetscale.live(), USERS[..1]);
        }
        self.rotate(pair).await.ok();
        let second = self.rotated(pair).await;
        assert!(works(&first).await && works(&second).await);
        assert_eq!(self.planetscale.live(), USERS);
        self.until_open("draining active").await;
    }
}

#[test]
fn a_refusal_and_a_lost_answer_leave_the_password_in_use_alone() {
    run(async {
        for pair in PAIRS {
            for (fault, status) in [
                (Fault::answer(error(404)), 502),
                (Fault::drop(), 503),
                (Fault::drop().after_handling(), 503),
            ] {
                let scene = Scene::of(&[pair]).await;
                scene.survives(pair, fault, status).await;
                scene.end().await;
            }
        }
    });
}

#[test]
fn an_answer_without_the_secret_is_none() {
    run(async {
        for pair in PAIRS {
            let scene = Scene::of(&[pair]).await;
            let whole =
                json!({ "id": "x", "name": "report_b", "username": "u", "access_host_url": "localhost" });
            let answer = Answer::json(StatusCode::OK, &whole);
            scene.survives(pair, Fault::answer(answer).after_handling(), 503).await;
            scene.end().await;
        }
    });
}

#[test]
fn a_token_that_may_not_is_told_what_it_needs() {
    run(async {
        for (pair, access) in
            [(SHOP, "delete_production_branch_password"), (STORE, "connect_production_branch")]
        {
            for status in [StatusCode::NOT_FOUND, StatusCode::FORBIDDEN] {
                let scene = Scene::of(&[pair]).await;
                let first = scene.rotated(pair).await;
                scene.planetscale.set_habits(|habits| habits.missing_access = status);
                scene.planetscale.set_access(&scene.token, access, false);
                let refused = scene.rotate(pair).await;
                assert_eq!(refused.status, 502, "{}", refused.text);
                let lines = crate::stand::log::of_request(refused.headers["x-request-id"].to_str().unwrap());
                assert!(lines.iter().any(|line| line.to_string().contains(access)), "{lines:#?}");
                assert!(works(&first).await);
                scene.planetscale.set_access(&scene.token, access, true);
                scene.until_later("active").await;
                scene.rotate(pair).await.ok();
                assert!(works(&first).await && works(&scene.rotated(pair).await).await);
                scene.end().await;
            }
        }
    });
}

#[test]
fn what_cannot_be_ended_is_shown_and_holds_its_name() {
    run(async {
        for pair in PAIRS {
            let scene = Scene::of(&[pair]).await;
            let first = scene.rotated(pair).await;
            let mut session = Session::open(&first).await;
            scene.rotate(pair).await.ok();
            scene.planetscale.set_access(&scene.token, "delete_production_branch_password", false);
            scene.stand.clock.advance(HOUR);
            // Asked of the ledger: to look at the database costs requests, of which there are not any number.
            let why = "select coalesce(max(last_error), '') from leases";
            scene
                .stand
                .until(|| async {
                    scene.stand.clock.advance(Duration::from_secs(1));
                    let why = scene.stand.at_ledger(why).await;
                    if why.contains("delete_production_branch_password") { Ok(()) } else { Err(why) }
                })
                .await;
            let stuck = scene.shown(pair.database).await["stuck_revocations"].clone();
            assert_eq!(stuck[0]["lease_id"], first["lease_id"]);
            assert_eq!(scene.rotate(pair).await.status, 503, "nobody rests");
            assert!(works(&first).await && session.goes_on().await, "it is there, and we know");
            assert_eq!(scene.planetscale.live(), USERS);
            scene.planetscale.set_access(&scene.token, "delete_production_branch_password", true);
            scene.until_later("active").await;
            assert!(!works(&first).await);
            assert!(!session.goes_on().await, "the provider ends sessions with the password");
            let left: &[&str] = if pair.database == "shop" { &USERS } else { &USERS[1..] };
            assert_eq!(scene.planetscale.live(), left);
            scene.end().await;
        }
    });
}

#[test]
fn a_new_one_is_undone_where_the_old_ones_of_its_name_cannot_be_deleted() {
    run(async {
        let (settings, planetscale, token) = with_pairs(&[STORE]).await;
        make(&planetscale, &settings, STORE, "report_a").await;
        planetscale.api().misbehave("DELETE", PASSWORDS, 1, Fault::answer(error(423)));
        let scene = Scene { stand: Stand::on(settings).await, planetscale, token };
        let looks = std::sync::atomic::AtomicU32::new(0);
        scene
            .stand
            .until(|| async {
                // Now and then: what is due has to be done before more is.
                if looks.fetch_add(1, std::sync::atomic::Ordering::Relaxed).is_multiple_of(20) {
                    scene.stand.clock.advance(Duration::from_secs(10));
                }
                let (open, live) = (scene.open().await, scene.planetscale.live());
                // Of the other name, or of the same where it was undone by then.
                let done = open == "active" && live.len() == 1;
                if done { Ok(()) } else { Err(format!("{open} {live:?}")) }
            })
            .await;
        assert!(works(&scene.rotated(STORE).await).await);
        assert!(scene.asked("DELETE", PASSWORDS).len() > 1, "it was refused once");
        scene.end().await;
    });
}

#[test]
fn what_an_incident_overtakes_is_removed_when_it_is_there() {
    run(async {
        let scene = Scene::of(&[STORE]).await;
        let first = scene.rotated(STORE).await;
        // Leases of one moment are in no order.
        scene.stand.clock.advance(Duration::from_secs(1));
        scene.planetscale.api().misbehave("POST", PASSWORDS, 1, Fault::delay(Duration::from_secs(2)));
        let incident = async {
            scene.until_open("active pending").await;
            let body = json!({ "role": STORE.role, "reason": "leaked" });
            scene.stand.caller("operator").post("/v1/revocations", &body).await.ok();
            scene.until_open("").await;
        };
        let (rotated, ()) = tokio::join!(scene.rotate(STORE), incident);
        assert!(rotated.status == 200 || rotated.status == 503, "{}", rotated.text);
        assert!(!works(&first).await);
        assert_eq!(scene.planetscale.live(), [""; 0]);
        scene.end().await;
    });
}
