//! What is built from a configuration, and replaced as a whole when a new one is loaded.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use ring::digest::{SHA256, digest};

use crate::broker::{LedgerPasswords, Sites};
use crate::cache::{Cache, CacheError};
use crate::config::{Ca, Config, ConfigError, Database, Endpoint, SecretError};
use crate::engine::{self, Site, Tools};
use crate::entropy::Entropy;
use crate::identity::{Identity, IdentityError};
use crate::ledger::{self, Ledger, LedgerError};
use crate::model::{DatabaseName, EndpointName};
use crate::policy::Policy;
use crate::seal::{SealError, Sealer};
use crate::telemetry::Metrics;
use crate::time::Clock;
use crate::tls::TlsError;

/// The configuration in force, and what is built from it.
pub struct Current {
    /// The configuration.
    pub config: Arc<Config>,
    /// Who may do what.
    pub policy: Policy,
    /// Whose proofs are accepted.
    pub identity: Arc<Identity>,
    /// SHA-256 of the configuration and of the CAs that it names, in hexadecimal.
    pub digest: String,
    /// The private CAs, PEM, by database and endpoint.
    cas: BTreeMap<(DatabaseName, EndpointName), String>,
    /// What engines and identity were built from, so that what did not change is kept.
    parts: BTreeMap<String, String>,
}

/// Why nothing could be built from a configuration.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The file.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A secret that it names.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A CA that it names.
    #[error("the CA of database {database} cannot be read from {path}")]
    Ca {
        /// The database.
        database: DatabaseName,
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Certificates.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The seal's keys.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The cache.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The ledger's URL.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// An issuer.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A database.
    #[error("database {database}: {source}")]
    Engine {
        /// The database.
        database: DatabaseName,
        /// Why.
        source: engine::BuildError,
    },
}

/// What everything is built on.
#[derive(Clone)]
pub struct Ground {
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where chance comes from.
    pub entropy: Arc<dyn Entropy>,
    /// What was issued, and the passwords that the broker has changed.
    pub ledger: Arc<Ledger>,
    /// What seals those.
    pub sealer: Arc<Sealer>,
}

impl Ground {
    /// For this configuration. Connects to nothing yet.
    pub fn new(
        config: &Config,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, BuildError> {
        let ledger = Ledger::start(ledger_settings(config)?, clock.clone(), metrics);
        Ok(Self { clock, entropy, ledger, sealer: Arc::new(sealer(config)?) })
    }
}

fn ledger_settings(config: &Config) -> Result<ledger::Settings, BuildError> {
    let url = config.ledger.url.read()?;
    Ok(ledger::Settings {
        options: ledger::connect_options(&url, config.ledger.ca.as_deref())?,
        key: config.audit.key()?,
        connections: config.ledger.connections,
        queue: config.ledger.queue,
        timeout: config.ledger.timeout.0,
        heads_every: config.audit.heads_every.0,
    })
}

impl Current {
    /// Builds all that depends on `config`. What `before` has and did not change is kept: connections to databases,
    /// keys of issuers.
    pub fn build(
        config: Arc<Config>,
        before: Option<(&Self, &Sites)>,
        ground: &Ground,
    ) -> Result<(Self, Sites), BuildError> {
        let clock = &ground.clock;
        let mut parts = BTreeMap::new();
        let mut sites = Sites::new();
        let mut cas = BTreeMap::new();
        for (name, database) in &config.databases {
            read_cas(name, database, &mut cas)?;
            let part = fingerprint(&[&format!("{database:?}"), &contents(&database.files())]);
            let kept = before.and_then(|(current, sites)| {
                (current.parts.get(name.as_str()) == Some(&part)).then(|| sites.get(name).cloned()).flatten()
            });
            let site = match kept {
                Some(site) => site,
                None => Arc::new(build_site(name, database, ground)?),
            };
            parts.insert(name.to_string(), part);
            sites.insert(name.clone(), site);
        }
        let issuers = fingerprint(&[&format!("{:?}", config.issuers)]);
        let kept = before.filter(|(current, _)| current.parts.get(ISSUERS) == Some(&issuers));
        let identity = match kept {
            Some((current, _)) => current.identity.clone(),
            None => Arc::new(Identity::new(&config.issuers, clock.clone())?),
        };
        parts.insert(ISSUERS.to_owned(), issuers);
        let digest = fingerprint(&[&format!("{config:?}"), &format!("{cas:?}")]);
        let policy = Policy::new(config.clone());
        Ok((Self { config, policy, identity, digest, cas, parts }, sites))
    }

    /// The private CA, PEM, that the certificate of an endpoint must be signed by; `None` for the system's roots.
    pub fn ca(&self, database: &DatabaseName, endpoint: &EndpointName) -> Option<&str> {
        self.cas.get(&(database.clone(), endpoint.clone())).map(String::as_str)
    }
}

/// Not a name of a database.
const ISSUERS: &str = "/issuers";

/// The keys that seal the cache.
pub(super) fn sealer(config: &Config) -> Result<Sealer, BuildError> {
    let keys: Result<Vec<_>, SecretError> =
        config.seal.keys.iter().map(|key| Ok((key.id.clone(), key.key.read()?))).collect();
    Ok(Sealer::new(keys?)?)
}

/// The cache.
pub(super) async fn cache(
    config: &Config,
    sealer: Arc<Sealer>,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
) -> Result<Arc<Cache>, BuildError> {
    let url = match &config.cache {
        crate::config::Cache::Redis(redis) => Some(redis.url.read()?),
        crate::config::Cache::Local(_) => None,
    };
    let cache = Cache::connect(&config.cache, url, sealer, clock.clone(), entropy.clone()).await?;
    Ok(Arc::new(cache))
}

fn build_site(name: &DatabaseName, database: &Database, ground: &Ground) -> Result<Site, BuildError> {
    let Ground { clock, entropy, ledger, sealer } = ground.clone();
    let kept = Arc::new(LedgerPasswords { ledger, sealer, database: name.clone() });
    let tools = Tools { clock: clock.clone(), entropy, kept };
    let engine = engine::build(database, &tools)
        .map_err(|source| BuildError::Engine { database: name.clone(), source })?;
    Ok(Site::new(name.clone(), database.clone(), engine, clock))
}

fn read_cas(
    name: &DatabaseName,
    database: &Database,
    cas: &mut BTreeMap<(DatabaseName, EndpointName), String>,
) -> Result<(), BuildError> {
    for (endpoint_name, endpoint) in &database.endpoints {
        if let Ca::File(path) = ca_of(database, endpoint) {
            let pem = std::fs::read_to_string(path).map_err(|source| BuildError::Ca {
                database: name.clone(),
                path: path.display().to_string(),
                source,
            })?;
            cas.insert((name.clone(), endpoint_name.clone()), pem);
        }
    }
    Ok(())
}

fn ca_of<'a>(database: &'a Database, endpoint: &'a Endpoint) -> &'a Ca {
    endpoint.tls.as_ref().and_then(|tls| tls.ca.as_ref()).unwrap_or(&database.tls.ca)
}

fn contents(files: &[PathBuf]) -> String {
    files.iter().map(|path| fingerprint(&[&std::fs::read_to_string(path).unwrap_or_default()])).collect()
}

fn fingerprint(parts: &[&str]) -> String {
    let digest = digest(&SHA256, parts.join("\0").as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
