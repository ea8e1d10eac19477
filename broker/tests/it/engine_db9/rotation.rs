//! Rotated passwords: set with statements, and that of `admin` made up by DB9.

use std::time::Duration;

use devstack::{Answer as ApiAnswer, Db9, Fault};
use dsn_broker::time::{Clock as _, ManualClock, SystemClock};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Site, db9, settings};
use crate::cli::program::configured;
use crate::stand::{Answer, Process, Settings, Stand, lets_in, log, psql, record, run, text};

const HOUR: Duration = Duration::from_secs(3600);
const ROLE: &str = "ninth-rotated";

/// Two users with the same privileges.
const ORDINARY: [&str; 2] = ["report_a", "report_b"];
/// Two superusers; of one DB9 makes up the password.
const SUPERUSERS: [&str; 2] = ["admin", "admin_b"];

const USERS: &str = "
    create role report_a login in role orders_ro; create role report_b login in role orders_ro;
    create role admin_b superuser login;";

/// A database with those users, and a configuration with a role for two of them, rotated by hand.
async fn paired(users: [&str; 2]) -> (Db9, Settings) {
    let db9 = db9().await;
    db9.postgres().execute("postgres", USERS).await.unwrap();
    let settings = settings(&db9, |config| {
        config["databases"]["ninth"]["db9"]["allow_admin"] = users.contains(&"admin").into();
        config["roles"][ROLE] = json!({
            "database": "ninth", "ttl": "1h",
            "credential": { "kind": "rotated_password", "users": users, "rotate": "manual" },
        });
        config["bindings"][0]["roles"].as_array_mut().unwrap().push(ROLE.into());
        config["operators"][0]["may"] = json!(["leases", "revoke", "rotate"]);
    })
    .await;
    (db9, settings)
}

async fn site(users: [&str; 2]) -> Site {
    let (db9, settings) = paired(users).await;
    Site { stand: Stand::on(settings).await, db9 }
}

async fn rotate(site: &Site) -> Answer {
    site.rotate("ninth", ROLE).await
}

async fn works(answer: &Value) -> bool {
    let said = psql(text(answer, "dsn"), "select count(*) from app.orders").await;
    assert!(said.ok || said.stderr.contains("password authentication failed"), "{said:?}");
    said.ok
}

fn user<'a>(site: &Site, answer: &'a Value) -> &'a str {
    let user = text(&answer["parameters"], "user");
    user.strip_prefix(site.db9.tenant()).and_then(|rest| rest.strip_prefix('.')).unwrap()
}

async fn until_state(site: &Site, answer: &Value, state: &str) {
    let query = format!("select state from leases where id = '{}'", text(answer, "lease_id"));
    site.until(|| async {
        let present = site.at_ledger(&query).await;
        if present == state { Ok(()) } else { Err(present) }
    })
    .await;
}

/// What was begun and went wrong is undone.
async fn until_undone(site: &Site) {
    site.until(|| async {
        let pending = site.at_ledger("select last_error from leases where state = 'pending'").await;
        let count = site.at_ledger("select count(*) from leases where state = 'pending'").await;
        if count == "0" { Ok(()) } else { Err(format!("{count} {pending}")) }
    })
    .await;
}

fn resets(site: &Site) -> usize {
    site.asked(Method::POST, "/reset-password")
}

