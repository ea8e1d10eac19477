//! The statements that make a user, and find those that there are.

use crate::config::DynamicUser;
use crate::engine::NewUser;
use crate::engine::mysql::connections::{Flavour, Server};
use crate::engine::mysql::failure::Failure;
use crate::engine::mysql::{password, quote};

/// Creates the user anew, whatever was there of it, and gives it its privileges.
///
/// The order matters, since a failure stops in the middle: who has no privileges yet can do nothing, and what it has of
/// an attempt before goes first.
pub(super) fn create(user: &NewUser<'_>, server: &Server) -> Result<String, Failure> {
    // What could not be ended is not made.
    server.must_show_sessions()?;
    let name = quote::user(user.name)?;
    let identified = password::identified(user.password, server.flavour)?;
    let limit = match user.spec.connection_limit {
        Some(limit) => format!(" WITH MAX_USER_CONNECTIONS {limit}"),
        None => String::new(),
    };
    let create = match server.flavour {
        Flavour::MariaDb => format!("CREATE OR REPLACE USER {name}"),
        Flavour::Mysql => format!("DROP USER IF EXISTS {name};\nCREATE USER {name}"),
    };
    let mut sql = vec![format!("{create} {identified} REQUIRE SSL{limit}")];
    sql.extend(grants(user.spec, &name, server)?);
    sql.extend(memberships(user.spec, &name, server.flavour)?);
    Ok(sql.join(";\n"))
}

fn grants(spec: &DynamicUser, name: &str, server: &Server) -> Result<Vec<String>, Failure> {
    let grant = |privileges: &crate::config::Privileges| {
        let place = privileges.place().ok_or_else(|| Failure::refused("`on` is no place"))?;
        let place = quote::place(&place, server.has_patterns)?;
        // From a closed list: see `config::Privileges`.
        Ok(format!("GRANT {} ON {place} TO {name}", privileges.can.join(", ").to_uppercase()))
    };
    spec.privileges.iter().map(grant).collect()
}

/// Roles do nothing for a session unless they are its default.
fn memberships(spec: &DynamicUser, name: &str, flavour: Flavour) -> Result<Vec<String>, Failure> {
    let roles = spec.member_of.iter().map(|role| quote::identifier(role)).collect::<Result<Vec<_>, _>>()?;
    let mut sql: Vec<String> = roles.iter().map(|role| format!("GRANT {role} TO {name}")).collect();
    match (flavour, roles.as_slice()) {
        (_, []) => {}
        (Flavour::Mysql, _) => sql.push(format!("SET DEFAULT ROLE ALL TO {name}")),
        (Flavour::MariaDb, [role]) => sql.push(format!("SET DEFAULT ROLE {role} FOR {name}")),
        (Flavour::MariaDb, _) => return Err(Failure::refused(ONE_ROLE)),
    }
    Ok(sql)
}

/// A row if there is such a user.
pub(super) fn find(username: &str) -> Result<String, Failure> {
    let name = quote::literal(username)?;
    Ok(format!("SELECT CAST(User AS CHAR) FROM mysql.user WHERE User = {name} AND Host = '%'"))
}

/// The users whose names begin with `prefix`.
pub(super) fn list(prefix: &str) -> Result<String, Failure> {
    let (length, prefix) = (prefix.chars().count(), quote::literal(prefix)?);
    Ok(format!(
        "SELECT CAST(User AS CHAR) AS name FROM mysql.user
          WHERE LEFT(User, {length}) = BINARY {prefix} AND Host = '%' ORDER BY name"
    ))
}

/// What is wrong with several roles on MariaDB.
pub(super) const ONE_ROLE: &str = "a user of MariaDB has one default role: make a role that is granted all of them, and name that one alone in \
     `member_of`";
