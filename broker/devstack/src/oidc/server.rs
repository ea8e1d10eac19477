//! The issuer's listeners.

use std::sync::Arc;

use super::{Oidc, State, routes};
use crate::ca::Ca;
use crate::serving;

/// Listens, and answers from a thread of its own until the value that is returned is dropped.
pub(super) fn start(ca: &Ca, state: impl FnOnce(String, String) -> State) -> anyhow::Result<Oidc> {
    let ((https, https_listeners), (http, http_listeners)) = (serving::listen()?, serving::listen()?);
    let state = Arc::new(state(
        format!("https://localhost:{}", https.number()),
        format!("http://localhost:{}", http.number()),
    ));
    let tls = serving::tls(&ca.issue(serving::LOOPBACK)?, serving::HTTP)?;
    let secure = routes::routes(Arc::clone(&state), state.issuer.clone());
    let plain = routes::routes(Arc::clone(&state), state.http_issuer.clone());
    let running = serving::run("devstack-oidc", move || {
        serving::serve_http(https_listeners, &secure, Some(&tls))?;
        serving::serve_http(http_listeners, &plain, None)?;
        Ok((https, http))
    })?;
    Ok(Oidc { state, _running: running })
}
