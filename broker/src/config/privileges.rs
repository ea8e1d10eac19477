//! `privileges`: what a user may do where, for MySQL and MariaDB.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::check;
use crate::config::mistake::{Key, Mistakes};

/// What a user may do somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Privileges {
    /// Where: `orders.*`, `orders.customers`, or `*.*` for the whole server.
    // Not `on`, which half of the readers of YAML take for a yes.
    #[serde(rename = "in")]
    pub on: String,
    /// What: `select`, `insert`, `update`, `delete`, `execute`, …
    pub can: Vec<String>,
}

/// Where privileges are good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'a> {
    /// In all databases of the server.
    Everywhere,
    /// In a database.
    Database(&'a str),
    /// In a table of a database.
    Table(&'a str, &'a str),
}

impl Privileges {
    /// Where they are good; `None` for what [`Privileges::on`] must not be.
    pub fn place(&self) -> Option<Place<'_>> {
        let (database, table) = self.on.split_once('.')?;
        match (database, table) {
            ("*", "*") => Some(Place::Everywhere),
            (database, "*") if is_name(database) => Some(Place::Database(database)),
            (database, table) if is_name(database) && is_name(table) => Some(Place::Table(database, table)),
            _ => None,
        }
    }

    pub(super) fn check(&self, key: &Key, mistakes: &mut Mistakes) {
        let place = self.place();
        if place.is_none() {
            let message = format!("{:?} is not a place: say `database.*` or `database.table`", self.on);
            mistakes.add(key.at("in"), message);
        }
        let can = key.at("can");
        if self.can.is_empty() {
            mistakes.add(can.clone(), "nothing is named, so that nothing is granted");
        }
        check::no_repeats(&self.can, &can, mistakes);
        for (index, verb) in self.can.iter().enumerate() {
            let in_tables = VERBS.iter().find(|(name, _)| name == verb).map(|(_, in_tables)| *in_tables);
            match (in_tables, place) {
                (None, _) => {
                    let message = format!(
                        "{verb:?} is nothing that a role can be given; there are {}",
                        check::list(VERBS.iter().map(|(name, _)| name))
                    );
                    mistakes.add(can.index(index), message);
                }
                (Some(false), Some(Place::Table(database, _))) => {
                    let message = format!("`{verb}` is for whole databases: say `in: {database}.*`");
                    mistakes.add(can.index(index), message);
                }
                _ => {}
            }
        }
    }
}

/// Names have no dot here, since nothing could tell it from the one in between.
fn is_name(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.chars().count())
        && !name.contains(['*', '.'])
        && !name.chars().any(char::is_control)
}

/// What a user can be given, and whether that is for tables too. All else (`all`, `grant option`, `super`, `file`, …) is
/// about the server and other users, and no workload's business.
const VERBS: [(&str, bool); 17] = [
    ("select", true),
    ("insert", true),
    ("update", true),
    ("delete", true),
    ("execute", false),
    ("show view", true),
    ("create temporary tables", false),
    ("lock tables", false),
    ("create", true),
    ("alter", true),
    ("drop", true),
    ("index", true),
    ("references", true),
    ("trigger", true),
    ("create view", true),
    ("create routine", false),
    ("event", false),
];

/// In characters (<https://dev.mysql.com/doc/refman/8.4/en/identifier-length.html>).
const LONGEST_NAME: usize = 64;
