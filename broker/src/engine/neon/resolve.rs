//! Where a branch is: from the names in the configuration to the hosts that the API tells.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::{Database, Endpoint, EndpointKind};
use crate::engine::neon::calls::{Calls, Compute, Named};
use crate::engine::postgres::{Login, Postgres};
use crate::engine::{EngineError, Tools};
use crate::model::{EndpointName, Place, Protocol};
use crate::secret::Secret;

/// A branch, found.
pub(super) struct Resolved {
    /// `branch main (br-…) of project …`
    pub(super) branch: String,
    /// Where each endpoint of the configuration is.
    pub(super) places: BTreeMap<EndpointName, Place>,
    /// Why that is not known of some.
    pub(super) missing: Vec<String>,
    /// The broker's own way to the primary, never through the pooler.
    pub(super) postgres: Postgres,
}

/// Asks the API.
pub(super) async fn resolve(
    calls: &Calls,
    database: &Database,
    password: Option<&Secret>,
    tools: &Tools,
) -> Result<Resolved, EngineError> {
    let admin = database.admin.as_ref().ok_or_else(|| refused("the broker has no user there".to_owned()))?;
    let project = project(calls).await?;
    let branch = branch(calls, &project).await?;
    let mut computes = calls.computes(&project.id).await?;
    computes.retain(|compute| compute.branch_id == branch.id && !compute.disabled);
    let said = format!("branch {} ({}) of project {} ({})", branch.name, branch.id, project.name, project.id);
    let (mut places, mut missing) = (BTreeMap::new(), Vec::new());
    for (name, endpoint) in &database.endpoints {
        match host(name, endpoint, &computes) {
            Ok(host) => {
                let port = Some(Protocol::Postgres.port());
                places.insert(name.clone(), Place { host: Some(host), port, ..Place::default() });
            }
            // Who says where it is need not hear of it.
            Err(_) if endpoint.host.is_some() => {}
            Err(why) => missing.push(format!("endpoint {name}: {said} {why}")),
        }
    }
    let own = database.endpoints.get(&admin.endpoint);
    let configured = own.and_then(|endpoint| endpoint.host.clone());
    let found = places.get(&admin.endpoint).and_then(|place| place.host.clone());
    let host = configured.or(found).ok_or_else(|| {
        refused(missing.first().cloned().unwrap_or_else(|| format!("{said} has no compute")))
    })?;
    let password = match password {
        Some(password) => password.clone(),
        None => calls.password(&project.id, &branch.id, &admin.username).await?,
    };
    let login = Login {
        endpoint: admin.endpoint.clone(),
        host,
        port: own.and_then(|endpoint| endpoint.port).unwrap_or(Protocol::Postgres.port()),
        username: admin.username.clone(),
        password: Arc::new(password),
    };
    let postgres = Postgres::new(database, login, tools).map_err(|error| refused(error.to_string()))?;
    Ok(Resolved { branch: said, places, missing, postgres: postgres.wanting_passwords() })
}

async fn project(calls: &Calls) -> Result<Named, EngineError> {
    let wanted = &calls.project;
    // Asked for by its identifier first: a key for one project may not be allowed to list them.
    let could_be_id =
        wanted.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if could_be_id && let Some(found) = calls.project(wanted).await? {
        return Ok(found);
    }
    one("project", wanted, calls.projects(wanted).await?)
}

async fn branch(calls: &Calls, project: &Named) -> Result<Named, EngineError> {
    let all = calls.branches(&project.id).await?;
    match &calls.branch {
        Some(wanted) => one("branch", wanted, all),
        None => all.into_iter().find(|branch| branch.default).ok_or_else(|| {
            refused(format!("the project {} has no default branch: name one with `neon.branch`", project.id))
        }),
    }
}

/// The one of this identifier, or else of this name.
fn one(what: &str, wanted: &str, all: Vec<Named>) -> Result<Named, EngineError> {
    let by_id = all.iter().position(|one| one.id == wanted);
    let mut fit = all;
    match by_id {
        Some(index) => Ok(fit.swap_remove(index)),
        None => {
            let there = list(&fit);
            fit.retain(|one| one.name == wanted);
            match (fit.pop(), fit.is_empty()) {
                (Some(one), true) => Ok(one),
                (Some(one), false) => {
                    fit.push(one);
                    let several = list(&fit);
                    Err(refused(format!(
                        "several are called {wanted:?}: say which {what} by its id: {several}"
                    )))
                }
                (None, _) => Err(refused(format!("there is no {what} {wanted:?}; there are {there}"))),
            }
        }
    }
}

