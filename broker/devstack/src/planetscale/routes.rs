//! The REST API.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State as Extract};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde_json::Value;

use super::World;
use super::access::{self, Deed, not_found};
use super::branches::{Branch, Kind};
use super::credential::Credential;
use super::list;
use super::{passwords, roles};
use crate::Answer;

pub(super) fn routes(world: Arc<World>) -> Router {
    let branch = "/v1/organizations/{organization}/databases/{database}/branches/{branch}";
    let at = |tail: &str| format!("{branch}{tail}");
    Router::new()
        .route(branch, get(show_branch))
        .route(&at("/bouncers"), get(bouncers))
        .route(&at("/roles"), get(list_roles).post(roles::create))
        .route(&at("/roles/default"), get(roles::show_default))
        .route(&at("/roles/reset-default"), post(roles::reset_default))
        .route(&at("/roles/{id}"), get(show_role).patch(roles::change).delete(roles::delete))
        .route(&at("/roles/{id}/renew"), post(renew_role))
        .route(&at("/roles/{id}/reset"), post(roles::reset))
        .route(&at("/roles/{id}/reassign"), post(roles::reassign))
        .route(&at("/passwords"), get(list_passwords).post(passwords::create))
        .route(&at("/passwords/{id}"), get(show_password).patch(passwords::change).delete(passwords::delete))
        .route(&at("/passwords/{id}/renew"), post(renew_password))
        .fallback(async || not_found())
        .with_state(world)
}

/// Organization, database, branch.
pub(super) type OfBranch = Path<(String, String, String)>;
/// … and a credential.
pub(super) type OfCredential = Path<(String, String, String, String)>;
/// What a handler acts upon.
pub(super) type OnWorld = Extract<Arc<World>>;

async fn show_branch(Extract(world): OnWorld, Path(at): OfBranch, headers: HeaderMap) -> Answer {
    let found = world.branch(&at.0, &at.1, &at.2, &headers, Deed::Branch, None);
    found.map_or_else(|refusal| refusal, |branch| Answer::json(StatusCode::OK, &branch.to_json()))
}

async fn bouncers(
    Extract(world): OnWorld,
    Path(at): OfBranch,
    Query(query): Query<list::Query>,
    headers: HeaderMap,
) -> Answer {
    let found = world.branch(&at.0, &at.1, &at.2, &headers, Deed::Branch, Some(Kind::Postgres));
    found.map_or_else(|refusal| refusal, |branch| query.page(&branch.bouncers(), false))
}

async fn list_roles(world: OnWorld, at: OfBranch, query: Query<list::Query>, headers: HeaderMap) -> Answer {
    world.0.list(&at.0, &query.0, &headers, Kind::Postgres)
}

async fn list_passwords(
    world: OnWorld,
    at: OfBranch,
    query: Query<list::Query>,
    headers: HeaderMap,
) -> Answer {
    world.0.list(&at.0, &query.0, &headers, Kind::Mysql)
}

async fn show_role(Extract(world): OnWorld, Path(at): OfCredential, headers: HeaderMap) -> Answer {
    let found = world.credential(&at, &headers, Deed::Read, Kind::Postgres);
    let (branch, mut credential) = match found {
        Ok(found) => found,
        Err(refusal) => return refusal,
    };
    world.change(&credential.id, |kept| {
        kept.looks = kept.looks.saturating_sub(1);
        credential.looks = kept.looks;
    });
    world.show(&branch, &credential, None, StatusCode::OK)
}

async fn show_password(Extract(world): OnWorld, Path(at): OfCredential, headers: HeaderMap) -> Answer {
    match world.credential(&at, &headers, Deed::Read, Kind::Mysql) {
        Ok((branch, credential)) => world.show(&branch, &credential, None, StatusCode::OK),
        Err(refusal) => refusal,
    }
}

async fn renew_role(Extract(world): OnWorld, Path(at): OfCredential, headers: HeaderMap) -> Answer {
    world.renew(&at, &headers, Kind::Postgres)
}

async fn renew_password(Extract(world): OnWorld, Path(at): OfCredential, headers: HeaderMap) -> Answer {
    world.renew(&at, &headers, Kind::Mysql)
}

impl World {
    /// The branch, if the caller may do this there and it is of this kind.
    pub(super) fn branch(
        &self,
        organization: &str,
        database: &str,
        branch: &str,
        headers: &HeaderMap,
        deed: Deed,
        kind: Option<Kind>,
    ) -> Result<Branch, Answer> {
        let known = self.state.lock();
        let mut all = known.branches.iter().filter(|_| organization == "acme");
        let found = all.find(|it| it.is(database, branch)).ok_or_else(not_found)?;
        access::check(&known, headers, found, deed)?;
        // What the wrong kind of call gets is not documented.
        if kind.is_some_and(|kind| kind != found.engine) {
            return Err(not_found());
        }
        Ok(found.clone())
    }