#[test]
fn the_password_of_admin_is_made_up_by_db9_and_the_one_before_is_kept_for_as_long() {
    run(async {
        let site = site(SUPERUSERS).await;
        let first = site.dsn(ROLE).await;
        assert_eq!(user(&site, &first), "admin");
        assert_eq!(first["parameters"]["password"], site.db9.admin_password());
        assert!(works(&first).await);
        rotate(&site).await.ok();
        let second = site.dsn(ROLE).await;
        assert_eq!(user(&site, &second), "admin_b");
        assert!(works(&first).await && works(&second).await);
        assert_eq!(resets(&site), 1);

        site.clock.advance(HOUR);
        until_state(&site, &first, "revoked").await;
        assert!(!works(&first).await && works(&second).await);
        record::secret(&site.db9.admin_password());
        rotate(&site).await.ok();
        let third = site.dsn(ROLE).await;
        assert_eq!(user(&site, &third), "admin");
        assert_eq!(third["parameters"]["password"], site.db9.admin_password());
        assert!(works(&second).await && works(&third).await);
        assert_eq!(resets(&site), 3, "to hand one out, to end it, and to hand out the next");
        site.stop().await;
    });
}

#[test]
fn admin_is_not_rotated_unless_the_operator_says_so_and_never_alone() {
    run(async {
        let (db9, mut settings) = paired(SUPERUSERS).await;
        settings.config["databases"]["ninth"]["db9"]["allow_admin"] = false.into();
        let ended = configured(&settings, &["check"]).await;
        assert_eq!(ended.code, Some(1));
        let mistake = "roles.ninth-rotated.credential.users[0]: `admin` may do everything";
        assert!(ended.stderr.contains(mistake), "{ended:?}");
        settings.config["databases"]["ninth"]["db9"]["allow_admin"] = true.into();
        let ended = configured(&settings, &["check"]).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        settings.config["roles"][ROLE]["credential"]["users"] = json!(["admin", "admin"]);
        let ended = configured(&settings, &["check"]).await;
        assert_eq!(ended.code, Some(1));
        let mistake = "DB9 ends the password of `admin` at once when it makes up another";
        assert!(ended.stderr.contains(mistake), "{ended:?}");
        db9.postgres().end().await.unwrap();
    });
}

#[test]
fn a_password_that_is_not_the_right_one_is_not_adopted() {
    run(async {
        let (db9, mut settings) = paired(ORDINARY).await;
        let set = "alter role report_b password 'Adopted-password-1'";
        db9.postgres().execute("postgres", set).await.unwrap();
        settings.config["roles"][ROLE]["credential"]["adopt"] =
            json!({ "username": "report_b", "password": settings.secret("adopted", "Adopted-password-2") });
        let site = Site { stand: Stand::on(settings).await, db9 };
        let refused = site.try_dsn(ROLE).await;
        assert_eq!(refused.told(), (502, "engine-refused".to_owned()));
        let lines = log::of_request(refused.headers["x-request-id"].to_str().unwrap());
        let why = "correct it, or leave `adopt` out";
        assert!(lines.iter().any(|line| line.to_string().contains(why)), "{lines:#?}");
        site.stop().await;
    });
}

#[test]
fn what_db9_made_up_and_a_crash_kept_from_us_is_good_no_more() {
    run(async {
        let Site { stand, db9 } = site(["admin_b", "admin"]).await;
        let first = stand.dsn(ROLE).await;
        let settings = stand.stop().await;

        let process = Process::again(settings, &[("DSN_BROKER_FAIL", "mint.created")]).await;
        let call = process.request("operator", Method::POST, "/v1/databases/ninth/rotate");
        assert!(call.json(&json!({ "role": ROLE })).send().await.is_err());
        let (_, settings, _) = process.ended().await;
        assert!(works(&first).await);
        let left = db9.admin_password();
        record::secret(&left);

        // Past the deadline of what is pending, and past every claim; not past what was promised.
        let clock = ManualClock::new(SystemClock.now() + Duration::from_secs(600));
        let site = Site { stand: Stand::at(settings, clock).await, db9 };
        until_undone(&site).await;
        assert_ne!(site.db9.admin_password(), left);
        let present = site.dsn(ROLE).await;
        assert_eq!(present["dsn"], first["dsn"]);
        assert!(works(&present).await);
        rotate(&site).await.ok();
        let next = site.dsn(ROLE).await;
        assert_eq!(user(&site, &next), "admin");
        assert!(works(&next).await && works(&present).await);
        site.stop().await;
    });
}

