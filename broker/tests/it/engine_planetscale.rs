//! The engines for PlanetScale, through the front door, before an emulator of its API with real databases behind.

mod crash;
mod ends;
mod inspect;
mod misbehaviour;
mod mysql;
mod postgres;
mod rotation;

use std::sync::Arc;
use std::time::Duration;

use devstack::planetscale::{Servers, Token};
use devstack::{PlanetScale, Request};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::stand::{Settings, Stand, record, role, unique, world};

/// A broker with two databases at a PlanetScale of its own: `shop` speaks Postgres, `store` MySQL.
struct Scene {
    stand: Stand,
    planetscale: PlanetScale,
    token: Token,
}

/// The servers behind, shared by the tests: none of them sees the credentials of another.
async fn servers() -> &'static Arc<Servers> {
    static SERVERS: OnceCell<Arc<Servers>> = OnceCell::const_new();
    SERVERS.get_or_init(|| async { Servers::start(world().await.ca()).await.unwrap() }).await
}

/// What the documentation says that the token needs.
const ACCESSES: [&str; 4] = [
    "read_branch",
    "connect_production_branch",
    "create_production_branch_password",
    "delete_production_branch_password",
];

const BRANCH: &str = "/v1/organizations/acme/databases/shop/branches/main";
const ROLES: &str = "/v1/organizations/acme/databases/shop/branches/main/roles";
const PASSWORDS: &str = "/v1/organizations/acme/databases/store/branches/main/passwords";

impl Scene {
    async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// With a changed configuration.
    async fn with(change: impl FnOnce(&mut Value)) -> Self {
        let (mut settings, planetscale, token) = settings().await;
        change(&mut settings.config);
        Self { stand: Stand::on(settings).await, planetscale, token }
    }

    /// Sends both clocks ahead.
    async fn advance(&self, by: Duration) {
        self.planetscale.advance(by).await.unwrap();
        self.stand.clock.advance(by);
    }

    /// All that was asked of the API, but by the search for orphans, which comes when it wants: for names that begin
    /// with those of the installation.
    fn requests(&self) -> Vec<Request> {
        let mut requests = self.planetscale.api().requests();
        requests.retain(|request| !request.path.ends_with('_'));
        requests
    }

    /// … with this method and a path that begins like this.
    fn asked(&self, method: &str, path: &str) -> Vec<Request> {
        let mut requests = self.requests();
        requests.retain(|request| request.method == method && request.path.starts_with(path));
        requests
    }

    /// Waits until this many credentials are left.
    async fn until_live(&self, count: usize) {
        self.stand
            .until(|| async {
                let live = self.planetscale.live();
                if live.len() == count { Ok(()) } else { Err(format!("{live:?}")) }
            })
            .await;
    }

    /// What is shown of a database to operators.
    async fn shown(&self, database: &str) -> Value {
        self.stand.caller("operator").get(&format!("/v1/databases/{database}")).await.ok()
    }

    /// No secret of the provider is in what was logged, and nothing is left running.
    async fn end(self) {
        let logged = crate::stand::log::text();
        assert!(!logged.contains(&self.token.secret), "the token is in the log");
        assert!(!logged.contains("pscale_pw_"), "a password is in the log");
        self.stand.stop().await;
    }
}

/// The usual configuration and the databases at PlanetScale.
async fn settings() -> (Settings, PlanetScale, Token) {
    let world = world().await;
    let mut settings = Settings::new(world, &unique()).await;
    let planetscale = PlanetScale::start(world.ca(), servers().await).await.unwrap();
    let token = planetscale.service_token(&ACCESSES).unwrap();
    record::secret(&token.secret);
    let secret = settings.secret("planetscale", &token.secret);
    let (ca, pooler) = (settings.ca_path.clone(), planetscale.pooler_port());
    let database = |engine: &str, name: &str, endpoints: Value| {
        json!({
            "engine": engine,
            "dbname": name,
            "endpoints": endpoints,
            "tls": { "ca": { "file": ca } },
            "planetscale": {
                "organization": "acme",
                "database": name,
                "service_token": { "id": token.id, "secret": secret },
                "api": { "url": planetscale.url(), "ca": { "file": ca } },
            },
        })
    };
    let shop = json!({
        "primary": {}, "replica": {}, "pooled": { "port": pooler }, "reads": { "port": pooler, "bouncer": "reads" },
    });
    let store = json!({ "primary": {}, "replica": {} });
    let config = &mut settings.config;
    config["databases"]["shop"] = database("planetscale-postgres", "shop", shop);
    config["databases"]["store"] = database("planetscale-mysql", "store", store);
    let of = |database: &str, share: &str, credential: Value| {
        let mut role = role(share);
        (role["database"], role["credential"]) = (database.into(), credential);
        role
    };
    let reader = json!({ "kind": "dynamic_user", "member_of": ["pg_read_all_data"] });
    let access = |access: &str| json!({ "kind": "dynamic_user", "access": access });
    let roles = &mut config["roles"];
    roles["shop-reader"] = of("shop", "workload", reader.clone());
    roles["shop-request"] = of("shop", "request", reader);
    for name in ["reader", "writer", "readwriter", "admin"] {
        roles[format!("store-{name}")] = of("store", "workload", access(name));
    }
    let names =
        ["shop-reader", "shop-request", "store-reader", "store-writer", "store-readwriter", "store-admin"];
    config["bindings"][0]["roles"].as_array_mut().unwrap().extend(names.map(Value::from));
    (settings, planetscale, token)
}

/// A member of an answer that is a text.
fn text<'a>(answer: &'a Value, member: &str) -> &'a str {
    answer[member].as_str().unwrap_or_else(|| panic!("no {member}: {answer}"))
}
