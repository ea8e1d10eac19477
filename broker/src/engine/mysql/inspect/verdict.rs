//! From facts to sentences: what a role can do, what is too much, and what is missing.

use crate::config::{DynamicUser, Privileges};
use crate::engine::RoleInfo;
use crate::engine::mysql::connections::{Flavour, Server};
use crate::engine::mysql::create::ONE_ROLE;
use crate::engine::mysql::grants::{Grant, Grants};
use crate::engine::mysql::quote::{self, Unquotable};
use crate::engine::mysql::{Host, RDS_KILL};

/// What was asked.
#[derive(Clone, Debug)]
pub(super) struct Facts<'a> {
    pub(super) server: Server,
    /// The broker's own user: `name@host`.
    pub(super) admin: String,
    /// What it may do.
    pub(super) own: Grants,
    /// Whether the server takes no changes.
    pub(super) read_only: bool,
    /// The roles asked for.
    pub(super) groups: Vec<(&'a str, Group)>,
}

/// A role there.
#[derive(Clone, Debug)]
pub(super) enum Group {
    Known(Grants),
    Missing,
    /// The broker's user may not see it.
    Hidden,
}

/// Says it.
pub(super) fn verdict(facts: &Facts<'_>, spec: &DynamicUser) -> Result<RoleInfo, Unquotable> {
    let known = facts.groups.iter().filter_map(|(_, group)| match group {
        Group::Known(grants) => Some(&grants.privileges),
        Group::Missing | Group::Hidden => None,
    });
    let mut grants: Vec<Grant> = known.flatten().filter(|grant| grant.says_something()).cloned().collect();
    grants.extend(spec.privileges.iter().map(declared));
    let can = grants.iter().map(sentence);
    let mut warnings: Vec<String> = grants.iter().flat_map(too_much).collect();
    if facts.own.everywhere("SUPER") {
        warnings.push(format!(
            "the broker's user {} may do everything on the server: give it what is needed and no more",
            facts.admin
        ));
    }
    Ok(RoleInfo { can: can.collect(), warnings, mistakes: mistakes(facts, spec)? })
}

/// Says what a user can do that has these grants itself.
pub(super) fn own(grants: &Grants) -> RoleInfo {
    let says_something = || grants.privileges.iter().filter(|grant| grant.says_something());
    let roles = grants.roles().map(|role| format!("all that the role can do: {}", role.replace('`', "")));
    RoleInfo {
        can: roles.chain(says_something().map(sentence)).collect(),
        warnings: says_something().flat_map(too_much).collect(),
        mistakes: Vec::new(),
    }
}

/// What one grant lets one do.
fn sentence(grant: &Grant) -> String {
    format!("{} on {}", grant.can.join(", ").to_lowercase(), grant.on)
}

fn declared(privileges: &Privileges) -> Grant {
    let can = privileges.can.iter().map(|verb| verb.to_uppercase()).collect();
    Grant { can, on: privileges.on.clone(), option: false }
}

fn too_much(grant: &Grant) -> Vec<String> {
    let mut warnings = Vec::new();
    if grant.can.iter().any(|can| can.starts_with("ALL PRIVILEGES")) {
        warnings.push(format!("it may do everything on {}: name what it needs", grant.on));
    }
    if grant.option {
        warnings.push(format!("it may pass on to others what it may do on {} (GRANT OPTION)", grant.on));
    }
    if grant.on == "*.*" {
        let can = grant.can.join(", ").to_lowercase();
        warnings.push(format!("it reaches every database of the server: {can} on *.*"));
    }
    warnings
}

fn mistakes(facts: &Facts<'_>, spec: &DynamicUser) -> Result<Vec<String>, Unquotable> {
    let mut mistakes = Vec::new();
    let admin = account(&facts.admin)?;
    let flavour = facts.server.flavour;
    if let Some(oldest) = too_old(&facts.server) {
        mistakes.push(format!("the server is {}: {oldest} is the oldest that works", facts.server.version));
    }
    if facts.read_only {
        let message =
            "the server is read-only, a replica: let `admin.endpoint` be the one that is written to";
        mistakes.push(message.to_owned());
    }
    let own = &facts.own;
    if !own.everywhere("CREATE USER") {
        mistakes.push(format!("the broker's user may not make users: GRANT CREATE USER ON *.* TO {admin};"));
    }
    if !own.everywhere("PROCESS") {
        mistakes.push(format!("the broker's user does not see sessions: GRANT PROCESS ON *.* TO {admin};"));
    }
    mistakes.extend(cannot_kill(facts, &admin));
    let reads_users = own.everywhere("SELECT")
        || own
            .privileges
            .iter()
            .any(|grant| ["mysql.*", "mysql.user"].contains(&grant.on.as_str()) && grant.has("SELECT"));
    if !reads_users {
        mistakes.push(format!("the broker's user does not see users: GRANT SELECT ON mysql.* TO {admin};"));
    }
    if flavour == Flavour::MariaDb && facts.groups.len() > 1 {
        mistakes.push(ONE_ROLE.to_owned());
    }
    for (name, group) in &facts.groups {
        mistakes.extend(membership(facts, name, group, &admin)?);
    }
    let sets_defaults = own.everywhere("UPDATE")
        || own.privileges.iter().any(|grant| grant.on == "mysql.*" && grant.has("UPDATE"));
    if flavour == Flavour::MariaDb && !facts.groups.is_empty() && !sets_defaults {
        mistakes.push(format!(
            "the broker's user may not make a role the default of a user: GRANT UPDATE ON mysql.* TO {admin}; \
             or say what the role may do with `privileges`, which takes no such right"
        ));
    }
    for privileges in &spec.privileges {
        mistakes.extend(grantable(facts, privileges, &admin)?);
    }
    Ok(mistakes)
}

