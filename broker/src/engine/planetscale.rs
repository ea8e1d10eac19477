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
//! - Nor can a password be changed and sessions be left alone: with a password of a pair its sessions end.
//! - A credential of one lease ends by itself, at the provider, soon after its lease; renewing gives it the time
//!   again that was said when it was made, and no other.

mod answer;
mod branch;
mod inspect;
mod pair;
mod places;
mod product;
mod wish;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;

use self::answer::{Item, Login, unusable};
use self::branch::Branch;
use self::product::Product;
use crate::config::{Database, DynamicUser};
use crate::engine::api::{ApiClient, Provider};
use crate::engine::{BuildError, DynamicUsers, Engine, EngineError, Made, NewUser, Passwords, Tools};
use crate::model::{Credential, EngineKind, Handle};
use crate::secret::Secret;

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
    let api = ApiClient::new(&PROVIDER, &section.api, &authorization, database.timeout.0)?;
    let planetscale = Arc::new(PlanetScale {
        branch: Branch::new(api, section, product),
        product,
        at_once: Semaphore::new(usize::try_from(database.concurrency).unwrap_or(usize::MAX).max(1)),
        database: database.clone(),
        tools: tools.clone(),
    });
    Ok(Engine {
        kind,
        dynamic_users: Some(Arc::clone(&planetscale) as Arc<dyn DynamicUsers>),
        connect_tokens: None,
        passwords: Some(Arc::clone(&planetscale) as Arc<dyn Passwords>),
        inspection: planetscale,
    })
}

struct PlanetScale {
    branch: Branch,
    product: Product,
    at_once: Semaphore,
    database: Database,
    tools: Tools,
}

impl PlanetScale {
    /// Does it, or gives up when a call has taken too long, waiting for others included.
    fn bounded<'a, T: Send>(
        &'a self,
        work: impl Future<Output = Result<T, EngineError>> + Send + 'a,
    ) -> BoxFuture<'a, Result<T, EngineError>> {
        let timeout = self.database.timeout.0;
        Box::pin(async move {
            let admitted = async {
                // It is never closed.
                let _turn = self.at_once.acquire().await;
                work.await
            };
            tokio::time::timeout(timeout, admitted).await.unwrap_or_else(|_| {
                let detail = format!("{}: not done within {timeout:?}", self.branch.place());
                Err(EngineError::Unavailable { detail })
            })
        })
    }

    async fn create_now(&self, user: &NewUser<'_>) -> Result<Made, EngineError> {
        let (spec, seconds) = (user.spec, lifetime(user.ttl).as_secs());
        let wish = match self.product {
            Product::Postgres => wish::role(user.name, spec, seconds),
            Product::Mysql => {
                wish::password(user.name, spec.access, spec.replica, &spec.cidrs, Some(seconds))
            }
        };
        let item = self.branch.create(&wish).await?;
        self.branch.ready(&item).await?;
        let credential = self.credential(&item.login)?;
        let lifetime = item.seconds().filter(|given| *given < seconds).map(|given| {
            // Kept for less long than was asked: then the lease ends sooner, too.
            Duration::from_secs(given).saturating_sub(GRACE.min(Duration::from_secs(given / 10)))
        });
        Ok(Made { credential, id: Some(item.id), lifetime })
    }

    async fn renew_now(&self, handle: &Handle, ttl: Duration) -> Result<(), EngineError> {
        let until = self.tools.clock.now() + ttl;
        let id = match &handle.id {
            Some(id) => id.clone(),
            None => {
                let found = self.branch.find(&handle.username).await?;
                found.ok_or_else(|| self.refused(&format!("there is no {:?}", handle.username)))?.id
            }
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

    /// What has just been made, as it is good at every endpoint.
    fn credential(&self, login: &Login) -> Result<Credential, EngineError> {
        let password = login.secret().ok_or_else(|| unusable(&self.branch.place(), "the password"))?;
        self.credential_with(login, password)
    }

    fn credential_with(&self, login: &Login, password: Secret) -> Result<Credential, EngineError> {
        let (Some(username), Some(host)) = (login.username(), login.host()) else {
            return Err(unusable(&self.branch.place(), "a user name and the host to connect to"));
        };
        let places = places::places(self.product, &self.database.endpoints, &host, username);
        Ok(Credential { username: username.to_owned(), password, places })
    }

    fn refused(&self, detail: &str) -> EngineError {
        EngineError::Refused { detail: format!("{}: {detail}", self.branch.place()) }
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
