//! Databases at RDS: an edge in front of a Postgres, which lets some users in with tokens alone.

use std::sync::{Arc, OnceLock};

use super::Aws;
use super::gate::Gate;
use crate::{Backend, Ca, Edge, Opening, Postgres, Refusal, Route, Upstream};

/// A server with two endpoints, as an Aurora cluster has. Both lead to the same Postgres, which must have been made
/// with [`crate::PostgresBuilder::behind_edge`].
#[derive(Debug)]
pub struct Rds {
    /// The endpoint for writing.
    pub primary: Edge,
    /// The endpoint for reading.
    pub replica: Edge,
    door: Arc<Doorkeeper>,
}

#[derive(Debug)]
struct Doorkeeper {
    gate: Gate,
    password_upstream: Upstream,
    trusting_upstream: Upstream,
}

impl Rds {
    /// Starts it. `token_users` are the members of `rds_iam`; all others prove themselves to the server.
    pub async fn start(
        ca: &Ca,
        server: &Postgres,
        aws: &Aws,
        region: &str,
        token_users: &[&str],
    ) -> anyhow::Result<Self> {
        let door = Arc::new(Doorkeeper {
            gate: Gate::new(aws, region, token_users),
            password_upstream: server.plain_upstream(),
            trusting_upstream: server.trusting_upstream(),
        });
        let (primary, replica) = (endpoint(ca, &door).await?, endpoint(ca, &door).await?);
        Ok(Self { primary, replica, door })
    }

    /// Why tokens were refused so far: clients are not told.
    pub fn reasons(&self) -> Vec<String> {
        self.door.gate.reasons()
    }
}

async fn endpoint(ca: &Ca, door: &Arc<Doorkeeper>) -> anyhow::Result<Edge> {
    let (issued, door, port) = (ca.issue(&["localhost"])?, Arc::clone(door), Arc::new(OnceLock::new()));
    let own_port = Arc::clone(&port);
    let edge = Edge::builder(&issued)
        .route(move |opening: &Opening| door.receive(opening, own_port.get().copied().unwrap_or_default()));
    let edge = edge.start().await?;
    port.get_or_init(|| edge.port());
    Ok(edge)
}

impl Doorkeeper {
    fn receive(self: &Arc<Self>, opening: &Opening, port: u16) -> Route {
        if !self.gate.wants_token(&opening.user) {
            return Backend::new(self.password_upstream.clone(), opening).into();
        }
        let (door, opening) = (Arc::clone(self), opening.clone());
        Route::ask_password(move |token| {
            let user = opening.user.clone();
            if !door.gate.lets_in(token, port, &user) {
                return refused(&user).into();
            }
            let backend = Backend::new(door.trusting_upstream.clone(), &opening);
            backend.reword(move |_| refused(&user)).into()
        })
    }
}

/// What RDS says, whatever is wrong.
fn refused(user: &str) -> Refusal {
    Refusal::fatal("28000", format!("PAM authentication failed for user \"{user}\""))
}
