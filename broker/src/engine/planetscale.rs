//! The engines for a branch at PlanetScale: Postgres, whose credentials are roles, and MySQL (Vitess), whose
//! credentials are passwords. All is done through the API; what is said here of it is from its OpenAPI document.
//!
//! What callers rely on:
//!
//! - Making a credential is one request: name, secret and host come with the answer. A second one is asked only
//!   where a role is not ready at once.
//! - Names are not unique and nothing makes a request safe to repeat, so a creation whose end is not known is
//!   never tried again: what it may have made is found by the name that we gave it, and removed.
//! - A 404 can mean a missing permission or a wrong token. That something is gone is believed only when the list,
//!   which has to be a success, does not hold it.
//! - The API cannot end logins and leave sessions alone. So [`DynamicUsers::disable`] does nothing: until the end of
//!   the drain both go on, and then both end.
//! - A credential ends by itself, at the provider, soon after its lease; renewing gives it the time again that was
//!   said when it was made, and no other.

mod answer;
mod branch;
mod inspect;
mod places;
mod product;
mod wish;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;

use self::answer::{Item, unusable};
use self::branch::Branch;
use self::product::Product;
use crate::config::{Database, DynamicUser, Endpoint};
use crate::engine::api::{ApiClient, Provider};
use crate::engine::{BuildError, DynamicUsers, Engine, EngineError, Made, NewUser, Tools};
use crate::model::{Credential, EndpointName, EngineKind, Handle};
use crate::secret::Secret;
use crate::time::Clock;

/// The engine for Postgres. Connects to nothing until it is used.
pub fn postgres(database: &Database, tools: &Tools) -> Result<Engine, BuildError> {
    engine(EngineKind::PlanetscalePostgres, Product::Postgres, database, tools)
}

/// The engine for MySQL. Connects to nothing until it is used.
pub fn mysql(database: &Database, tools: &Tools) -> Result<Engine, BuildError> {
    engine(EngineKind::PlanetscaleMysql, Product::Mysql, database, tools)
}

fn engine(
    kind: EngineKind,
    product: Product,
    database: &Database,
    tools: &Tools,
) -> Result<Engine, BuildError> {
    let section = database.planetscale.as_ref().ok_or(BuildError::NoAdmin)?;
    let authorization = match (&section.service_token, &section.oauth_token) {
        (Some(token), _) => {
            Secret::new(format!("{}:{}", token.id.trim(), token.secret.read()?.expose().trim()))
        }
        (None, Some(token)) => Secret::new(format!("Bearer {}", token.read()?.expose().trim())),
        (None, None) => return Err(BuildError::NoAdmin),
    };
    let timeout = database.timeout.0;
    let api = ApiClient::new(&PROVIDER, &section.api, &authorization, timeout)?;
    let planetscale = Arc::new(PlanetScale {
        branch: Branch::new(api, section, product),
        product,
        endpoints: database.endpoints.clone(),
        at_once: Semaphore::new(usize::try_from(database.concurrency).unwrap_or(usize::MAX).max(1)),
        timeout,
        clock: Arc::clone(&tools.clock),
    });
    Ok(Engine {
        kind,
        dynamic_users: Some(Arc::clone(&planetscale) as Arc<dyn DynamicUsers>),
        connect_tokens: None,
        passwords: None,
        inspection: planetscale,
    })
}

struct PlanetScale {
    branch: Branch,
    product: Product,
    endpoints: BTreeMap<EndpointName, Endpoint>,
    at_once: Semaphore,
    /// How long a call may take, waiting for others included.
    timeout: Duration,
    clock: Arc<dyn Clock>,
}

