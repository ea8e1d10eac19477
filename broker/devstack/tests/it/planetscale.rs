//! PlanetScale's stand-in, as `curl` and clients see it.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use devstack::planetscale::{Servers, Token, Unsaid};
use devstack::{Ca, PlanetScale};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{fail, succeed};

const SHOP: &str = "/organizations/acme/databases/shop/branches/dev";
const STORE: &str = "/organizations/acme/databases/store/branches/dev";

struct Stage {
    planetscale: PlanetScale,
    token: Token,
    folder: TempDir,
}

impl Stage {
    /// With a token that may do everything on branches that are not for production.
    async fn set() -> Self {
        let ca = Ca::generate().unwrap();
        let servers: Arc<Servers> = Servers::start(&ca).await.unwrap();
        let planetscale = PlanetScale::start(&ca, &servers).await.unwrap();
        let accesses = ["read_branch", "connect_branch", "create_branch_password", "delete_branch_password"];
        let token = planetscale.service_token(&accesses).unwrap();
        let folder = tempfile::tempdir().unwrap();
        ca.write_to(folder.path()).unwrap();
        Self { planetscale, token, folder }
    }

    fn ca(&self) -> String {
        format!("{}/ca.pem", self.folder.path().display())
    }

    /// Status and body.
    async fn call(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let authorization = format!("{}:{}", self.token.id, self.token.secret);
        self.call_as(&authorization, method, path, body).await
    }

    async fn call_as(&self, proof: &str, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let (url, ca) = (format!("{}{path}", self.planetscale.url()), self.ca());
        let (proof, body) = (format!("Authorization: {proof}"), body.map(|body| body.to_string()));
        let mut arguments =
            vec!["-sS", "-X", method, "-H", proof.as_str(), "--cacert", &ca, "-w", "\n%{http_code}", &url];
        arguments.extend(body.iter().flat_map(|body| ["-d", body.as_str()]));
        let said = succeed("curl", &arguments).await;
        let (text, status) = said.trim_end().rsplit_once('\n').unwrap_or(("", said.trim()));
        (status.parse().unwrap(), serde_json::from_str(text).unwrap_or(Value::Null))
    }

    fn psql(&self, role: &Value, suffix: &str, port: u16) -> String {
        let (user, password) = (text(role, "username"), text(role, "password"));
        format!(
            "host=localhost port={port} dbname=shop user={user}{suffix} password={password} \
             sslmode=verify-full sslrootcert={}",
            self.ca()
        )
    }

    fn port(role: &Value) -> u16 {
        text(role, "access_host_url").split_once(':').unwrap().1.parse().unwrap()
    }
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_else(|| panic!("no {member}: {value}"))
}

#[tokio::test]
async fn a_secret_is_shown_when_it_is_made_and_never_again() {
    let stage = Stage::set().await;
    let roles = format!("{SHOP}/roles");
    let wish = json!({ "name": "x", "ttl": 300, "inherited_roles": ["pg_read_all_data"] });
    let (status, role) = stage.call("POST", &roles, Some(wish)).await;
    assert_eq!((status, text(&role, "name")), (200, "x"));
    assert!(text(&role, "password").starts_with("pscale_pw_"));
    assert!(text(&role, "username").ends_with(".4rwwvrxk2o99"), "{role}");
    let path = format!("{roles}/{}", text(&role, "id"));
    assert_eq!(stage.call("GET", &path, None).await.1["password"], Value::Null);
    stage.planetscale.set_habits(|habits| habits.secret_on_read = Unsaid::Omitted);
    let (_, list) = stage.call("GET", &roles, None).await;
    assert!(list["data"][0].get("password").is_none() && list["total_count"] == 1, "{list}");
    let (status, reset) = stage.call("POST", &format!("{path}/reset"), None).await;
    assert_eq!(status, 200);
    assert_ne!(text(&reset, "password"), text(&role, "password"));
    let old = stage.psql(&role, "", Stage::port(&role));
    assert!(fail("psql", &[&old, "-c", "select 1"]).await.contains("password authentication failed"));
    let new = stage.psql(&reset, "", Stage::port(&role));
    assert!(succeed("psql", &["-At", &new, "-c", "select 1"]).await.starts_with('1'));
    let (status, password) =
        stage.call("POST", &format!("{STORE}/passwords"), Some(json!({ "role": "reader" }))).await;
    assert_eq!((status, text(&password, "username").len()), (201, 20));
    assert!(text(&password, "plain_text").starts_with("pscale_pw_"));
}

#[tokio::test]
async fn a_wrong_token_and_a_missing_access_look_alike_unless_it_is_changed() {
    let stage = Stage::set().await;
    let roles = format!("{SHOP}/roles");
    let not_found = json!({ "code": "not_found", "message": "Not Found" });
    assert_eq!(stage.call_as(&stage.token.secret, "GET", &roles, None).await, (404, not_found.clone()));
    let production = roles.replace("dev", "main");
    assert_eq!(stage.call("POST", &production, Some(json!({}))).await, (404, not_found));
    assert_eq!(stage.call("GET", &production, None).await.0, 200, "reading has no access of its own there");
    stage.planetscale.set_habits(|habits| {
        (habits.bad_token, habits.missing_access) = (StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN);
    });
    assert_eq!(stage.call_as("Bearer x", "GET", &roles, None).await.0, 401);
    assert_eq!(stage.call("POST", &production, Some(json!({}))).await.0, 403);
    let oauth = format!("Bearer {}", stage.planetscale.oauth_token().unwrap());
    assert_eq!(stage.call_as(&oauth, "POST", &production, Some(json!({}))).await.0, 200);
}