fn json_fault(status: StatusCode) -> ApiAnswer {
    ApiAnswer::json(status, &json!({ "message": "not so" }))
}

#[test]
fn what_the_api_refuses_is_undone_and_the_password_in_use_goes_on() {
    run(async {
        let site = site(ORDINARY).await;
        let first = site.dsn(ROLE).await;
        let sql = format!("/customer/databases/{}/sql", site.db9.tenant());
        site.db9.api().misbehave("POST", &sql, 1, Fault::answer(json_fault(StatusCode::NOT_FOUND)));
        assert_eq!(rotate(&site).await.told(), (502, "engine-refused".to_owned()));
        until_undone(&site).await;
        assert!(works(&site.dsn(ROLE).await).await);
        assert_eq!(site.dsn(ROLE).await["lease_id"], first["lease_id"]);
        rotate(&site).await.ok();
        let second = site.dsn(ROLE).await;
        assert_eq!((user(&site, &first), user(&site, &second)), ("report_a", "report_b"));
        assert!(works(&first).await && works(&second).await);
        assert_eq!(resets(&site), 0);
        site.stop().await;
    });
}

#[test]
fn an_answer_that_is_lost_is_not_asked_for_twice() {
    for (users, path) in [(ORDINARY, "/sql"), (["admin_b", "admin"], "/reset-password")] {
        run(async {
            let site = site(users).await;
            let first = site.dsn(ROLE).await;
            let whole = format!("/customer/databases/{}{path}", site.db9.tenant());
            // Not done: nobody knows, and it is undone when it must be over.
            let page = ApiAnswer::html(StatusCode::INTERNAL_SERVER_ERROR, "<h1>pscale_pw_secret</h1>");
            site.db9.api().misbehave("POST", &whole, 1, Fault::answer(page));
            let before = site.asked(Method::POST, path);
            assert_eq!(rotate(&site).await.told(), (503, "engine-unavailable".to_owned()));
            assert_eq!(site.asked(Method::POST, path), before + 1);
            assert!(works(&site.dsn(ROLE).await).await);
            site.clock.advance(Duration::from_secs(120));
            until_undone(&site).await;
            record::secret(&site.db9.admin_password());
            // Done: the password in force shows it.
            site.db9.api().misbehave("POST", &whole, 1, Fault::drop().after_handling());
            let before = site.asked(Method::POST, path);
            rotate(&site).await.ok();
            assert_eq!(site.asked(Method::POST, path), before + 1);
            let second = site.dsn(ROLE).await;
            assert_eq!(user(&site, &second), users[1]);
            assert!(works(&first).await && works(&second).await);
            site.stop().await;
        });
    }
}

#[test]
fn after_an_incident_sessions_of_admin_are_ended_and_nobody_knows_the_password() {
    run(async {
        let site = site(SUPERUSERS).await;
        let leaked = site.dsn(ROLE).await;
        let dsn = text(&leaked, "dsn").to_owned();
        let session = tokio::spawn(async move { psql(&dsn, "select pg_sleep(600)").await });
        site.until(|| async {
            let sessions = site.db9.edge().sessions();
            if sessions == 1 { Ok(()) } else { Err(format!("{sessions} sessions")) }
        })
        .await;
        let incident = json!({ "role": ROLE, "reason": "leaked" });
        site.caller("operator").post("/v1/revocations", &incident).await.ok();
        let ended = session.await.unwrap();
        assert!(!ended.ok && ended.stderr.contains("terminating connection"), "{ended:?}");
        until_state(&site, &leaked, "revoked").await;
        assert!(!works(&leaked).await);
        record::secret(&site.db9.admin_password());
        assert!(works(&site.dsn(ROLE).await).await);
        site.stop().await;
    });
}

