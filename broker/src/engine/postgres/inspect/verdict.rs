//! From facts to sentences: what a role can do, what is too much, and what is missing.

use crate::config::DynamicUser;
use crate::engine::RoleInfo;
use crate::engine::postgres::inspect::facts::{Facts, Group, Reached, Schema};
use crate::engine::postgres::quote::{self, Unquotable};

/// Says it. The order of the sentences is that of the facts.
pub(super) fn verdict(facts: &Facts, spec: &DynamicUser) -> Result<RoleInfo, Unquotable> {
    Ok(RoleInfo { can: can(facts), warnings: warnings(facts, spec), mistakes: mistakes(facts)? })
}

fn can(facts: &Facts) -> Vec<String> {
    let mut can = Vec::new();
    if !facts.reached.is_empty() {
        let names: Vec<&str> = facts.reached.iter().map(|role| role.name.as_str()).collect();
        can.push(format!("all that these roles can do: {}", names.join(", ")));
    }
    if facts.database.creates {
        can.push(format!("create schemas in database {}", facts.dbname));
    }
    can.extend(facts.schemas.iter().filter_map(schema));
    can
}

/// `schema app: select on 12 tables, insert, update on 3 tables`.
fn schema(schema: &Schema) -> Option<String> {
    let counts = [
        ("select", schema.selects),
        ("insert", schema.inserts),
        ("update", schema.updates),
        ("delete", schema.deletes),
        ("truncate", schema.truncates),
        ("own", schema.owns),
    ];
    let mut parts: Vec<String> = counts
        .chunk_by(|(_, one), (_, next)| one == next)
        .filter_map(|group| {
            let (_, count) = *group.first()?;
            let verbs: Vec<&str> = group.iter().map(|(verb, _)| *verb).collect();
            let noun = if count == 1 { "table" } else { "tables" };
            (count > 0).then(|| format!("{} on {count} {noun}", verbs.join(", ")))
        })
        .collect();
    if schema.creatable {
        parts.push("create".to_owned());
    }
    (!parts.is_empty()).then(|| format!("schema {}: {}", schema.name, parts.join(", ")))
}

fn warnings(facts: &Facts, spec: &DynamicUser) -> Vec<String> {
    let mut warnings = Vec::new();
    if facts.admin.superuser {
        warnings.push(format!(
            "the broker's user {:?} is a superuser: CREATEROLE is enough for it",
            facts.admin.name
        ));
    }
    warnings.extend(facts.reached.iter().flat_map(powers));
    if facts.database.owned {
        warnings.push(format!("it can act as the owner of database {:?}, and drop it", facts.dbname));
    }
    for schema in facts.schemas.iter().filter(|schema| schema.owned) {
        warnings.push(format!("it can act as the owner of schema {:?}, and drop it", schema.name));
    }
    if facts.schemas.iter().any(|schema| schema.name == "public" && schema.creatable) {
        warnings.push(
            "it can create things in schema \"public\", which many sessions look into: \
             REVOKE CREATE ON SCHEMA public FROM PUBLIC;"
                .to_owned(),
        );
    }
    if spec.set_role.is_none() {
        for schema in facts.schemas.iter().filter(|schema| schema.creatable) {
            warnings.push(format!(
                "what it creates in schema {:?} is dropped with it: name an owner with `set_role`",
                schema.name
            ));
        }
    }
    warnings
}

fn powers(role: &Reached) -> Vec<String> {
    let attributes = [
        (role.superuser, "a superuser"),
        (role.createrole, "allowed to create roles (CREATEROLE)"),
        (role.createdb, "allowed to create databases (CREATEDB)"),
        (role.replication, "allowed to copy the whole server (REPLICATION)"),
        (role.bypassrls, "exempt from row security (BYPASSRLS)"),
    ];
    let predefined = PREDEFINED.iter().find(|(name, _)| *name == role.name);
    attributes
        .iter()
        .filter(|(has, _)| *has)
        .map(|(_, what)| format!("it can act as {:?}, which is {what}", role.name))
        .chain(predefined.map(|(name, what)| format!("it is a member of {name:?}, which can {what}")))
        .collect()
}

