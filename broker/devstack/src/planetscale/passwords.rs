//! MySQL passwords, which are users of a real server.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State as Extract};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;

use super::World;
use super::access::{Deed, error, unprocessable};
use super::branches::{Branch, Kind};
use super::credential::Credential;
use super::fixtures::{PRIMARY, REPLICA};
use super::routes::{OfBranch, OfCredential, OnWorld, answered};
use super::state::short;
use crate::{Answer, entropy};

#[derive(Deserialize)]
struct Wish {
    #[serde(default)]
    name: String,
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    replica: bool,
    #[serde(default)]
    ttl: u64,
    #[serde(default)]
    cidrs: Option<Vec<String>>,
}

/// `POST …/passwords`
pub(super) async fn create(
    Extract(world): OnWorld,
    Path(at): OfBranch,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let branch = match world.branch(&at.0, &at.1, &at.2, &headers, Deed::Make, Some(Kind::Mysql)) {
        Ok(branch) => branch,
        Err(refusal) => return answered(Ok(refusal)),
    };
    let Ok(wish) = serde_json::from_slice::<Wish>(&body) else { return answered(Ok(invalid("the body"))) };
    if !branch.ready {
        return answered(Ok(unprocessable("Branch is not ready.")));
    }
    // What is given to those who name no role is not documented.
    let role = wish.role.clone().unwrap_or_else(|| "admin".to_owned());
    let Some(grants) = grants(&role) else { return answered(Ok(invalid("role"))) };
    answered(create_now(&world, &branch, wish, role, grants).await)
}

async fn create_now(
    world: &Arc<World>,
    branch: &Branch,
    wish: Wish,
    role: String,
    grants: &str,
) -> anyhow::Result<Answer> {
    let user: String = entropy::password()?.chars().take(20).collect();
    let secret = format!("pscale_pw_{}", entropy::password()?);
    let mut sql = format!("create user '{user}'@'%' identified by '{secret}';");
    if !wish.replica {
        sql += &format!("grant {grants} on {PRIMARY}.* to '{user}'@'%';");
    }
    if grants.contains("select") || grants == "all" {
        sql += &format!("grant select on {REPLICA}.* to '{user}'@'%';");
    }
    world.servers.mariadb.execute("", &sql).await?;
    let mut known = world.state.lock();
    let now = world.state.clock.now();
    let longest = known.habits.longest_ttl.unwrap_or(u64::MAX);
    let ttl = (wish.ttl > 0).then(|| Duration::from_secs(wish.ttl.min(longest)));
    let credential = Credential {
        engine: Kind::Mysql,
        branch: branch.id,
        id: short()?,
        name: if wish.name.is_empty() { user.clone() } else { wish.name },
        user,
        created_at: now,
        ttl,
        expires_at: ttl.map(|ttl| now + ttl),
        deleted: false,
        cut: false,
        looks: 0,
        inherited_roles: Vec::new(),
        query_safety: serde_json::Map::new(),
        access: role,
        replica: wish.replica,
        cidrs: wish.cidrs.unwrap_or_default(),
    };
    known.credentials.push(credential.clone());
    drop(known);
    Ok(world.show(branch, &credential, Some(&secret), StatusCode::CREATED))
}

/// `PATCH …/passwords/{id}`: its name and where it may be used from.
pub(super) async fn change(
    Extract(world): OnWorld,
    Path(at): OfCredential,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let (branch, mut credential) = match world.credential(&at, &headers, Deed::Make, Kind::Mysql) {
        Ok(found) => found,
        Err(refusal) => return refusal,
    };
    let Ok(wish) = serde_json::from_slice::<Wish>(&body) else { return invalid("the body") };
    if !wish.name.is_empty() {
        credential.name = wish.name;
    }
    credential.cidrs = wish.cidrs.unwrap_or(credential.cidrs);
    world.change(&credential.id, |kept| kept.clone_from(&credential));
    world.show(&branch, &credential, None, StatusCode::OK)
}

/// `DELETE …/passwords/{id}`
pub(super) async fn delete(Extract(world): OnWorld, Path(at): OfCredential, headers: HeaderMap) -> Response {
    let (_, credential) = match world.credential(&at, &headers, Deed::Remove, Kind::Mysql) {
        Ok(found) => found,
        Err(refusal) => return answered(Ok(refusal)),
    };
    let done = async {
        world.servers.mariadb.execute("", &format!("drop user '{}'@'%'", credential.user)).await?;
        world.change(&credential.id, |kept| kept.deleted = true);
        world.cut(&credential).await?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    };
    answered(done.await)
}

pub(super) async fn cut(world: &World, credential: &Credential) -> anyhow::Result<()> {
    world.servers.mariadb.execute("", &format!("kill user '{}'", credential.user)).await
}

/// What a role may do to tables.
fn grants(role: &str) -> Option<&'static str> {
    match role {
        "reader" => Some("select"),
        "writer" => Some("insert, update, delete"),
        "readwriter" => Some("select, insert, update, delete"),
        "admin" => Some("all"),
        _ => None,
    }
}

fn invalid(what: &str) -> Answer {
    error(StatusCode::UNPROCESSABLE_ENTITY, "invalid_params", &format!("{what} is invalid"))
}