    /// The credential, and its branch.
    pub(super) fn credential(
        &self,
        at: &(String, String, String, String),
        headers: &HeaderMap,
        deed: Deed,
        kind: Kind,
    ) -> Result<(Branch, Credential), Answer> {
        let branch = self.branch(&at.0, &at.1, &at.2, headers, deed, Some(kind))?;
        let known = self.state.lock();
        let mut all = known.credentials.iter().filter(|it| it.branch == branch.id && !it.deleted);
        // The default role has calls of its own.
        let found = all.find(|it| it.id == at.3 && !it.default);
        found.map(|found| (branch, found.clone())).ok_or_else(not_found)
    }

    pub(super) fn change(&self, id: &str, change: impl FnOnce(&mut Credential)) {
        self.state.lock().credentials.iter_mut().find(|it| it.id == id).map(change).unwrap_or_default();
    }

    pub(super) fn show(
        &self,
        branch: &Branch,
        credential: &Credential,
        secret: Option<&str>,
        status: StatusCode,
    ) -> Answer {
        let host = self.host(credential.engine);
        let known = self.state.lock();
        let now = self.state.clock.now();
        Answer::json(status, &credential.to_json(branch, &host, secret, now, &known.habits))
    }

    pub(super) fn host(&self, kind: Kind) -> String {
        match (kind, self.state.lock().habits.bare_host) {
            (_, true) => "localhost".to_owned(),
            (Kind::Postgres, false) => format!("localhost:{}", self.direct.port()),
            (Kind::Mysql, false) => format!("localhost:{}", self.mysql.port()),
        }
    }

    fn list(
        &self,
        at: &(String, String, String),
        query: &list::Query,
        headers: &HeaderMap,
        kind: Kind,
    ) -> Answer {
        let branch = match self.branch(&at.0, &at.1, &at.2, headers, Deed::Read, Some(kind)) {
            Ok(branch) => branch,
            Err(refusal) => return refusal,
        };
        let host = self.host(kind);
        let known = self.state.lock();
        let now = self.state.clock.now();
        let fits = |it: &&Credential| {
            let text = query.q.as_deref().unwrap_or_default();
            let by_text = it.name.contains(text) || (kind == Kind::Postgres && it.username().contains(text));
            let by_status = query.status.as_deref().is_none_or(|status| it.has_status(status, now));
            // Whether the default role is listed is not documented.
            it.branch == branch.id && !it.deleted && !it.default && by_text && by_status
        };
        let found = known.credentials.iter().rev().filter(fits);
        let items: Vec<Value> =
            found.map(|it| it.to_json(&branch, &host, None, now, &known.habits)).collect();
        query.page(&items, true)
    }

    /// From now on as long as it was given at first. Which of 404 and 422 an expired one gets is not documented.
    fn renew(&self, at: &(String, String, String, String), headers: &HeaderMap, kind: Kind) -> Answer {
        let (branch, mut credential) = match self.credential(at, headers, Deed::Make, kind) {
            Ok(found) => found,
            Err(refusal) => return refusal,
        };
        let now = self.state.clock.now();
        if credential.is_expired(now) || credential.ttl.is_none() {
            return access::unprocessable("It cannot be renewed.");
        }
        credential.expires_at = credential.ttl.map(|ttl| now + ttl);
        self.change(&credential.id, |kept| kept.expires_at = credential.expires_at);
        self.show(&branch, &credential, None, StatusCode::OK)
    }

    /// Ends the sessions of what has expired.
    pub(super) async fn expire(&self) -> anyhow::Result<()> {
        let now = self.state.clock.now();
        let expired: Vec<Credential> = {
            let mut known = self.state.lock();
            let cuts = known.habits.cuts_sessions;
            let all = known.credentials.iter_mut();
            let due = all.filter(|it| cuts && it.is_expired(now) && !it.deleted && !it.cut);
            due.map(|it| {
                it.cut = true;
                it.clone()
            })
            .collect()
        };
        for credential in expired {
            self.cut(&credential).await?;
        }
        Ok(())
    }

    /// Ends the sessions of one.
    pub(super) async fn cut(&self, credential: &Credential) -> anyhow::Result<()> {
        if !self.state.lock().habits.cuts_sessions {
            return Ok(());
        }
        match credential.engine {
            Kind::Postgres => {
                roles::cut(self, credential);
                Ok(())
            }
            Kind::Mysql => passwords::cut(self, credential).await,
        }
    }
}

/// What a handler answers, defects of the emulator included.
pub(super) fn answered(result: anyhow::Result<Answer>) -> Response {
    match result {
        Ok(answer) => answer.into_response(),
        Err(defect) => {
            let message = format!("the emulator: {defect:#}");
            access::error(StatusCode::INTERNAL_SERVER_ERROR, "defect", &message).into_response()
        }
    }
}
