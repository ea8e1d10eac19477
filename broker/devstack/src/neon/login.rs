//! Neon's proxy: which compute is meant, and what it says in its own name.

use std::sync::Arc;
use std::time::Duration;

use super::{DOMAIN, PRIMARY, State, passwords};
use crate::ca::Issued;
use crate::edge::{Backend, Edge, EdgeBuilder, Opening, Refusal, Route, Upstream};

/// The proxy before it is started.
pub(super) fn edge(issued: &Issued, state: &Arc<State>) -> anyhow::Result<EdgeBuilder> {
    let (state, upstream) = (Arc::clone(state), state.postgres.tls_upstream()?);
    Ok(Edge::builder(issued)
        .plaintext_refusal(said("connection is insecure (try using `sslmode=require`)"))
        .unreachable(said("Couldn't connect to compute node"))
        .route(move |opening| route(&state, &upstream, opening))
        .watch(|_, text| passwords::refusal(text)))
}

fn route(state: &State, upstream: &Upstream, opening: &Opening) -> Route {
    let sni = opening.sni.as_deref().unwrap_or_default();
    let Some(label) = label(sni) else { return said(NO_ENDPOINT).into() };
    let (id, pooled) = label.strip_suffix("-pooler").map_or((label, false), |id| (id, true));
    let unsupported = opening.parameters.iter().find(|(name, _)| !POOLED_PARAMETERS.contains(&name.as_str()));
    if let (true, Some((name, _))) = (pooled, unsupported) {
        return Refusal::fatal("08P01", format!("unsupported startup parameter: {name}")).into();
    }
    let mut now = state.now();
    if now.refusals > 0 {
        now.refusals -= 1;
        return said("Couldn't connect to compute node").into();
    }
    let Some(compute) = now.computes.iter_mut().find(|compute| compute.id == id) else {
        return said("Control plane request failed: endpoint cannot be found").into();
    };
    let hold = if std::mem::take(&mut compute.suspended) { WAKING } else { Duration::ZERO };
    let mut backend =
        Backend::new(upstream.clone(), opening).keep_parameters(&PARAMETERS).hold(hold).reword(reworded);
    backend.parameters.push(("client_encoding".to_owned(), "UTF8".to_owned()));
    if compute.kind == "read_only" {
        backend.parameters.push(("default_transaction_read_only".to_owned(), "on".to_owned()));
    }
    if compute.branch == super::DEV {
        let database = opening.database.as_deref().unwrap_or(&opening.user);
        backend = backend.database(&format!("{database}_dev"));
    }
    backend.into()
}

/// The first label of a host that is one of ours; `localhost` is short for the primary.
fn label(sni: &str) -> Option<&str> {
    if sni == "localhost" {
        return Some(PRIMARY);
    }
    sni.split_once('.').filter(|(_, rest)| *rest == DOMAIN).map(|(label, _)| label)
}

/// What the proxy says in its own name always has this form.
fn said(message: &str) -> Refusal {
    Refusal::error("XX000", message)
}

/// It is the proxy that checks passwords.
fn reworded(refusal: Refusal) -> Refusal {
    match refusal.message.strip_prefix("password authentication failed for user ") {
        Some(user) => said(&format!("password authentication failed for user '{}'", user.trim_matches('"'))),
        None => refusal,
    }
}

/// How long a compute takes to wake.
const WAKING: Duration = Duration::from_millis(700);

const NO_ENDPOINT: &str = "Endpoint ID is not specified. Either please upgrade the postgres client library (libpq) for \
    SNI support or pass the endpoint ID (first part of the domain name) as a parameter: \
    '?options=endpoint%3D<endpoint-id>'. See more at https://neon.tech/sni";

/// What is passed on; everything else is dropped.
const PARAMETERS: [&str; 3] = ["application_name", "replication", "options"];

/// What the pooler takes.
const POOLED_PARAMETERS: [&str; 5] =
    ["client_encoding", "datestyle", "timezone", "standard_conforming_strings", "application_name"];
