//! An OIDC issuer that mints any token, good or bad.

mod bad;
mod claims;
mod key;
mod routes;
mod server;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::Context as _;
use serde_json::{Map, Value};
use tokio::sync::watch;

pub use self::bad::Bad;
pub(crate) use self::claims::encode;
pub use self::claims::{Algorithm, Claims};
pub(crate) use self::key::{Generation, Key, rsa_file};
use crate::blocking;
use crate::ca::Ca;
use crate::serving::Running;

/// A running issuer; it ends when this is dropped. It has a thread of its own, so it outlives the async runtime of
/// the test that started it.
#[derive(Debug)]
pub struct Oidc {
    state: Arc<State>,
    _running: Running,
}

/// How the issuer answers for its discovery document and keys. Minting always works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// As it should.
    #[default]
    Up,
    /// With status 503.
    Unavailable,
    /// Not at all, until this changes.
    Hanging,
    /// With status 200 and something that is not JSON.
    Garbage,
}

#[derive(Debug)]
struct State {
    issuer: String,
    http_issuer: String,
    /// Published generations, the one that signs last; never empty.
    generations: RwLock<Vec<Arc<Generation>>>,
    attacker: Generation,
    health: watch::Sender<Health>,
    jwks_requests: AtomicU64,
    discovery_requests: AtomicU64,
    attacker_requests: AtomicU64,
}

impl Oidc {
    /// Starts one that serves HTTPS with a certificate of this authority, and plain HTTP besides.
    pub async fn start(ca: &Ca) -> anyhow::Result<Self> {
        let ca = ca.clone();
        blocking(move || {
            let (first, attacker) = (Generation::new(0)?, Generation::attacker()?);
            server::start(&ca, |issuer, http_issuer| State {
                issuer,
                http_issuer,
                generations: RwLock::new(vec![Arc::new(first)]),
                attacker,
                health: watch::Sender::new(Health::Up),
                jwks_requests: AtomicU64::new(0),
                discovery_requests: AtomicU64::new(0),
                attacker_requests: AtomicU64::new(0),
            })
        })
        .await
        .context("the OIDC issuer does not start")
    }

    /// `https://localhost:…`, the issuer of tokens by default.
    pub fn issuer(&self) -> &str {
        &self.state.issuer
    }

    /// `http://localhost:…`: the same keys without TLS, under a name of its own (see [`Claims::issuer`]).
    pub fn http_issuer(&self) -> &str {
        &self.state.http_issuer
    }

    /// A token that a verifier must accept.
    pub fn mint(&self, claims: &Claims) -> anyhow::Result<String> {
        self.state.mint(claims)
    }

    /// A token that a verifier must refuse, otherwise like [`Oidc::mint`].
    pub fn mint_bad(&self, claims: &Claims, bad: Bad) -> anyhow::Result<String> {
        self.state.mint_bad(claims, bad)
    }

    /// Whatever is wanted, well signed: the header of an honest token after `change`, and these bytes as its claims.
    pub fn sign(
        &self,
        algorithm: Algorithm,
        change: impl FnOnce(&mut Map<String, Value>),
        claims: &[u8],
    ) -> anyhow::Result<String> {
        let generation = self.state.newest()?;
        let key = generation.key(algorithm);
        let mut header = claims::header(algorithm, &key.kid);
        change(&mut header);
        let input = claims::signing_input(&header, claims);
        let signature = key.sign(algorithm, input.as_bytes())?;
        Ok(format!("{input}.{}", encode(signature)))
    }

    /// Publishes new keys and signs with them from now on. The old ones stay published.
    pub async fn rotate(&self) -> anyhow::Result<()> {
        let state = Arc::clone(&self.state);
        blocking(move || {
            let mut generations = state.generations.write().unwrap_or_else(PoisonError::into_inner);
            let next = generations.last().map_or(0, |newest| newest.number + 1);
            generations.push(Arc::new(Generation::new(next)?));
            Ok(())
        })
        .await
    }

    /// Publishes only the newest keys from now on.
    pub fn withdraw_old_keys(&self) {
        let mut generations = self.state.generations.write().unwrap_or_else(PoisonError::into_inner);
        let newest = generations.len().saturating_sub(1);
        generations.drain(..newest);
    }

    /// Its published keys (a JWK set).
    pub fn jwks(&self) -> Value {
        self.state.jwks()
    }

    /// How it answers from now on.
    pub fn set_health(&self, health: Health) {
        self.state.health.send_replace(health);
    }

    /// How often its keys were asked for.
    pub fn jwks_requests(&self) -> u64 {
        self.state.jwks_requests.load(Ordering::SeqCst)
    }

    /// How often its discovery document was asked for.
    pub fn discovery_requests(&self) -> u64 {
        self.state.discovery_requests.load(Ordering::SeqCst)
    }

    /// How often a verifier followed a `jku` or `x5u` header: must stay zero.
    pub fn attacker_requests(&self) -> u64 {
        self.state.attacker_requests.load(Ordering::SeqCst)
    }
}

impl State {
    /// The generation that signs.
    fn newest(&self) -> anyhow::Result<Arc<Generation>> {
        let generations = self.generations.read().unwrap_or_else(PoisonError::into_inner);
        generations.last().cloned().context("there is always a generation")
    }

    fn jwks(&self) -> Value {
        let generations = self.generations.read().unwrap_or_else(PoisonError::into_inner);
        let keys: Vec<_> = generations.iter().flat_map(|generation| generation.jwks()).collect();
        serde_json::json!({ "keys": keys })
    }

    fn mint(&self, claims: &Claims) -> anyhow::Result<String> {
        let generation = self.newest()?;
        let key = generation.key(claims.algorithm);
        let payload = serde_json::to_string(&claims.to_json(&self.issuer)?)?;
        let input = claims::signing_input(&claims::header(claims.algorithm, &key.kid), &payload);
        let signature = key.sign(claims.algorithm, input.as_bytes())?;
        Ok(format!("{input}.{}", encode(signature)))
    }
}