fn mistakes(facts: &Facts) -> Result<Vec<String>, Unquotable> {
    let mut mistakes = Vec::new();
    if facts.major < OLDEST {
        mistakes.push(format!("the server is PostgreSQL {}: {OLDEST} is the oldest that works", facts.major));
    }
    if facts.replica {
        mistakes
            .push("the server is a replica: let `admin.endpoint` be the one that is written to".to_owned());
    }
    if !facts.admin.superuser && !facts.admin.createrole {
        mistakes.push(format!(
            "the broker's user may not create roles: ALTER ROLE {} CREATEROLE;",
            quote::identifier(&facts.admin.name)?
        ));
    }
    for group in &facts.groups {
        mistakes.extend(membership(facts, group)?);
    }
    let all_there = facts.groups.iter().all(|group| group.exists);
    if let (true, Some(group), false) = (all_there, facts.groups.first(), facts.database.connects) {
        mistakes.push(format!(
            "it may not connect to database {0:?}: GRANT CONNECT ON DATABASE {1} TO {2};",
            facts.dbname,
            quote::identifier(&facts.dbname)?,
            quote::identifier(&group.name)?
        ));
    }
    for database in &facts.databases {
        let name = quote::identifier(&database.name)?;
        if !database.exists {
            mistakes.push(format!("there is no database {name}: take it out of `databases`"));
        } else if !database.connectable {
            let admin = quote::identifier(&facts.admin.name)?;
            mistakes.push(format!(
                "the broker's user may not connect to database {name}: GRANT CONNECT ON DATABASE {name} TO {admin};"
            ));
        }
    }
    Ok(mistakes)
}

/// What keeps the broker's user from granting the membership.
fn membership(facts: &Facts, group: &Group) -> Result<Option<String>, Unquotable> {
    let (name, admin) = (quote::identifier(&group.name)?, quote::identifier(&facts.admin.name)?);
    if !group.exists {
        return Ok(Some(format!("there is no role {name}: CREATE ROLE {name} NOLOGIN;")));
    }
    if facts.admin.superuser {
        return Ok(None);
    }
    if group.superuser {
        return Ok(Some(format!(
            "only a superuser may grant the superuser {name}: ALTER ROLE {name} NOSUPERUSER;"
        )));
    }
    // Before version 16 CREATEROLE alone was enough.
    Ok((facts.major >= 16 && !group.grantable).then(|| {
        format!("the broker's user may not grant {name}: GRANT {name} TO {admin} WITH ADMIN OPTION;")
    }))
}

/// Roles that come with the server and reach beyond the data of one application.
const PREDEFINED: [(&str, &str); 13] = [
    ("pg_checkpoint", "slow the whole server down with checkpoints"),
    ("pg_create_subscription", "make the server connect to others"),
    ("pg_execute_server_program", "run programs on the server's machine"),
    ("pg_maintain", "lock and rewrite any table"),
    ("pg_monitor", "see the statements of all sessions"),
    ("pg_read_all_data", "read every table of the server"),
    ("pg_read_all_settings", "see every setting of the server"),
    ("pg_read_all_stats", "see the statements of all sessions"),
    ("pg_read_server_files", "read files of the server's machine"),
    ("pg_signal_backend", "end the sessions of others"),
    ("pg_use_reserved_connections", "take the connections kept for emergencies"),
    ("pg_write_all_data", "change every table of the server"),
    ("pg_write_server_files", "write files of the server's machine"),
];

