//! Postgres roles, which are real ones.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, Query, State as Extract};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::World;
use super::access::{Deed, error, unprocessable};
use super::branches::{Branch, Kind};
use super::credential::Credential;
use super::fixtures::DEFAULT_ROLE;
use super::routes::{OfBranch, OfCredential, OnWorld, answered};
use super::state::short;
use crate::edge::Refusal;
use crate::{Answer, entropy};

#[derive(Deserialize)]
struct Wish {
    #[serde(default)]
    name: String,
    #[serde(default)]
    ttl: u64,
    #[serde(default)]
    inherited_roles: Vec<String>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// `POST …/roles`: 200, unlike a password's 201.
pub(super) async fn create(
    Extract(world): OnWorld,
    Path(at): OfBranch,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let branch = match world.branch(&at.0, &at.1, &at.2, &headers, Deed::Make, Some(Kind::Postgres)) {
        Ok(branch) => branch,
        Err(refusal) => return answered(Ok(refusal)),
    };
    let Ok(wish) = serde_json::from_slice::<Wish>(&body) else { return answered(Ok(invalid("the body"))) };
    if !branch.ready {
        return answered(Ok(unprocessable("Branch is not ready.")));
    }
    if let Some(unknown) = wish.inherited_roles.iter().find(|role| !INHERITED.contains(&role.as_str())) {
        return answered(Ok(invalid(&format!("inherited_roles: {unknown}"))));
    }
    answered(create_now(&world, &branch, wish).await)
}

async fn create_now(world: &Arc<World>, branch: &Branch, wish: Wish) -> anyhow::Result<Answer> {
    let (user, secret) = (format!("pscale_api_{}", short()?), format!("pscale_pw_{}", entropy::password()?));
    let there = format!(
        "select string_agg(rolname, ', ') from pg_roles where rolname = any('{{{}}}')",
        wish.inherited_roles.join(",").replace("postgres", DEFAULT_ROLE)
    );
    // Some are of later versions than the server.
    let there = world.servers.postgres.query_text("postgres", &there).await?;
    let member = if there.is_empty() { String::new() } else { format!("in role {there}") };
    world
        .servers
        .postgres
        .execute("postgres", &format!("create role {user} login password '{secret}' {member}"))
        .await?;
    let mut known = world.state.lock();
    let now = world.state.clock.now();
    let longest = known.habits.longest_ttl.unwrap_or(u64::MAX);
    let ttl = (wish.ttl > 0).then(|| Duration::from_secs(wish.ttl.min(longest)));
    let safety = wish.rest.into_iter().filter(|(name, _)| name.starts_with("require_where_on_"));
    let credential = Credential {
        engine: Kind::Postgres,
        branch: branch.id,
        id: short()?,
        name: if wish.name.is_empty() { user.clone() } else { wish.name },
        user,
        created_at: now,
        ttl,
        expires_at: ttl.map(|ttl| now + ttl),
        deleted: false,
        cut: false,
        looks: known.habits.looks_until_ready,
        inherited_roles: wish.inherited_roles,
        query_safety: safety.collect(),
        access: String::new(),
        replica: false,
        cidrs: Vec::new(),
    };
    known.credentials.push(credential.clone());
    drop(known);
    Ok(world.show(branch, &credential, Some(&secret), StatusCode::OK))
}

/// `PATCH …/roles/{id}`: its name alone.
pub(super) async fn change(
    Extract(world): OnWorld,
    Path(at): OfCredential,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let (branch, mut credential) = match world.credential(&at, &headers, Deed::Make, Kind::Postgres) {
        Ok(found) => found,
        Err(refusal) => return refusal,
    };
    let Ok(wish) = serde_json::from_slice::<Wish>(&body) else { return invalid("the body") };
    credential.name = wish.name;
    world.change(&credential.id, |kept| kept.name.clone_from(&credential.name));
    world.show(&branch, &credential, None, StatusCode::OK)
}

#[derive(Default, Deserialize)]
pub(super) struct Successor {
    successor: Option<String>,
}

/// `DELETE …/roles/{id}`: the successor stands in the query (OpenAPI), or in the body (PlanetScale's client for Go).
pub(super) async fn delete(
    Extract(world): OnWorld,
    Path(at): OfCredential,
    Query(query): Query<Successor>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (_, credential) = match world.credential(&at, &headers, Deed::Remove, Kind::Postgres) {
        Ok(found) => found,
        Err(refusal) => return answered(Ok(refusal)),
    };
    let in_body = serde_json::from_slice::<Successor>(&body).unwrap_or_default().successor;
    answered(delete_now(&world, &credential, query.successor.or(in_body)).await)
}

async fn delete_now(
    world: &World,
    credential: &Credential,
    successor: Option<String>,
) -> anyhow::Result<Answer> {
    let (server, user) = (&world.servers.postgres, &credential.user);
    if let Some(successor) = successor {
        let Some(successor) = known_as(world, &successor) else { return Ok(invalid("successor")) };
        hand_over(world, user, &successor).await?;
    }
    if server.execute("postgres", &format!("drop role {user}")).await.is_err() {
        return Ok(unprocessable("Role is still referenced and cannot be dropped."));
    }
    world.change(&credential.id, |kept| kept.deleted = true);
    world.cut(credential).await?;
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

async fn hand_over(world: &World, user: &str, successor: &str) -> anyhow::Result<()> {
    let sql = format!("reassign owned by {user} to {successor}; drop owned by {user};");
    for database in ["shop", "postgres"] {
        world.servers.postgres.execute(database, &sql).await?;
    }
    Ok(())
}

/// A successor is named by its identifier, or its user name with or without the branch.
fn known_as(world: &World, successor: &str) -> Option<String> {
    let base = successor.split('.').next().unwrap_or_default();
    if base == "postgres" {
        return Some(DEFAULT_ROLE.to_owned());
    }
    let known = world.state.lock();
    let found = known.credentials.iter().find(|it| !it.deleted && (it.id == successor || it.user == base));
    found.map(|found| found.user.clone())
}

/// `POST …/roles/{id}/reassign`
pub(super) async fn reassign(
    Extract(world): OnWorld,
    Path(at): OfCredential,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (_, credential) = match world.credential(&at, &headers, Deed::Remove, Kind::Postgres) {
        Ok(found) => found,
        Err(refusal) => return answered(Ok(refusal)),
    };
    let successor = serde_json::from_slice::<Successor>(&body).unwrap_or_default().successor;
    let Some(successor) = successor.and_then(|successor| known_as(&world, &successor)) else {
        return answered(Ok(invalid("successor")));
    };
    let done = hand_over(&world, &credential.user, &successor).await;
    answered(done.map(|()| Answer::empty(StatusCode::NO_CONTENT)))
}

/// `POST …/roles/{id}/reset`: a new secret, and the end of the sessions of the old one.
pub(super) async fn reset(Extract(world): OnWorld, Path(at): OfCredential, headers: HeaderMap) -> Response {
    let (branch, credential) = match world.credential(&at, &headers, Deed::Remove, Kind::Postgres) {
        Ok(found) => found,
        Err(refusal) => return answered(Ok(refusal)),
    };
    let done = async {
        let secret = format!("pscale_pw_{}", entropy::password()?);
        let sql = format!("alter role {} password '{secret}'", credential.user);
        world.servers.postgres.execute("postgres", &sql).await?;
        world.cut(&credential).await?;
        Ok(world.show(&branch, &credential, Some(&secret), StatusCode::OK))
    };
    answered(done.await)
}

pub(super) fn cut(world: &World, credential: &Credential) {
    let (account, last) = (credential.username(), Refusal::shutdown());
    for edge in [&world.direct, &world.pooler] {
        edge.end_sessions(&last, |opening| opening.user.split('|').next() == Some(account.as_str()));
    }
}

fn invalid(what: &str) -> Answer {
    error(StatusCode::UNPROCESSABLE_ENTITY, "invalid_params", &format!("{what} is invalid"))
}

/// What a role may inherit.
const INHERITED: &[&str] = &[
    "pg_checkpoint",
    "pg_create_subscription",
    "pg_maintain",
    "pg_monitor",
    "pg_read_all_data",
    "pg_read_all_settings",
    "pg_read_all_stats",
    "pg_signal_backend",
    "pg_stat_scan_tables",
    "pg_use_reserved_connections",
    "pg_write_all_data",
    "postgres",
];