/// What keeps the broker's user from ending sessions.
fn cannot_kill(facts: &Facts<'_>, admin: &str) -> Option<String> {
    let (may, grant) = match (facts.server.host, facts.server.flavour) {
        (Host::Rds, _) => (facts.own.may_execute(RDS_KILL), format!("EXECUTE ON PROCEDURE {RDS_KILL}")),
        (Host::Own, Flavour::MariaDb) => {
            (facts.own.everywhere("CONNECTION ADMIN"), "CONNECTION ADMIN ON *.*".to_owned())
        }
        (Host::Own, Flavour::Mysql) => {
            (facts.own.everywhere("CONNECTION_ADMIN"), "CONNECTION_ADMIN ON *.*".to_owned())
        }
    };
    let may = may || facts.server.host == Host::Own && facts.own.everywhere("SUPER");
    (!may).then(|| format!("the broker's user may not end sessions: GRANT {grant} TO {admin};"))
}

/// What keeps the broker's user from granting a role.
fn membership(
    facts: &Facts<'_>,
    name: &str,
    group: &Group,
    admin: &str,
) -> Result<Option<String>, Unquotable> {
    let role = quote::identifier(name)?;
    Ok(match group {
        Group::Missing => Some(format!("there is no role {role}: CREATE ROLE {role};")),
        Group::Hidden => Some(format!(
            "the broker's user does not see what {role} may do: GRANT SELECT ON mysql.* TO {admin};"
        )),
        Group::Known(_) if facts.own.may_grant_role(name) || facts.own.everywhere("SUPER") => None,
        Group::Known(_) => Some(format!(
            "the broker's user may not grant {role}: GRANT {role} TO {admin} WITH ADMIN OPTION;"
        )),
    })
}

/// What keeps the broker's user from granting these privileges.
fn grantable(facts: &Facts<'_>, privileges: &Privileges, admin: &str) -> Result<Option<String>, Unquotable> {
    let Some(place) = privileges.place() else { return Ok(None) };
    let verbs = privileges.can.iter().map(|verb| verb.to_uppercase());
    let missing: Vec<String> = verbs.filter(|verb| !facts.own.may_grant(verb, &privileges.on)).collect();
    let place = quote::place(&place, facts.server.has_patterns)?;
    Ok((!missing.is_empty()).then(|| {
        let (verbs, on) = (missing.join(", "), &privileges.on);
        format!(
            "the broker's user may not grant {} on {on}: GRANT {verbs} ON {place} TO {admin} WITH GRANT OPTION;",
            verbs.to_lowercase()
        )
    }))
}

/// `name@host`, quoted.
fn account(text: &str) -> Result<String, Unquotable> {
    let (name, host) = text.rsplit_once('@').unwrap_or((text, "%"));
    Ok(format!("{}@{}", quote::identifier(name)?, quote::identifier(host)?))
}

/// The oldest version that works, if it is older.
fn too_old(server: &Server) -> Option<&'static str> {
    let mut numbers =
        server.version.split(|c: char| !c.is_ascii_digit()).map(|text| text.parse().unwrap_or(0));
    let version: (u32, u32) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    match server.flavour {
        Flavour::MariaDb => (version < (10, 11)).then_some("MariaDB 10.11"),
        Flavour::Mysql => (version < (8, 0)).then_some("MySQL 8.0"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(flavour: Flavour, version: &str) -> Server {
        Server {
            flavour,
            host: Host::Own,
            version: version.to_owned(),
            has_patterns: true,
            sees_sessions: true,
        }
    }

    #[test]
    fn old_versions_are_named() {
        for (flavour, version, expected) in [
            (Flavour::MariaDb, "10.11.19-MariaDB-0+deb12u1", None),
            (Flavour::MariaDb, "11.4.2-MariaDB", None),
            (Flavour::MariaDb, "10.6.1-MariaDB", Some("MariaDB 10.11")),
            (Flavour::Mysql, "8.4.3", None),
            (Flavour::Mysql, "5.7.44-log", Some("MySQL 8.0")),
        ] {
            assert_eq!(too_old(&server(flavour, version)), expected, "{version}");
        }
    }

    #[test]
    fn mysql_takes_several_roles_and_mariadb_one() {
        for (flavour, mistaken) in [(Flavour::Mysql, false), (Flavour::MariaDb, true)] {
            let own = Grants::read(&["GRANT ALL PRIVILEGES ON *.* TO `a`@`%` WITH GRANT OPTION".to_owned()]);
            let groups = vec![("a", Group::Known(Grants::default())), ("b", Group::Known(Grants::default()))];
            let facts = Facts {
                server: server(flavour, "99.1"),
                admin: "a@%".to_owned(),
                own,
                read_only: false,
                groups,
            };
            let info = verdict(&facts, &DynamicUser::default()).unwrap();
            assert_eq!(info.mistakes.contains(&ONE_ROLE.to_owned()), mistaken, "{info:?}");
        }
    }
}
