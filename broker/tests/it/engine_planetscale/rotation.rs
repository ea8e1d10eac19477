//! Rotated passwords: roles that are reset in turn, passwords that are made anew and deleted.

mod crash;
mod misbehaviour;

use std::time::Duration;

use axum::http::StatusCode;
use devstack::{Answer, Fault};
use sqlx::{Connection as _, MySqlConnection, PgConnection};

use super::*;
use crate::stand::{psql, run};

const HOUR: Duration = Duration::from_secs(3600);

/// A pair, and where.
#[derive(Clone, Copy)]
struct Pair {
    database: &'static str,
    role: &'static str,
    /// Where its credentials are, in the API.
    path: &'static str,
}

const SHOP: Pair = Pair { database: "shop", role: "shop-rotated", path: ROLES };
const STORE: Pair = Pair { database: "store", role: "store-rotated", path: PASSWORDS };
const PAIRS: [Pair; 2] = [SHOP, STORE];
const USERS: [&str; 2] = ["report_a", "report_b"];

/// A configuration with these pairs; the roles of the first are there.
async fn with_pairs(pairs: &[Pair]) -> (Settings, PlanetScale, Token) {
    let (mut settings, planetscale, token) = settings().await;
    for pair in pairs {
        let mut credential = json!({ "kind": "rotated_password", "users": USERS, "rotate": "manual" });
        if pair.database == "store" {
            credential["access"] = "reader".into();
        } else {
            for name in USERS {
                make(&planetscale, &settings, SHOP, name).await;
            }
        }
        settings.config["roles"][pair.role] =
            json!({ "database": pair.database, "ttl": "1h", "credential": credential });
        settings.config["bindings"][0]["roles"].as_array_mut().unwrap().push(pair.role.into());
    }
    settings.config["operators"][0]["may"] = json!(["leases", "revoke", "rotate"]);
    (settings, planetscale, token)
}

/// What somebody makes by hand.
async fn make(planetscale: &PlanetScale, settings: &Settings, pair: Pair, name: &str) -> Value {
    let mine = match pair.database {
        "shop" => json!({ "name": name, "inherited_roles": ["pg_read_all_data"] }),
        _ => json!({ "name": name, "role": "reader" }),
    };
    by_hand(planetscale, settings, "POST", pair.path, mine).await
}

/// A request of somebody who may do everything.
async fn by_hand(
    planetscale: &PlanetScale,
    settings: &Settings,
    method: &str,
    path: &str,
    body: Value,
) -> Value {
    let client = crate::stand::client(&settings.ca_path);
    let url = format!("{}{path}", planetscale.url().trim_end_matches("/v1"));
    let oauth = planetscale.oauth_token().unwrap();
    let request = client.request(method.parse().unwrap(), url).bearer_auth(oauth).json(&body);
    let answer = request.send().await.unwrap();
    assert!(answer.status().is_success(), "{answer:?}");
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default()
}

impl Scene {
    async fn of(pairs: &[Pair]) -> Self {
        let (settings, planetscale, token) = with_pairs(pairs).await;
        Self { stand: Stand::on(settings).await, planetscale, token }
    }

    async fn rotated(&self, pair: Pair) -> Value {
        self.stand.caller("app-orders").dsn(pair.role).await
    }

    async fn rotate(&self, pair: Pair) -> crate::stand::Answer {
        let path = format!("/v1/databases/{}/rotate", pair.database);
        self.stand.caller("operator").post(&path, &json!({ "role": pair.role })).await
    }

    /// The states of the leases that have not ended, the oldest first.
    async fn open(&self) -> String {
        let query =
            "select coalesce(string_agg(state, ' ' order by id), '') from leases where due_at is not null";
        self.stand.at_ledger(query).await
    }

    async fn until_open(&self, states: &str) {
        self.stand
            .until(|| async {
                let open = self.open().await;
                if open == states { Ok(()) } else { Err(open) }
            })
            .await;
    }

    /// … while time goes by: the broker looks at what is due now and then.
    async fn until_later(&self, states: &str) {
        self.stand
            .until(|| async {
                self.stand.clock.advance(Duration::from_secs(5));
                let open = self.open().await;
                if open == states { Ok(()) } else { Err(open) }
            })
            .await;
    }
}

/// Whether the server lets in.
async fn works(answer: &Value) -> bool {
    let dsn = text(answer, "dsn");
    if dsn.starts_with("postgres") {
        let outcome = psql(dsn, "select count(*) from orders").await;
        assert!(outcome.ok || outcome.stderr.contains("password authentication failed"), "{outcome:?}");
        return outcome.ok;
    }
    match MySqlConnection::connect(dsn).await {
        Ok(session) => session.close().await.is_ok(),
        Err(error) => {
            assert!(error.to_string().contains("Access denied"), "{error}");
            false
        }
    }
}

/// A session that goes on.
enum Session {
    Postgres(PgConnection),
    Mysql(MySqlConnection),
}

