//! Who is let in: by a connect token, or by a password that the server knows.

use std::sync::Arc;

use super::State;
use crate::ca::Issued;
use crate::edge::{Backend, Edge, EdgeBuilder, Opening, Refusal, Route};

/// The edge before it is started.
pub(super) fn edge(issued: &Issued, state: &Arc<State>) -> EdgeBuilder {
    let state = Arc::clone(state);
    Edge::builder(issued).route(move |opening| route(&state, opening)).watch(|_, sql| unsupported(sql))
}

fn route(state: &Arc<State>, opening: &Opening) -> Route {
    let role = opening.user.strip_prefix(state.tenant.as_str()).and_then(|rest| rest.strip_prefix('.'));
    let (Some(role), "ACTIVE") = (role, state.now().state) else { return refused(&opening.user).into() };
    if opening.database.as_deref() != Some(DBNAME) {
        let database = opening.database.as_deref().unwrap_or(&opening.user);
        return Refusal::fatal("3D000", format!("database \"{database}\" does not exist")).into();
    }
    let (state, opening, role) = (Arc::clone(state), opening.clone(), role.to_owned());
    Route::ask_password(move |secret| {
        let postgres = &state.postgres;
        let is_token = secret.bytes().filter(|byte| *byte == b'.').count() == 2;
        if is_token {
            if !state.signer.accepts(secret, &state.tenant, &role, state.clock.now()) {
                return refused(&opening.user).into();
            }
            return Backend::new(postgres.trusting_upstream(), &opening).user(&role).into();
        }
        if state.now().passwordless {
            return refused(&opening.user).into();
        }
        Backend::new(postgres.plain_upstream(), &opening).user(&role).password(secret).into()
    })
}

fn refused(user: &str) -> Refusal {
    Refusal::fatal("28P01", format!("password authentication failed for user \"{user}\""))
}

/// There is neither `LISTEN` nor `NOTIFY`.
fn unsupported(sql: &str) -> Option<Refusal> {
    let word = sql.split_whitespace().next().unwrap_or_default().to_uppercase();
    let known = !matches!(word.as_str(), "LISTEN" | "NOTIFY" | "UNLISTEN");
    (!known).then(|| Refusal::error("0A000", format!("{word} is not supported")))
}

const DBNAME: &str = "postgres";
