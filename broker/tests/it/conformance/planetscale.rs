//! A PlanetScale before the servers that tests share: `shop` speaks Postgres, `store` MySQL.

use std::time::Duration;

use devstack::planetscale::Token;
use devstack::{Fault, PlanetScale};
use dsn_broker::model::CredentialKind;
use dsn_broker::time::Timestamp;
use serde_json::{Value, json};

use super::{Calls, Subject, Words};
use crate::engine_planetscale::{PASSWORDS, ROLES, configured, planetscale};
use crate::stand::{Settings, client, world};

pub struct Product<const MYSQL: bool> {
    planetscale: PlanetScale,
    token: Token,
}

pub type Shop = Product<false>;

pub type Store = Product<true>;

impl<const MYSQL: bool> Product<MYSQL> {
    const PATH: &str = if MYSQL { PASSWORDS } else { ROLES };

    /// Two names for a role of this configuration; where they are roles these are there.
    async fn pair(&self, settings: &Settings) -> Value {
        let users = ["a", "b"].map(|which| format!("pair_{}_{which}", settings.target));
        let mut pair = json!({ "kind": "rotated_password", "users": users, "rotate": "manual" });
        if MYSQL {
            pair["access"] = "reader".into();
            return pair;
        }
        for name in &users {
            self.make(&json!({ "name": name, "inherited_roles": ["pg_read_all_data"] })).await;
        }
        pair
    }

    async fn make(&self, wish: &Value) {
        let url = format!("{}{}", self.planetscale.api().url(), Self::PATH);
        let token = format!("{}:{}", self.token.id, self.token.secret);
        let request = client(world().await.ca_path()).post(url).header("authorization", token).json(wish);
        let made = request.send().await.unwrap();
        assert!(made.status().is_success(), "{made:?}");
    }
}

impl<const MYSQL: bool> Subject for Product<MYSQL> {
    const DATABASE: &'static str = if MYSQL { "store" } else { "shop" };

    const WORDS: Words = Words {
        may: "select count(*) from orders",
        may_not: "insert into orders values (2)",
        denied: if MYSQL { "1142" } else { "42501" },
        locked_out: if MYSQL { &["1045"] } else { &["28P01"] },
    };

    async fn start() -> Self {
        let (planetscale, token) = planetscale().await;
        Self { planetscale, token }
    }

    async fn settings(&self) -> Settings {
        configured(&self.planetscale, &self.token).await
    }

    async fn credential(&self, kind: CredentialKind, settings: &Settings) -> Value {
        if kind == CredentialKind::RotatedPassword {
            return self.pair(settings).await;
        }
        let role = if MYSQL { "store-reader" } else { "shop-reader" };
        settings.config["roles"][role]["credential"].clone()
    }

    async fn users(&self, prefix: &str) -> Vec<String> {
        let mut live = self.planetscale.live();
        live.retain(|name| name.starts_with(prefix));
        live
    }

    async fn make_user(&self, name: &str) {
        self.make(&json!({ "name": name, "ttl": 86400, "role": "reader" })).await;
    }

    fn go_down(&self) {
        self.planetscale.api().misbehave("*", "/", usize::MAX, Fault::drop());
    }

    fn come_back(&self) {
        self.planetscale.api().behave();
    }

    /// A role that is there is reset, for the first password as for the end of the last.
    fn calls(&self, kind: CredentialKind) -> Calls<'_> {
        let is_reset = kind == CredentialKind::RotatedPassword && !MYSQL;
        Calls {
            api: self.planetscale.api(),
            make: ("POST", Self::PATH.to_owned()),
            end: Some((if is_reset { "POST" } else { "DELETE" }, Self::PATH.to_owned())),
            repeats: false,
            shows: false,
        }
    }

    fn dawdle(&self) {
        self.planetscale.set_habits(|habits| habits.looks_until_ready = 2);
    }

    async fn pass(&self, by: Duration, _: Timestamp) {
        self.planetscale.advance(by).await.unwrap();
    }
}