impl Session {
    async fn open(answer: &Value) -> Self {
        let dsn = text(answer, "dsn");
        match dsn.starts_with("postgres") {
            true => Self::Postgres(PgConnection::connect(dsn).await.unwrap()),
            false => Self::Mysql(MySqlConnection::connect(dsn).await.unwrap()),
        }
    }

    async fn goes_on(&mut self) -> bool {
        match self {
            Self::Postgres(session) => session.ping().await.is_ok(),
            Self::Mysql(session) => session.ping().await.is_ok(),
        }
    }
}

#[test]
fn after_an_incident_nobody_knows_a_password_and_sessions_are_ended() {
    run(async {
        for pair in PAIRS {
            let scene = Scene::of(&[pair]).await;
            let first = scene.rotated(pair).await;
            scene.rotate(pair).await.ok();
            let second = scene.rotated(pair).await;
            let mut session = Session::open(&second).await;
            let incident = json!({ "role": pair.role, "reason": "leaked" });
            scene.stand.caller("operator").post("/v1/revocations", &incident).await.ok();
            scene.until_open("").await;
            assert!(!works(&first).await && !works(&second).await && !session.goes_on().await);
            let next = scene.rotated(pair).await;
            assert!(works(&next).await);
            scene.end().await;
        }
    });
}

#[test]
fn a_pair_of_passwords_may_do_what_the_role_says() {
    run(async {
        let (mut settings, planetscale, token) = with_pairs(&[STORE]).await;
        let credential = &mut settings.config["roles"][STORE.role]["credential"];
        credential["access"] = "writer".into();
        credential["cidrs"] = json!(["127.0.0.0/8"]);
        let scene = Scene { stand: Stand::on(settings).await, planetscale, token };
        let first = scene.rotated(STORE).await;
        scene.rotate(STORE).await.ok();
        for answer in [first, scene.rotated(STORE).await] {
            let mut session = MySqlConnection::connect(text(&answer, "dsn")).await.unwrap();
            let write = "insert into orders values (floor(rand() * 1000000000))";
            sqlx::query(write).execute(&mut session).await.unwrap();
            let read = sqlx::query("select id from orders").execute(&mut session).await.unwrap_err();
            assert!(read.to_string().contains("denied"), "{read}");
        }
        scene.end().await;
    });
}

#[test]
fn what_has_the_same_name_ends_when_the_new_one_is_there() {
    run(async {
        let (settings, planetscale, token) = with_pairs(&[STORE]).await;
        for _ in 0..2 {
            make(&planetscale, &settings, STORE, "report_a").await;
        }
        make(&planetscale, &settings, STORE, "report_ab").await;
        let scene = Scene { stand: Stand::on(settings).await, planetscale, token };
        assert!(works(&scene.rotated(STORE).await).await);
        assert_eq!(scene.planetscale.live(), ["report_a", "report_ab"]);
        let requests = scene.requests();
        let asked: Vec<_> = requests.iter().skip(3).map(|request| request.method.as_str()).collect();
        assert_eq!(asked, ["POST", "GET", "DELETE", "DELETE"]);
        scene.end().await;
    });
}

#[test]
fn a_password_of_a_role_is_adopted_only_if_it_is_the_right_one() {
    run(async {
        let (mut settings, planetscale, token) = with_pairs(&[SHOP]).await;
        let names = ["old_a", "old_b"];
        let mut made = Vec::new();
        for name in names {
            made.push(make(&planetscale, &settings, SHOP, name).await);
        }
        let wrong = settings.secret("wrong", "pscale_pw_wrong");
        let right = settings.secret("right", text(&made[1], "password"));
        let adopt = |name: &str, password: &Value| json!({ "username": name, "password": password });
        settings.config["roles"][SHOP.role]["credential"]["adopt"] = adopt("report_a", &wrong);
        let mut adopting = settings.config["roles"][SHOP.role].clone();
        adopting["credential"]["users"] = json!(names);
        adopting["credential"]["adopt"] = adopt("old_b", &right);
        settings.config["roles"]["shop-adopted"] = adopting;
        settings.config["bindings"][0]["roles"].as_array_mut().unwrap().push("shop-adopted".into());
        let scene = Scene { stand: Stand::on(settings).await, planetscale, token };
        let caller = scene.stand.caller("app-orders");
        let refused = caller.get(&caller.dsn_path(SHOP.role)).await;
        assert_eq!(refused.problem(), "engine-refused");
        let adopted = caller.dsn("shop-adopted").await;
        assert_eq!(adopted["parameters"]["user"], made[1]["username"]);
        assert_eq!(adopted["parameters"]["password"], made[1]["password"]);
        assert!(works(&adopted).await);
        assert_eq!(scene.asked("POST", ROLES).len(), 4, "they were made by hand, and none was reset");
        scene.end().await;
    });
}

