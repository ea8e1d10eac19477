//! What stands before the databases.

use std::sync::Arc;

use super::branches::{Branch, Kind};
use super::fixtures::{PRIMARY, REPLICA};
use super::state::State;
use crate::ca::{Ca, Issued};
use crate::edge::{Backend, Edge, Opening, Refusal, Route, Upstream};
use crate::mysql_edge::{self, MysqlEdge};
use crate::{MariaDb, Postgres};

/// Port 5432: the primary, or a replica.
pub(super) async fn direct(issued: &Issued, server: &Postgres, state: &Arc<State>) -> anyhow::Result<Edge> {
    postgres(issued, server, state, |target, branch| match target {
        None => Ok("primary"),
        Some("replica") => Ok("replica"),
        Some(other) => Err(missing(other, branch)),
    })
    .await
}

/// Port 6432: the bouncer of every branch, or a dedicated one.
pub(super) async fn pooler(issued: &Issued, server: &Postgres, state: &Arc<State>) -> anyhow::Result<Edge> {
    postgres(issued, server, state, |target, branch| match target {
        None => Ok("pooled"),
        Some("replica") => {
            let message = format!("pooler only supports primary destinations for branch {}", branch.id);
            Err(Refusal::fatal("28000", message))
        }
        Some(name) if branch.bouncers.iter().any(|bouncer| bouncer == name) => Ok("bouncer"),
        Some(name) => Err(missing(name, branch)),
    })
    .await
}

fn missing(member: &str, branch: &Branch) -> Refusal {
    Refusal::fatal("28000", format!("member {member} not found in branch {}", branch.id))
}

/// Where a target behind the user's name leads in a branch.
type Way = fn(Option<&str>, &Branch) -> Result<&'static str, Refusal>;

/// `way` says where a target behind the user's name leads.
async fn postgres(issued: &Issued, server: &Postgres, state: &Arc<State>, way: Way) -> anyhow::Result<Edge> {
    let (state, upstream) = (Arc::clone(state), server.plain_upstream());
    let plaintext = Refusal::fatal("28000", "SSL connection is required")
        .hint("Use sslmode=require or connect with SSL enabled");
    Edge::builder(issued)
        .plaintext_refusal(plaintext)
        .route(move |opening| match lead(&state, &upstream, opening, way) {
            Ok(backend) => Route::To(backend),
            Err(refusal) => Route::Refuse(refusal),
        })
        .start()
        .await
}

fn lead(state: &State, upstream: &Upstream, opening: &Opening, way: Way) -> Result<Backend, Refusal> {
    let (account, target) = match opening.user.split_once('|') {
        Some((account, target)) => (account, Some(target)),
        None => (opening.user.as_str(), None),
    };
    let Some((user, branch)) = account.rsplit_once('.') else {
        let message = "invalid user format: username must include branch (e.g., user.branch)";
        return Err(Refusal::fatal("28000", message));
    };
    let known = state.lock();
    let found = known.branches.iter().find(|it| it.engine == Kind::Postgres && it.id == branch);
    let Some(found) = found else {
        return Err(Refusal::fatal("28000", format!("branch {branch} does not exist")));
    };
    let to = way(target, found)?;
    let now = state.clock.now();
    let mut live = known.credentials.iter().filter(|credential| credential.is_live(now));
    let Some(credential) = live.find(|credential| credential.username() == account) else {
        return Err(Refusal::fatal("28P01", format!("password authentication failed for user \"{user}\"")));
    };
    let mut backend = Backend::new(upstream.clone(), opening).user(&credential.user);
    // A query tells by this which way it came.
    backend.parameters.push(("pscale.way".to_owned(), to.to_owned()));
    if to == "replica" {
        backend.parameters.push(("default_transaction_read_only".to_owned(), "on".to_owned()));
    }
    Ok(backend)
}

/// Port 3306.
pub(super) async fn mysql(ca: &Ca, server: &MariaDb, state: &Arc<State>) -> anyhow::Result<MysqlEdge> {
    let backend = mysql_edge::Backend::of(server)?;
    let (state, behind) = (Arc::clone(state), backend.clone());
    MysqlEdge::over_tls(ca, crate::serving::LOOPBACK, insecure(), backend, move |opening| {
        let now = state.clock.now();
        let known = state.lock();
        let found = known.credentials.iter().find(|credential| {
            credential.engine == Kind::Mysql && credential.user == opening.user && credential.is_live(now)
        });
        // Clients come from loopback.
        let near = |cidr: &String| cidr.starts_with("127.") || cidr.ends_with("/0");
        let Some(found) = found.filter(|found| found.cidrs.is_empty() || found.cidrs.iter().any(near)) else {
            let message = format!("Access denied for user '{}'", opening.user);
            return mysql_edge::Refusal { code: 1045, sqlstate: "28000", message }.into();
        };
        let database = match opening.database.as_str() {
            "" => String::new(),
            "@replica" => REPLICA.to_owned(),
            _ if found.replica => REPLICA.to_owned(),
            "@primary" => PRIMARY.to_owned(),
            other => other.to_owned(),
        };
        let (backend, user) = (behind.clone(), opening.user.clone());
        mysql_edge::Route::To { backend, user, database, password: None }
    })
    .await
}

/// What the edge answers to clients that do not ask for TLS.
fn insecure() -> mysql_edge::Refusal {
    let message = "unknown error: Code: UNAVAILABLE\n\
                   server does not allow insecure connections, client must use SSL/TLS";
    mysql_edge::Refusal { code: 1105, sqlstate: "HY000", message: message.to_owned() }
}
