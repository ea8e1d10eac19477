//! What the server is, and what a role that is to be made could really do there.

mod facts;
mod pair;
mod verdict;

use sqlx::Row as _;

use crate::config::{DynamicUser, RotatedPassword};
use crate::engine::postgres::connections::Connections;
use crate::engine::postgres::create;
use crate::engine::postgres::failure::Failure;
use crate::engine::{RoleInfo, ServerInfo};

/// Asks the server what it is.
pub(super) async fn server(connections: &Connections) -> Result<ServerInfo, Failure> {
    let rows = connections.run("SELECT current_setting('server_version')").await?;
    let row = rows.first().ok_or_else(|| Failure::refused("the server gave no version"))?;
    Ok(ServerInfo { version: format!("PostgreSQL {}", row.try_get::<String, _>(0)?) })
}

/// Asks the server about the users of a rotated password.
pub(super) async fn pair(connections: &Connections, pair: &RotatedPassword) -> Result<RoleInfo, Failure> {
    pair::inspect(connections, pair).await
}

/// Asks the server what a user made of `spec` could do, and what the broker lacks for making it.
pub(super) async fn role(connections: &Connections, spec: &DynamicUser) -> Result<RoleInfo, Failure> {
    let groups = create::groups(spec);
    let rows = connections.run(&facts::query(&groups, &spec.databases)?).await?;
    let row = rows.first().ok_or_else(|| Failure::refused("the server gave no facts"))?;
    let sqlx::types::Json(facts) = row.try_get::<sqlx::types::Json<facts::Facts>, _>(0)?;
    Ok(verdict::verdict(&facts, spec)?)
}