#[test]
fn the_default_role_is_reset_only_where_that_is_said() {
    run(async {
        let (mut settings, planetscale, token) = with_pairs(&[SHOP]).await;
        settings.config["databases"]["shop"]["planetscale"]["allow_default_role"] = true.into();
        settings.config["roles"][SHOP.role]["credential"]["users"] = json!(["postgres", "report_b"]);
        let scene = Scene { stand: Stand::on(settings).await, planetscale, token };
        let first = scene.rotated(SHOP).await;
        assert!(text(&first["parameters"], "user").starts_with("postgres."), "{first}");
        assert!(works(&first).await);
        assert_eq!(scene.asked("POST", &format!("{ROLES}/reset-default")).len(), 1);
        let warnings = scene.shown("shop").await["roles"][SHOP.role]["warnings"].to_string();
        assert!(warnings.contains("the default role") && warnings.contains("different"), "{warnings}");
        scene.end().await;

        // Under whatever name it is shown.
        let scene = Scene::of(&[SHOP]).await;
        scene.rotated(SHOP).await;
        let list = json!({ "data": [{ "id": "x", "name": "report_b", "default": true }], "next_page": null });
        let list = Answer::json(StatusCode::OK, &list);
        scene.planetscale.api().misbehave("GET", ROLES, 1, Fault::answer(list));
        assert_eq!(scene.rotate(SHOP).await.problem(), "engine-refused");
        assert_eq!(scene.asked("POST", &format!("{ROLES}/x")).len(), 0);
        scene.end().await;
    });
}

#[test]
fn a_live_check_finds_the_role_that_is_not_there() {
    run(async {
        let (mut settings, planetscale, token) = with_pairs(&PAIRS).await;
        settings.migrate().await;
        settings.write();
        let good = settings.program(&["check", "--live"]).await;
        assert!(good.ok && good.stdout.contains("pg_read_all_data"), "{good:?}");
        settings.config["roles"][SHOP.role]["credential"]["users"][1] = "report_c".into();
        settings.write();
        let bad = settings.program(&["check", "--live"]).await;
        assert!(!bad.ok && format!("{bad:?}").contains("pscale role create shop main report_c"), "{bad:?}");
        assert!(!format!("{good:?}{bad:?}").contains(&token.secret));
        let changed = planetscale.api().requests().into_iter().filter(|request| request.method != "GET");
        assert_eq!(changed.count(), 2, "made by hand; a check changes nothing");
    });
}

#[test]
fn what_a_pair_lacks_is_said() {
    run(async {
        let scene = Scene::of(&PAIRS).await;
        let shown = async |pair: Pair| scene.shown(pair.database).await["roles"][pair.role].clone();
        scene.rotated(STORE).await;
        scene.rotated(SHOP).await;
        for (pair, can) in
            [(SHOP, "all that these roles can do: pg_read_all_data"), (STORE, "select on all tables")]
        {
            let found = json!({ "can": [can], "warnings": [], "mistakes": [] });
            assert_eq!(shown(pair).await, found);
        }
        let settings = &scene.stand.settings;
        make(&scene.planetscale, settings, STORE, "report_b").await;
        make(&scene.planetscale, settings, STORE, "report_b").await;
        let warnings = shown(STORE).await["warnings"].to_string();
        assert!(warnings.contains("2 passwords are called \\\"report_b\\\""), "{warnings}");

        let list = by_hand(&scene.planetscale, settings, "GET", ROLES, json!({})).await;
        let id = |name: &str| {
            let all = list["data"].as_array().unwrap();
            text(all.iter().find(|role| role["name"] == name).unwrap(), "id").to_owned()
        };
        let twin = make(&scene.planetscale, settings, SHOP, "report_b").await;
        let mistakes = shown(SHOP).await["mistakes"].to_string();
        assert!(mistakes.contains("\\\"report_b\\\" is there several times"), "{mistakes}");
        assert_eq!(scene.rotate(SHOP).await.problem(), "engine-refused");
        for id in [id("report_b"), text(&twin, "id").to_owned()] {
            by_hand(&scene.planetscale, settings, "DELETE", &format!("{ROLES}/{id}"), json!({})).await;
        }
        let mistakes = shown(SHOP).await["mistakes"].to_string();
        assert!(mistakes.contains("pscale role create shop main report_b"), "{mistakes}");
        let other = json!({ "name": "report_b", "ttl": 3600, "inherited_roles": ["postgres"] });
        by_hand(&scene.planetscale, settings, "POST", ROLES, other).await;
        let role = shown(SHOP).await;
        assert!(role["mistakes"].to_string().contains("make another one without a TTL"), "{role}");
        let warnings = role["warnings"].to_string();
        assert!(warnings.contains("may do everything") && warnings.contains("different ones"), "{warnings}");
        scene.planetscale.set_access(&scene.token, "read_branch", false);
        scene.planetscale.set_access(&scene.token, "connect_production_branch", false);
        assert!(scene.shown("shop").await["error"].to_string().contains("read_branch"));
        scene.end().await;
    });
}
