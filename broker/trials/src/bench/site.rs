//! A broker for the databases of a provider, too.

use std::time::Duration;

use anyhow::Context as _;
use devstack::{Api, Program, Provided, Provider, Running};
use serde_json::{Value, json};

use super::rig::Rig;

/// A provider, and a broker that knows it.
pub(super) struct Site<'a> {
    pub(super) rig: &'a Rig,
    pub(super) provided: Provided,
    pub(super) program: Program,
    pub(super) configuration: devstack::Configuration,
}

impl<'a> Site<'a> {
    /// Starts both. The roles, but for pairs of users, which are not minted, are shared by nobody.
    pub(super) async fn start(rig: &'a Rig, provider: Provider) -> anyhow::Result<Self> {
        let mut configuration = rig.configuration.replica()?;
        let mut provided = provider.start(&rig.world, configuration.folder()).await?;
        provided.roles.retain(|name, _| !name.ends_with("-pair"));
        for role in provided.roles.values_mut().filter_map(Value::as_object_mut) {
            role.insert("share".to_owned(), json!("request"));
        }
        configuration.merge(&json!({ "databases": provided.databases, "roles": provided.roles }));
        unlimited(&mut configuration.config);
        let bound = configuration.config.pointer_mut("/bindings/0/roles").and_then(Value::as_array_mut);
        bound.context("no binding")?.extend(provided.roles.keys().map(|role| json!(role)));
        configuration.write()?;
        let (program, _) = rig.broker_with(&configuration).await?;
        Ok(Self { rig, provided, program, configuration })
    }

    /// The emulated API of the provider, if it has one.
    pub(super) fn api(&self) -> Option<&Api> {
        match &self.provided.running {
            Running::Planetscale(planetscale) => Some(planetscale.api()),
            Running::Neon(neon) => Some(neon.api()),
            Running::Db9(db9) => Some(db9.api()),
            Running::Rds(..) | Running::Mysql(_) => None,
        }
    }

    /// Fetches the DSN of a role; answers how long that took.
    pub(super) async fn fetch(&self, role: &str) -> anyhow::Result<Duration> {
        let (begun, url) = (tokio::time::Instant::now(), self.rig.dsn(&self.program, role));
        let response = self.rig.client.get(url).bearer_auth(&self.rig.token).send().await?;
        response.error_for_status()?.bytes().await?;
        Ok(begun.elapsed())
    }

    /// Ends both, and forgets the leases.
    pub(super) async fn end(self) -> anyhow::Result<()> {
        let Self { rig, provided, program, configuration: _configuration } = self;
        rig.stop(program).await?;
        rig.world.ledger().execute("ledger", "delete from leases").await?;
        provided.end().await
    }
}

/// What is measured is not how well the broker keeps to a provider's limit.
fn unlimited(config: &mut Value) {
    let databases = config.get_mut("databases").and_then(Value::as_object_mut);
    for database in databases.into_iter().flat_map(|databases| databases.values_mut()) {
        for section in ["planetscale", "neon", "db9"] {
            if let Some(api) = database.pointer_mut(&format!("/{section}/api")).and_then(Value::as_object_mut)
            {
                api.insert("requests_per_minute".to_owned(), json!(10_000_000));
            }
        }
    }
}