/// The oldest version of Postgres that works.
const OLDEST: u32 = 13;

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn facts(changes: Value) -> Facts {
        let mut facts = json!({
            "major": 17, "replica": false, "dbname": "app",
            "admin": {"name": "broker_admin", "superuser": false, "createrole": true},
            "groups": [{"name": "app_ro", "exists": true, "superuser": false, "grantable": true}],
            "databases": [],
            "database": {"connects": true, "creates": false, "owned": false},
            "reached": [{"name": "app_ro", "superuser": false, "createrole": false, "createdb": false,
                "replication": false, "bypassrls": false}],
            "schemas": [{"nspname": "app", "creatable": false, "owned": false, "selects": 12, "inserts": 3,
                "updates": 3, "deletes": 1, "truncates": 0, "owns": 0}],
        });
        for (path, value) in changes.as_object().unwrap() {
            *facts.pointer_mut(path).unwrap() = value.clone();
        }
        serde_json::from_value(facts).unwrap()
    }

    fn spec() -> DynamicUser {
        DynamicUser { member_of: vec!["app_ro".to_owned()], ..DynamicUser::default() }
    }

    #[test]
    fn a_role_as_it_should_be_has_neither_warnings_nor_mistakes() {
        let info = verdict(&facts(json!({})), &spec()).unwrap();
        assert_eq!(
            info,
            RoleInfo {
                can: vec![
                    "all that these roles can do: app_ro".to_owned(),
                    "schema app: select on 12 tables, insert, update on 3 tables, delete on 1 table"
                        .to_owned(),
                ],
                ..RoleInfo::default()
            }
        );
    }

    #[test]
    fn a_mistake_says_what_mends_it() {
        for (changes, expected) in [
            (json!({"/major": 12}), "PostgreSQL 12"),
            (json!({"/replica": true}), "`admin.endpoint`"),
            (json!({"/admin/createrole": false}), "ALTER ROLE \"broker_admin\" CREATEROLE;"),
            (json!({"/groups/0/exists": false}), "CREATE ROLE \"app_ro\" NOLOGIN;"),
            (
                json!({"/groups/0/grantable": false}),
                "GRANT \"app_ro\" TO \"broker_admin\" WITH ADMIN OPTION;",
            ),
            (json!({"/groups/0/superuser": true}), "ALTER ROLE \"app_ro\" NOSUPERUSER;"),
            (json!({"/database/connects": false}), "GRANT CONNECT ON DATABASE \"app\" TO \"app_ro\";"),
            (
                json!({"/databases": [{"name": "x", "exists": false, "connectable": false}]}),
                "there is no database \"x\"",
            ),
            (
                json!({"/databases": [{"name": "x", "exists": true, "connectable": false}]}),
                "GRANT CONNECT ON DATABASE \"x\" TO \"broker_admin\";",
            ),
        ] {
            let mistakes = verdict(&facts(changes), &spec()).unwrap().mistakes;
            assert!(mistakes.len() == 1 && mistakes[0].contains(expected), "{expected}: {mistakes:?}");
        }
    }

    #[test]
    fn before_16_and_for_a_superuser_the_admin_option_is_not_needed() {
        for changes in [
            json!({"/groups/0/grantable": false, "/major": 15}),
            json!({"/groups/0/grantable": false, "/admin/superuser": true, "/admin/createrole": false}),
        ] {
            assert_eq!(verdict(&facts(changes), &spec()).unwrap().mistakes, Vec::<String>::new());
        }
    }

    #[test]
    fn what_is_too_much_is_warned_about() {
        for (changes, expected) in [
            (json!({"/admin/superuser": true}), "the broker's user \"broker_admin\" is a superuser"),
            (json!({"/reached/0/superuser": true}), "a superuser"),
            (json!({"/reached/0/createrole": true}), "CREATEROLE"),
            (json!({"/reached/0/createdb": true}), "CREATEDB"),
            (json!({"/reached/0/replication": true}), "REPLICATION"),
            (json!({"/reached/0/bypassrls": true}), "BYPASSRLS"),
            (json!({"/reached/0/name": "pg_execute_server_program"}), "run programs"),
            (json!({"/database/owned": true}), "owner of database \"app\""),
            (json!({"/schemas/0/owned": true}), "owner of schema \"app\""),
            (json!({"/schemas/0/creatable": true}), "dropped with it"),
        ] {
            let warnings = verdict(&facts(changes), &spec()).unwrap().warnings;
            assert!(warnings.len() == 1 && warnings[0].contains(expected), "{expected}: {warnings:?}");
        }
    }

    #[test]
    fn creating_in_public_is_warned_about_also_with_an_owner() {
        let facts = facts(json!({"/schemas/0/creatable": true, "/schemas/0/nspname": "public"}));
        let spec = DynamicUser { set_role: Some("app_owner".to_owned()), ..spec() };
        let warnings = verdict(&facts, &spec).unwrap().warnings;
        assert!(
            warnings.len() == 1 && warnings[0].contains("REVOKE CREATE ON SCHEMA public"),
            "{warnings:?}"
        );
    }
}
