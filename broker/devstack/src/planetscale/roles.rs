//! Postgres roles, which are real ones.

use axum::body::Bytes;
use axum::extract::{Path, Query, State as Extract};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::World;
use super::access::{Deed, invalid, unprocessable};
use super::branches::{Branch, Kind};
use super::credential::Credential;
use super::fixtures::DEFAULT_ROLE;
use super::making::{Common, secret};
use super::routes::{OfBranch, OfCredential, OnWorld, answered};
use super::state::{Known, short};
use crate::Answer;
use crate::edge::Refusal;

#[derive(Deserialize)]
pub(super) struct Wish {
    #[serde(flatten)]
    common: Common,
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
    let (branch, wish) = match world.wish::<Wish>(&at, &headers, &body, Kind::Postgres) {
        Ok(wish) => wish,
        Err(refusal) => return answered(Ok(refusal)),
    };
    if let Some(unknown) = wish.inherited_roles.iter().find(|role| !INHERITED.contains(&role.as_str())) {
        return answered(Ok(invalid(&format!("inherited_roles: {unknown}"))));
    }
    answered(create_now(&world, &branch, wish).await)
}

pub(super) async fn create_now(world: &World, branch: &Branch, wish: Wish) -> anyhow::Result<Answer> {
    let (user, secret) = (format!("pscale_api_{}", short()?), secret()?);
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
    let looks = world.state.lock().habits.looks_until_ready;
    let safety = wish.rest.into_iter().filter(|(name, _)| name.starts_with("require_where_on_"));
    let credential = world.keep(branch, user, wish.common, |kept| Credential {
        looks,
        inherited_roles: wish.inherited_roles,
        query_safety: safety.collect(),
        ..kept
    })?;
    Ok(world.show(branch, &credential, Some(&secret), StatusCode::OK))
}

/// `PATCH …/roles/{id}`: its name alone.
pub(super) async fn change(
    Extract(world): OnWorld,
    Path(at): OfCredential,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    world.amend(&at, &headers, &body, Kind::Postgres, |credential, wish: Wish| {
        credential.name = wish.common.name;
    })
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
    world.forget(credential).await
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
    match world.credential(&at, &headers, Deed::Remove, Kind::Postgres) {
        Ok((branch, credential)) => answered(reset_now(&world, &branch, &credential).await),
        Err(refusal) => answered(Ok(refusal)),
    }
}

/// `GET …/roles/default`
pub(super) async fn show_default(
    Extract(world): OnWorld,
    Path(at): OfBranch,
    headers: HeaderMap,
) -> Response {
    match world.branch(&at.0, &at.1, &at.2, &headers, Deed::Read, Some(Kind::Postgres)) {
        Ok(branch) => {
            let found = default(&world, &branch).await;
            answered(found.map(|role| world.show(&branch, &role, None, StatusCode::OK)))
        }
        Err(refusal) => answered(Ok(refusal)),
    }
}

/// `POST …/roles/reset-default`: the answer has these members for sure, and maybe no others.
pub(super) async fn reset_default(
    Extract(world): OnWorld,
    Path(at): OfBranch,
    headers: HeaderMap,
) -> Response {
    let branch = match world.branch(&at.0, &at.1, &at.2, &headers, Deed::Remove, Some(Kind::Postgres)) {
        Ok(branch) => branch,
        Err(refusal) => return answered(Ok(refusal)),
    };
    let done = async {
        let role = default(&world, &branch).await?;
        let secret = new_secret(&world, &role).await?;
        let host = world.host(Kind::Postgres);
        let body = json!({ "username": role.username(), "password": secret, "access_host_url": host });
        Ok(Answer::json(StatusCode::OK, &body))
    };
    answered(done.await)
}

/// The role that every branch has. Several emulators share a server: each has one of its own behind that name.
async fn default(world: &World, branch: &Branch) -> anyhow::Result<Credential> {
    let there =
        |known: &Known| known.credentials.iter().find(|it| it.default && it.branch == branch.id).cloned();
    let found = there(&world.state.lock());
    if let Some(found) = found {
        return Ok(found);
    }
    let user = format!("pscale_default_{}", short()?);
    let sql = format!("create role {user} login in role {DEFAULT_ROLE}");
    world.servers.postgres.execute("postgres", &sql).await?;
    let common = Common { name: "postgres".to_owned(), ..Common::default() };
    world.keep(branch, user, common, |kept| Credential { default: true, ..kept })
}

async fn reset_now(world: &World, branch: &Branch, role: &Credential) -> anyhow::Result<Answer> {
    let secret = new_secret(world, role).await?;
    Ok(world.show(branch, role, Some(&secret), StatusCode::OK))
}

async fn new_secret(world: &World, role: &Credential) -> anyhow::Result<String> {
    let secret = secret()?;
    let sql = format!("alter role {} password '{secret}'", role.user);
    world.servers.postgres.execute("postgres", &sql).await?;
    world.cut(role).await?;
    Ok(secret)
}

pub(super) fn cut(world: &World, credential: &Credential) {
    let (account, last) = (credential.username(), Refusal::shutdown());
    for edge in [&world.direct, &world.pooler] {
        edge.end_sessions(&last, |opening| opening.user.split('|').next() == Some(account.as_str()));
    }
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
