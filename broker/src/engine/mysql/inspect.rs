//! What the server is, and what a role that is to be made could really do there.

mod verdict;

use crate::config::DynamicUser;
use crate::engine::mysql::connections::{self, Connections, Flavour};
use crate::engine::mysql::failure::{Failure, NO_SUCH_GRANT};
use crate::engine::mysql::grants::Grants;
use crate::engine::mysql::{create, quote};
use crate::engine::{RoleInfo, ServerInfo};
use verdict::{Facts, Group};

/// Asks the server what it is.
pub(super) async fn server(connections: &Connections) -> Result<ServerInfo, Failure> {
    let server = connections.server().await?;
    Ok(ServerInfo {
        version: match server.flavour {
            Flavour::MariaDb => format!("MariaDB {}", server.version),
            Flavour::Mysql => format!("MySQL {}", server.version),
        },
    })
}

/// Asks the server whether the users of a rotated password are there.
pub(super) async fn pair(connections: &Connections, users: &[String]) -> Result<RoleInfo, Failure> {
    let mut info = RoleInfo::default();
    for username in users {
        if connections.run(|_| create::find(username)).await?.is_empty() {
            info.mistakes.push(format!(
                "there is no user {username:?} that comes from everywhere: CREATE USER {} REQUIRE SSL; and give it its privileges",
                quote::user(username)?
            ));
        }
    }
    Ok(info)
}

/// Asks the server what the user that is logged in can do.
pub(super) async fn own(connections: &Connections) -> Result<RoleInfo, Failure> {
    let grants = Grants::of(&connections.run(|_| Ok("SHOW GRANTS".to_owned())).await?)?;
    Ok(verdict::own(&grants))
}

/// Asks the server by which plugins it tells that it is this user.
pub(super) async fn plugins(connections: &Connections, username: &str) -> Result<Vec<String>, Failure> {
    let name = quote::literal(username)?;
    let sql = format!("SELECT DISTINCT CAST(plugin AS CHAR) FROM mysql.user WHERE User = {name}");
    connections.run(|_| Ok(sql.clone())).await?.iter().map(connections::text).collect()
}

/// Asks the server what a user made of `spec` could do, and what the broker lacks for making it.
pub(super) async fn role(connections: &Connections, spec: &DynamicUser) -> Result<RoleInfo, Failure> {
    let server = connections.server().await?;
    let admin = connections.run(|_| Ok("SELECT CURRENT_USER()".to_owned())).await?;
    let admin = admin.first().map(connections::text).transpose()?.unwrap_or_default();
    let own = Grants::of(&connections.run(|_| Ok("SHOW GRANTS".to_owned())).await?)?;
    let read_only = connections.run(|_| Ok("SELECT CAST(@@global.read_only AS CHAR)".to_owned())).await?;
    let read_only = read_only
        .first()
        .map(connections::text)
        .transpose()?
        .is_some_and(|value| value != "0" && value != "OFF");
    let mut groups = Vec::new();
    for name in &spec.member_of {
        let show = format!("SHOW GRANTS FOR {}", quote::identifier(name)?);
        let group = match connections.run(|_| Ok(show.clone())).await {
            Ok(rows) => Group::Known(Grants::of(&rows)?),
            Err(failure) if failure.is(NO_SUCH_GRANT) => Group::Missing,
            Err(failure) if failure.is_denied() => Group::Hidden,
            Err(failure) => return Err(failure),
        };
        groups.push((name.as_str(), group));
    }
    Ok(verdict::verdict(&Facts { server, admin, own, read_only, groups }, spec)?)
}
