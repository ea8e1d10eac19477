//! What the server knows about a role that is to be made.

use serde::Deserialize;

use crate::engine::postgres::quote::{self, Unquotable};

/// One question for everything, answered with one document: [`Facts`].
pub(super) fn query(groups: &[&str], databases: &[String]) -> Result<String, Unquotable> {
    let databases = quote::names(databases.iter().map(String::as_str))?;
    // Databases first: a group may be called `{databases}`, but what is replaced is not looked at again.
    let sql = include_str!("facts.sql").split("{groups}").collect::<Vec<_>>();
    let sql: Vec<String> = sql.into_iter().map(|part| part.replace("{databases}", &databases)).collect();
    Ok(sql.join(&quote::names(groups.iter().copied())?))
}

/// The answer.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Facts {
    pub(super) major: u32,
    pub(super) replica: bool,
    pub(super) dbname: String,
    pub(super) admin: Admin,
    /// The roles asked for.
    pub(super) groups: Vec<Group>,
    /// The other databases named.
    pub(super) databases: Vec<OtherDatabase>,
    pub(super) database: DatabasePrivileges,
    /// Every role that a member of those asked for is, or can act as.
    pub(super) reached: Vec<Reached>,
    /// The schemas that can be used.
    pub(super) schemas: Vec<Schema>,
}

/// The broker's own user.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Admin {
    pub(super) name: String,
    pub(super) superuser: bool,
    pub(super) createrole: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) exists: bool,
    pub(super) superuser: bool,
    /// Whether the broker's user has the admin option on it.
    pub(super) grantable: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct OtherDatabase {
    pub(super) name: String,
    pub(super) exists: bool,
    /// By the broker's user.
    pub(super) connectable: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct DatabasePrivileges {
    pub(super) connects: bool,
    pub(super) creates: bool,
    pub(super) owned: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Reached {
    pub(super) name: String,
    pub(super) superuser: bool,
    pub(super) createrole: bool,
    pub(super) createdb: bool,
    pub(super) replication: bool,
    pub(super) bypassrls: bool,
}

/// A schema, and on how many of its tables and views what can be done.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Schema {
    #[serde(rename = "nspname")]
    pub(super) name: String,
    pub(super) creatable: bool,
    pub(super) owned: bool,
    pub(super) selects: u64,
    pub(super) inserts: u64,
    pub(super) updates: u64,
    pub(super) deletes: u64,
    pub(super) truncates: u64,
    pub(super) owns: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_like_places_stay_names() {
        let sql = query(&["{databases}"], &["{groups}".to_owned()]).unwrap();
        assert_eq!(sql.matches("ARRAY['{databases}']::name[]").count(), 1 + 1);
        assert_eq!(sql.matches("ARRAY['{groups}']::name[]").count(), 1 + 1);
    }
}