#[test]
fn a_user_that_somebody_dropped_has_no_password() {
    run(async {
        let site = site(ORDINARY).await;
        let first = site.dsn(ROLE).await;
        rotate(&site).await.ok();
        site.db9.postgres().execute("postgres", "drop role report_a").await.unwrap();
        // That is believed only of the list of users.
        let users = format!("/customer/databases/{}/users", site.db9.tenant());
        site.db9.api().misbehave("GET", &users, 999, Fault::answer(json_fault(StatusCode::NOT_FOUND)));
        site.clock.advance(HOUR);
        site.until(|| async {
            let error = site.at_ledger("select last_error from leases where last_error is not null").await;
            if error.contains("404 not so") { Ok(()) } else { Err(error) }
        })
        .await;
        site.db9.api().behave();
        let state = format!("select state from leases where id = '{}'", text(&first, "lease_id"));
        site.until(|| async {
            site.clock.advance(Duration::from_secs(20));
            let present = site.at_ledger(&state).await;
            if present == "revoked" { Ok(()) } else { Err(present) }
        })
        .await;
        site.stop().await;
    });
}

#[test]
fn what_a_pair_can_do_and_what_it_lacks_is_said() {
    run(async {
        let site = site(ORDINARY).await;
        let first = site.dsn(ROLE).await;
        let shown = async || {
            let shown = site.caller("operator").get("/v1/databases/ninth").await.ok();
            shown["roles"][ROLE].clone()
        };
        let can = ["report_a", "report_b"].map(|user| format!("all that the user \"{user}\" was granted"));
        let role = shown().await;
        assert_eq!(role["can"], json!(can), "{role}");
        assert_eq!((&role["warnings"], &role["mistakes"]), (&json!([]), &json!([])));

        let server = site.db9.postgres();
        let change = "alter role report_a nologin; revoke orders_ro from report_a";
        server.execute("postgres", change).await.unwrap();
        let role = shown().await;
        let mistake = "the user \"report_a\" may not log in: ALTER ROLE \"report_a\" LOGIN;";
        assert_eq!(role["mistakes"], json!([mistake]));
        let warning = "the two users are members of different roles (; orders_ro)";
        assert!(role["warnings"][0].as_str().unwrap().starts_with(warning), "{role}");
        server.execute("postgres", "alter role report_b superuser").await.unwrap();
        let role = shown().await;
        let warning = "what works now may not after a rotation: ALTER ROLE \"report_a\" SUPERUSER;";
        assert!(role["warnings"][1].as_str().unwrap().ends_with(warning), "{role}");
        server.execute("postgres", "drop role report_a").await.unwrap();
        let mistake = shown().await["mistakes"][0].as_str().unwrap().to_owned();
        assert!(mistake.starts_with("there is no user \"report_a\": CREATE ROLE \"report_a\" LOGIN;"));

        // It would take the statement, and then not the password.
        site.db9.set_passwordless(true);
        let passwordless = "the database is passwordless and has no such users; use connect tokens";
        assert!(shown().await["mistakes"].as_array().unwrap().contains(&passwordless.into()));
        assert_eq!(rotate(&site).await.told(), (502, "engine-refused".to_owned()));
        assert!(log::text().contains(passwordless));
        assert!(!lets_in(text(&first, "dsn")).await);
        site.stop().await;
    });
}

#[test]
fn check_says_what_it_means_to_hand_out_admin() {
    run(async {
        let (db9, settings) = paired(SUPERUSERS).await;
        configured(&settings, &["migrate"]).await;
        let ended = configured(&settings, &["check", "--live"]).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        for said in [
            "warning: the user \"admin\" is a superuser\n",
            "warning: the user \"admin_b\" is a superuser\n",
            "warning: whoever has an API token can read the password of \"admin\"",
        ] {
            assert!(ended.stdout.contains(said), "{said}\n{}", ended.stdout);
        }
        db9.postgres().end().await.unwrap();
    });
}