impl PlanetScale {
    /// Does it, or gives up in time.
    fn bounded<'a, T: Send>(
        &'a self,
        work: impl Future<Output = Result<T, EngineError>> + Send + 'a,
    ) -> BoxFuture<'a, Result<T, EngineError>> {
        Box::pin(async move {
            let admitted = async {
                // It is never closed.
                let _turn = self.at_once.acquire().await;
                work.await
            };
            tokio::time::timeout(self.timeout, admitted).await.unwrap_or_else(|_| {
                let detail = format!("{}: not done within {:?}", self.branch.place(), self.timeout);
                Err(EngineError::Unavailable { detail })
            })
        })
    }

    async fn create_now(&self, user: &NewUser<'_>) -> Result<Made, EngineError> {
        let seconds = lifetime(user.ttl).as_secs();
        let wish = wish::body(self.product, user, seconds);
        let item: Item = self.branch.create(&wish).await?;
        self.branch.ready(&item).await?;
        let place = self.branch.place();
        let (Some(username), Some(password)) = (item.username(), item.secret()) else {
            return Err(unusable(&place, "a user name and its password"));
        };
        let host = item.host().ok_or_else(|| unusable(&place, "the host to connect to"))?;
        let places = places::places(self.product, &self.endpoints, &host, username);
        let lifetime = item.seconds().filter(|given| *given < seconds).map(|given| {
            // Kept for less long than was asked: then the lease ends sooner, too.
            Duration::from_secs(given).saturating_sub(GRACE.min(Duration::from_secs(given / 10)))
        });
        Ok(Made {
            credential: Credential { username: username.to_owned(), password, places },
            id: Some(item.id),
            lifetime,
        })
    }

    async fn renew_now(&self, handle: &Handle, ttl: Duration) -> Result<(), EngineError> {
        let until = self.clock.now() + ttl;
        let id = match &handle.id {
            Some(id) => id.clone(),
            None => self.branch.only(&handle.username).await?.id,
        };
        let renewed = self.branch.renew(&id).await?;
        match renewed.expires_at {
            Some(end) if end < until => Err(EngineError::Refused {
                detail: format!(
                    "{}: a {} is renewed for the time that was said when it was made, up to {}: ask for no more",
                    self.branch.place(),
                    self.product.noun(),
                    end.to_rfc3339()
                ),
            }),
            _ => Ok(()),
        }
    }
}

impl DynamicUsers for PlanetScale {
    fn handle(&self, username: &str, spec: &DynamicUser) -> Handle {
        Handle { owner: spec.successor.clone(), ..Handle::of(username) }
    }

    fn create<'a>(&'a self, user: &'a NewUser<'a>) -> BoxFuture<'a, Result<Made, EngineError>> {
        self.bounded(self.create_now(user))
    }

    fn renew<'a>(&'a self, handle: &'a Handle, ttl: Duration) -> BoxFuture<'a, Result<(), EngineError>> {
        self.bounded(self.renew_now(handle, ttl))
    }

    fn disable<'a>(&'a self, _: &'a Handle) -> BoxFuture<'a, Result<(), EngineError>> {
        Box::pin(async { Ok(()) })
    }

    fn remove<'a>(&'a self, handle: &'a Handle) -> BoxFuture<'a, Result<(), EngineError>> {
        self.bounded(self.branch.remove(handle))
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<String>, EngineError>> {
        self.bounded(async move {
            let items = self.branch.search(prefix).await?;
            let live = items.into_iter().filter(Item::is_live);
            let mut names: Vec<String> =
                live.map(|item| item.name).filter(|name| name.starts_with(prefix)).collect();
            names.sort_unstable();
            names.dedup();
            Ok(names)
        })
    }
}

/// How long a credential is to last whose lease lasts so long: whole seconds, as the API takes no others.
fn lifetime(ttl: Duration) -> Duration {
    let ttl = ttl + GRACE;
    Duration::from_secs(ttl.as_secs() + u64::from(ttl.subsec_nanos() > 0))
}

/// How long a credential outlives its lease, which so ends by our hand first.
const GRACE: Duration = Duration::from_secs(60);

/// Where the API is, and how many requests a minute it allows (reference/rate-limits).
static PROVIDER: Provider = Provider { url: "https://api.planetscale.com/v1", requests_per_minute: 600 };