/// `main (br-…), dev (br-…)`, the first ten.
fn list(all: &[Named]) -> String {
    let named = all.iter().take(10).map(|one| format!("{} ({})", one.name, one.id));
    let names = named.collect::<Vec<_>>().join(", ");
    if names.is_empty() { "none".to_owned() } else { names }
}

/// The host of an endpoint, or why there is none.
fn host(name: &EndpointName, endpoint: &Endpoint, computes: &[Compute]) -> Result<String, String> {
    let kind = endpoint.kind(name);
    let wanted = if kind == EndpointKind::Replica { READ_ONLY } else { READ_WRITE };
    let fits = |compute: &&Compute| match &endpoint.compute {
        Some(id) => compute.id == *id,
        None => compute.kind == wanted,
    };
    let fitting: Vec<_> = computes.iter().filter(fits).collect();
    let compute = match (fitting.as_slice(), &endpoint.compute) {
        ([compute], _) => compute,
        ([], Some(id)) => return Err(format!("has no compute {id:?}")),
        ([], None) => return Err(format!("has no compute of the type {wanted}")),
        (several, _) => {
            let ids: Vec<_> = several.iter().map(|compute| compute.id.as_str()).collect();
            return Err(format!(
                "has several of the type {wanted}: say which with `compute`: {}",
                ids.join(", ")
            ));
        }
    };
    if kind != EndpointKind::Pooled {
        return Ok(compute.host.clone());
    }
    let rest = compute.host.strip_prefix(compute.id.as_str());
    rest.map(|rest| format!("{}-pooler{rest}", compute.id))
        .ok_or_else(|| format!("has a compute whose host does not begin with its id: {}", compute.host))
}

fn refused(detail: String) -> EngineError {
    EngineError::Refused { detail }
}

/// The types of computes.
const READ_WRITE: &str = "read_write";
const READ_ONLY: &str = "read_only";

#[cfg(test)]
mod tests {
    use super::*;

    fn compute(id: &str, kind: &str) -> Compute {
        let host = format!("{id}.c-2.us-east-1.aws.neon.tech");
        Compute { id: id.into(), host, branch_id: "br".into(), kind: kind.into(), disabled: false }
    }

    fn found(name: &str, endpoint: serde_json::Value, computes: &[Compute]) -> Result<String, String> {
        host(&name.parse().unwrap(), &serde_json::from_value(endpoint).unwrap(), computes)
    }

    #[test]
    fn each_kind_of_endpoint_has_its_host() {
        let computes = [compute("ep-a-1", READ_WRITE), compute("ep-b-2", READ_ONLY)];
        let none = || serde_json::json!({});
        assert_eq!(found("primary", none(), &computes).unwrap(), "ep-a-1.c-2.us-east-1.aws.neon.tech");
        assert_eq!(found("pooled", none(), &computes).unwrap(), "ep-a-1-pooler.c-2.us-east-1.aws.neon.tech");
        assert_eq!(found("replica", none(), &computes).unwrap(), "ep-b-2.c-2.us-east-1.aws.neon.tech");
        let pooled = serde_json::json!({ "kind": "pooled", "compute": "ep-b-2" });
        assert_eq!(found("reports", pooled, &computes).unwrap(), "ep-b-2-pooler.c-2.us-east-1.aws.neon.tech");
    }

    #[test]
    fn what_is_not_one_is_refused_with_what_there_is() {
        let computes = [compute("ep-b-2", READ_ONLY), compute("ep-c-3", READ_ONLY)];
        let none = || serde_json::json!({});
        assert_eq!(found("primary", none(), &computes).unwrap_err(), "has no compute of the type read_write");
        let several = "has several of the type read_only: say which with `compute`: ep-b-2, ep-c-3";
        assert_eq!(found("replica", none(), &computes).unwrap_err(), several);
        let other = serde_json::json!({ "compute": "ep-x" });
        assert_eq!(found("primary", other, &computes).unwrap_err(), "has no compute \"ep-x\"");
    }
}
