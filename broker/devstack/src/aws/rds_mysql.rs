//! Databases at RDS that speak MySQL: an edge in front of a MariaDB, which lets some users in with tokens alone.
//!
//! The plugin `AWSAuthenticationPlugin` is AWS' own. Here its users have a password in the server that only the edge
//! knows, and the edge does what the plugin does: it asks for the token in clear text, inside TLS, and checks it.

use std::sync::{Arc, OnceLock};

use super::Aws;
use super::gate::Gate;
use crate::mysql_edge::{Backend, Opening, Refusal, Route};
use crate::{Ca, MariaDb, MysqlEdge, entropy};

/// A server with two endpoints, as an Aurora cluster has. Both lead to the same MariaDB.
#[derive(Debug)]
pub struct RdsMysql {
    /// The endpoint for writing.
    pub primary: MysqlEdge,
    /// The endpoint for reading.
    pub replica: MysqlEdge,
    door: Arc<Doorkeeper>,
}

#[derive(Debug)]
struct Doorkeeper {
    gate: Gate,
    backend: Backend,
    /// Of those who come in with tokens, in the server.
    password: String,
}

impl RdsMysql {
    /// Starts it, and makes `token_users` in the server, as users of the plugin; `prepare` are statements that may
    /// name them. Who is none of them proves itself to the server. It also gets the procedure by which sessions are
    /// ended at RDS.
    pub async fn start(
        ca: &Ca,
        server: &MariaDb,
        aws: &Aws,
        region: &str,
        token_users: &[&str],
        prepare: &str,
    ) -> anyhow::Result<Self> {
        let password = entropy::password()?;
        server.execute("", PROCEDURE).await?;
        for user in token_users {
            let create = format!("CREATE USER `{user}` IDENTIFIED BY '{password}' REQUIRE SSL");
            server.execute("", &create).await?;
        }
        server.execute("", prepare).await?;
        for user in token_users {
            identify(server, user).await?;
        }
        let door = Arc::new(Doorkeeper {
            gate: Gate::new(aws, region, token_users),
            backend: Backend::of(server)?,
            password,
        });
        let (primary, replica) = (endpoint(ca, &door).await?, endpoint(ca, &door).await?);
        Ok(Self { primary, replica, door })
    }

    /// Why tokens were refused so far: clients are not told.
    pub fn reasons(&self) -> Vec<String> {
        self.door.gate.reasons()
    }
}

/// What `ALTER USER … IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS'` does there. A `GRANT` undoes it.
async fn identify(server: &MariaDb, user: &str) -> anyhow::Result<()> {
    // The server goes by what it has in memory, and others see the table.
    let mark = format!(
        "UPDATE mysql.global_priv SET Priv = JSON_SET(Priv, '$.plugin', 'AWSAuthenticationPlugin',
             '$.authentication_string', 'RDS') WHERE User = '{user}'"
    );
    server.execute("", &mark).await
}

async fn endpoint(ca: &Ca, door: &Arc<Doorkeeper>) -> anyhow::Result<MysqlEdge> {
    let (backend, door, port) = (door.backend.clone(), Arc::clone(door), Arc::new(OnceLock::new()));
    let own_port = Arc::clone(&port);
    let route = move |opening: &Opening| door.receive(opening, own_port.get().copied().unwrap_or_default());
    let edge = MysqlEdge::over_tls(ca, &["localhost"], insecure(), backend, route).await?;
    port.get_or_init(|| edge.port());
    Ok(edge)
}

impl Doorkeeper {
    fn receive(self: &Arc<Self>, opening: &Opening, port: u16) -> Route {
        let Opening { user, database } = opening.clone();
        let to =
            |password| Route::To { backend: self.backend.clone(), user: user.clone(), database, password };
        if !self.gate.wants_token(&user) {
            return to(None);
        }
        let (door, let_in) = (Arc::clone(self), to(Some(self.password.clone())));
        Route::ask_password(move |token| match door.gate.lets_in(token, port, &user) {
            true => let_in.clone(),
            false => denied(&user).into(),
        })
    }
}

/// What a server says, whatever is wrong.
fn denied(user: &str) -> Refusal {
    let message = format!("Access denied for user '{user}'@'127.0.0.1' (using password: YES)");
    Refusal { code: 1045, sqlstate: "28000", message }
}

/// What a server says to clients without TLS, if it wants it of all.
fn insecure() -> Refusal {
    let message = "Connections using insecure transport are prohibited while --require_secure_transport=ON.";
    Refusal { code: 3159, sqlstate: "HY000", message: message.to_owned() }
}

/// Nobody but AWS may end the sessions of others by `KILL` (Amazon RDS user guide, `mysql.rds_kill`).
const PROCEDURE: &str =
    "CREATE PROCEDURE mysql.rds_kill(IN session BIGINT) SQL SECURITY DEFINER KILL CONNECTION session";
