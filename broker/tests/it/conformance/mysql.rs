//! A MariaDB of one's own: the server that tests share, through a way that can be closed.

use devstack::Link;
use dsn_broker::model::CredentialKind;
use serde_json::{Value, json};

use super::{Subject, Words, odd};
use crate::mysql::{pair, settings};
use crate::stand::Settings;
use crate::stand::mariadb::{ADMIN, mariadb};

pub struct Own {
    link: Link,
}

impl Subject for Own {
    const DATABASE: &'static str = "shop";

    const WORDS: Words = Words {
        may: "insert into items values (1)",
        may_not: "delete from items",
        denied: "1142",
        locked_out: &["1045"],
    };

    async fn start() -> Self {
        Self { link: Link::to(mariadb().await.port()).await.unwrap() }
    }

    async fn settings(&self) -> Settings {
        let (mut settings, _) = settings().await;
        settings.config["databases"]["shop"]["endpoints"]["primary"]["port"] = self.link.port().into();
        settings
    }

    async fn credential(&self, kind: CredentialKind, settings: &Settings) -> Value {
        match kind {
            CredentialKind::RotatedPassword => {
                let users = pair(settings, mariadb().await).await;
                json!({ "kind": kind, "users": users, "rotate": "manual" })
            }
            _ => settings.config["roles"]["shop-writer"]["credential"].clone(),
        }
    }

    async fn odd(&self, kind: CredentialKind, settings: &Settings) -> Value {
        let quoted = |name: &str| format!("`{}`", name.replace('`', "``"));
        if kind == CredentialKind::RotatedPassword {
            let users = ["a", "b"].map(|which| odd::name(settings, which));
            for user in users.each_ref().map(|user| quoted(user)) {
                let password = odd::PASSWORD.replace('\\', r"\\").replace('\'', r"\'");
                let sql = format!(
                    "create user {user} identified by '{password}' require ssl; grant insert on shop.items to {user}"
                );
                mariadb().await.execute("", &sql).await.unwrap();
            }
            return odd::adopted(settings, &users);
        }
        let role = odd::name(settings, "rw`");
        let sql = format!(
            "create role {0}; grant insert on shop.items to {0}; grant {0} to {ADMIN} with admin option",
            quoted(&role)
        );
        mariadb().await.execute("", &sql).await.unwrap();
        json!({ "kind": kind, "member_of": [role] })
    }

    async fn users(&self, prefix: &str) -> Vec<String> {
        users(mariadb().await, prefix).await
    }

    async fn make_user(&self, name: &str) {
        mariadb().await.execute("", &format!("create user {name}")).await.unwrap();
    }

    fn go_down(&self) {
        self.link.close();
    }

    fn come_back(&self) {
        self.link.mend();
    }
}

/// The users of a server whose names begin like this.
pub async fn users(server: &devstack::MariaDb, prefix: &str) -> Vec<String> {
    let query = format!("select user from mysql.user where left(user, {}) = '{prefix}'", prefix.len());
    server.query_text("", &query).await.unwrap().lines().map(str::to_owned).collect()
}
