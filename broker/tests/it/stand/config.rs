//! The configuration of a stand, and the databases that are its own.

use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::time::Duration;

use devstack::{Claims, Configuration, Databases, World};
use dsn_broker::time::Timestamp;
use serde_json::Value;

use super::{record, seconds};

/// A configuration with its files, and the servers that it names.
pub struct Settings {
    pub world: &'static World,
    /// The name of this stand's database in the ledger's server.
    pub ledger: String,
    /// The name of this stand's database in the target's server.
    pub target: String,
    pub owner_url: String,
    pub writer_url: String,
    pub ca_path: PathBuf,
    configuration: Configuration,
}

impl Settings {
    /// The usual configuration, with databases of its own named after `name`.
    pub async fn new(world: &'static World, name: &str) -> Self {
        let (ledger, target) = (format!("ledger_{name}"), format!("orders_{name}"));
        create(world, &ledger, &target).await;
        let owner_url = rename(&world.ledger_owner_url(), &ledger);
        let writer_url = rename(&world.ledger_writer_url(), &ledger);
        let databases = Databases {
            ledger_owner_url: &owner_url,
            ledger_writer_url: &writer_url,
            target: &target,
            prefix: &format!("dsn:{name}:"),
        };
        let mut configuration = Configuration::usual(world, databases).unwrap();
        // All tests share the server, and the machine.
        configuration.config["databases"]["orders"]["timeout"] = "20s".into();
        Self {
            world,
            ca_path: world.ca_path().to_owned(),
            ledger,
            target,
            owner_url,
            writer_url,
            configuration,
        }
    }

    /// A replica's own copy of this configuration: same ledger, same cache, same keys.
    pub fn replica(&self) -> Self {
        Self {
            world: self.world,
            ledger: self.ledger.clone(),
            target: self.target.clone(),
            owner_url: self.owner_url.clone(),
            writer_url: self.writer_url.clone(),
            ca_path: self.ca_path.clone(),
            configuration: self.configuration.replica().unwrap(),
        }
    }

    /// Gives the broker a user of its own in the target, so that nobody minds what becomes of its password.
    pub async fn own_admin(&mut self, password: &str) -> String {
        let admin = format!("admin_{}", self.target);
        let sql = format!(
            "create role {admin} login createrole password '{password}'; \
             grant orders_ro to {admin} with admin option; grant connect on database {} to {admin}",
            self.target
        );
        self.world.orders().execute(&self.target, &sql).await.unwrap();
        let password = self.secret("admin", password);
        let admin_there = serde_json::json!({ "username": admin, "password": password });
        self.merge(&serde_json::json!({ "databases": { "orders": { "admin": admin_there } } }));
        admin
    }

    /// Puts a secret into a file of its own, and refers to it.
    pub fn secret(&self, name: &str, text: &str) -> Value {
        record::secret(text);
        self.configuration.secret(name, text).unwrap()
    }

    /// Writes the configuration.
    pub fn write(&self) {
        record::configuration(&self.config);
        self.configuration.write().unwrap();
    }

    /// A good token for this subject.
    pub fn token(&self, subject: &str, now: Timestamp) -> String {
        let claims = Claims::of(subject).now(seconds(now)).lifetime(Duration::from_secs(3600));
        let token = self.world.oidc().mint(&claims).unwrap();
        record::secret(&token);
        token
    }
}

impl Deref for Settings {
    type Target = Configuration;

    fn deref(&self) -> &Configuration {
        &self.configuration
    }
}

impl DerefMut for Settings {
    fn deref_mut(&mut self) -> &mut Configuration {
        &mut self.configuration
    }
}

async fn create(world: &World, ledger: &str, target: &str) {
    let server = world.ledger();
    server.execute("postgres", &format!("create database {ledger} owner ledger_owner")).await.unwrap();
    let orders = world.orders();
    orders.execute("postgres", &format!("create database {target} template orders")).await.unwrap();
}

/// The same URL with another database.
fn rename(url: &str, database: &str) -> String {
    let mut url = url::Url::parse(url).unwrap();
    url.set_path(database);
    url.into()
}
