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

    async fn credential(&self, _: CredentialKind, settings: &Settings) -> Value {
        let role = if MYSQL { "store-reader" } else { "shop-reader" };
        settings.config["roles"][role]["credential"].clone()
    }

    async fn users(&self, prefix: &str) -> Vec<String> {
        let mut live = self.planetscale.live();
        live.retain(|name| name.starts_with(prefix));
        live
    }

    async fn make_user(&self, name: &str) {
        let url = format!("{}{}", self.planetscale.api().url(), Self::PATH);
        let token = format!("{}:{}", self.token.id, self.token.secret);
        let body = json!({ "name": name, "ttl": 86400, "role": "reader" });
        let request = client(world().await.ca_path()).post(url).header("authorization", token).json(&body);
        let made = request.send().await.unwrap();
        assert!(made.status().is_success(), "{made:?}");
    }

    fn go_down(&self) {
        self.planetscale.api().misbehave("*", "/", usize::MAX, Fault::drop());
    }

    fn come_back(&self) {
        self.planetscale.api().behave();
    }

    fn calls(&self, _: CredentialKind) -> Calls<'_> {
        Calls {
            api: self.planetscale.api(),
            make: ("POST", Self::PATH.to_owned()),
            end: Some(("DELETE", Self::PATH.to_owned())),
            repeats: false,
        }
    }

    fn dawdle(&self) {
        self.planetscale.set_habits(|habits| habits.looks_until_ready = 2);
    }

    async fn pass(&self, by: Duration, _: Timestamp) {
        self.planetscale.advance(by).await.unwrap();
    }
}