#[tokio::test]
async fn lists_come_in_pages_and_names_are_not_unique() {
    let stage = Stage::set().await;
    let passwords = format!("{STORE}/passwords");
    for name in ["same", "same", "other"] {
        let wish = json!({ "name": name, "role": "reader", "ttl": 60 });
        assert_eq!(stage.call("POST", &passwords, Some(wish)).await.0, 201);
    }
    let (_, page) = stage.call("GET", &format!("{passwords}?q=same&per_page=1"), None).await;
    assert_eq!((&page["next_page"], &page["total_pages"]), (&json!(2), &json!(2)));
    let (_, page) = stage.call("GET", &format!("{passwords}?q=same&per_page=1&page=2"), None).await;
    assert_eq!((&page["next_page"], &page["data"][0]["name"]), (&Value::Null, &json!("same")));
    stage.planetscale.advance(Duration::from_secs(61)).await.unwrap();
    let (_, expired) = stage.call("GET", &format!("{passwords}?status=expired"), None).await;
    assert_eq!(expired["total_count"], 3);
    let renew = format!("{passwords}/{}/renew", text(&expired["data"][0], "id"));
    assert_eq!(stage.call("POST", &renew, None).await.0, 422);
}

#[tokio::test]
async fn the_edges_refuse_in_the_words_of_planetscale() {
    let stage = Stage::set().await;
    let (_, role) = stage.call("POST", &format!("{SHOP}/roles"), Some(json!({ "name": "x" }))).await;
    let (direct, pooler) = (Stage::port(&role), stage.planetscale.pooler_port());
    for (suffix, port, says) in [
        ("|nobody", direct, "member nobody not found in branch 4rwwvrxk2o99"),
        ("|replica", pooler, "pooler only supports primary destinations for branch 4rwwvrxk2o99"),
        ("x", direct, "branch 4rwwvrxk2o99x does not exist"),
    ] {
        let said = fail("psql", &[&stage.psql(&role, suffix, port), "-c", "select 1"]).await;
        assert!(said.contains(says), "{said}");
    }
    let delete = format!("{SHOP}/roles/{}", text(&role, "id"));
    assert_eq!(stage.call("DELETE", &delete, None).await, (204, Value::Null));
    assert_eq!(stage.call("DELETE", &delete, None).await.0, 404);
}

#[tokio::test]
async fn the_default_role_is_there_and_has_calls_of_its_own() {
    let stage = Stage::set().await;
    let roles = format!("{SHOP}/roles");
    let (status, role) = stage.call("GET", &format!("{roles}/default"), None).await;
    assert_eq!((status, text(&role, "name"), &role["default"]), (200, "postgres", &json!(true)));
    assert_eq!((text(&role, "username"), &role["password"]), ("postgres.4rwwvrxk2o99", &Value::Null));
    let by_id = format!("{roles}/{}/reset", text(&role, "id"));
    assert_eq!(stage.call("POST", &by_id, None).await.0, 404);
    let mut secrets = Vec::new();
    for _ in 0..2 {
        let (status, reset) = stage.call("POST", &format!("{roles}/reset-default"), None).await;
        assert_eq!((status, text(&reset, "username")), (200, "postgres.4rwwvrxk2o99"));
        secrets.push(reset);
    }
    let port = Stage::port(&role);
    let (old, new) = (stage.psql(&secrets[0], "", port), stage.psql(&secrets[1], "", port));
    assert!(fail("psql", &[&old, "-c", "select 1"]).await.contains("password authentication failed"));
    succeed("psql", &["-At", &new, "-c", "select count(*) from orders"]).await;
    let other = stage.call("GET", &format!("{}/roles/default", SHOP.replace("dev", "main")), None).await.1;
    assert_ne!(text(&other, "username"), text(&role, "username"));
}

#[tokio::test]
async fn what_owns_something_stays_until_there_is_a_successor() {
    let stage = Stage::set().await;
    let roles = format!("{SHOP}/roles");
    let wish = json!({ "name": "x", "inherited_roles": ["postgres"] });
    let (_, role) = stage.call("POST", &roles, Some(wish)).await;
    let connection = stage.psql(&role, "", Stage::port(&role));
    succeed("psql", &[&connection, "-c", "create table mine (id int)"]).await;
    let path = format!("{roles}/{}", text(&role, "id"));
    let (status, refusal) = stage.call("DELETE", &path, None).await;
    assert_eq!((status, text(&refusal, "code")), (422, "unprocessable"));
    assert_eq!(text(&refusal, "message"), "Role is still referenced and cannot be dropped.");
    let successor = json!({ "successor": "postgres" });
    assert_eq!(stage.call("DELETE", &path, Some(successor)).await.0, 204, "in the body");
    let (_, role) = stage.call("POST", &roles, Some(json!({ "inherited_roles": ["postgres"] }))).await;
    let path = format!("{roles}/{}?successor=postgres.4rwwvrxk2o99", text(&role, "id"));
    assert_eq!(stage.call("DELETE", &path, None).await.0, 204, "in the query");
}
