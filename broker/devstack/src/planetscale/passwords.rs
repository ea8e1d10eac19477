//! MySQL passwords, which are users of a real server.

use axum::body::Bytes;
use axum::extract::{Path, State as Extract};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;

use super::World;
use super::access::{Deed, invalid};
use super::branches::{Branch, Kind};
use super::credential::Credential;
use super::fixtures::{PRIMARY, REPLICA};
use super::making::{Common, secret};
use super::routes::{OfBranch, OfCredential, OnWorld, answered};
use crate::{Answer, entropy};

#[derive(Deserialize)]
struct Wish {
    #[serde(flatten)]
    common: Common,
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    replica: bool,
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
    let (branch, wish) = match world.wish::<Wish>(&at, &headers, &body, Kind::Mysql) {
        Ok(wish) => wish,
        Err(refusal) => return answered(Ok(refusal)),
    };
    // What is given to those who name no role is not documented.
    let role = wish.role.clone().unwrap_or_else(|| "admin".to_owned());
    let Some(grants) = grants(&role) else { return answered(Ok(invalid("role"))) };
    answered(create_now(&world, &branch, wish, role, grants).await)
}

async fn create_now(
    world: &World,
    branch: &Branch,
    wish: Wish,
    role: String,
    grants: &str,
) -> anyhow::Result<Answer> {
    let user: String = entropy::password()?.chars().take(20).collect();
    let secret = secret()?;
    let mut sql = format!("create user '{user}'@'%' identified by '{secret}';");
    if !wish.replica {
        sql += &format!("grant {grants} on {PRIMARY}.* to '{user}'@'%';");
    }
    if grants.contains("select") || grants == "all" {
        sql += &format!("grant select on {REPLICA}.* to '{user}'@'%';");
    }
    world.servers.mariadb.execute("", &sql).await?;
    let credential = world.keep(branch, user, wish.common, |kept| Credential {
        access: role,
        replica: wish.replica,
        cidrs: wish.cidrs.unwrap_or_default(),
        ..kept
    })?;
    Ok(world.show(branch, &credential, Some(&secret), StatusCode::CREATED))
}

/// `PATCH …/passwords/{id}`: its name and where it may be used from.
pub(super) async fn change(
    Extract(world): OnWorld,
    Path(at): OfCredential,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    world.amend(&at, &headers, &body, Kind::Mysql, |credential, wish: Wish| {
        if !wish.common.name.is_empty() {
            credential.name = wish.common.name;
        }
        if let Some(cidrs) = wish.cidrs {
            credential.cidrs = cidrs;
        }
    })
}

/// `DELETE …/passwords/{id}`
pub(super) async fn delete(Extract(world): OnWorld, Path(at): OfCredential, headers: HeaderMap) -> Response {
    let (_, credential) = match world.credential(&at, &headers, Deed::Remove, Kind::Mysql) {
        Ok(found) => found,
        Err(refusal) => return answered(Ok(refusal)),
    };
    let done = async {
        world.servers.mariadb.execute("", &format!("drop user '{}'@'%'", credential.user)).await?;
        world.forget(&credential).await
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
