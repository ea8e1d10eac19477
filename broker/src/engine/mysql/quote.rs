//! The one place where names and values become SQL text.
//!
//! Statements that make users take no parameters, so their names and values have to be written into them.

use crate::config::Place;

/// A name as a quoted identifier: ``na`me`` becomes `` `na``me` ``. Backslashes mean nothing in it.
pub(super) fn identifier(name: &str) -> Result<String, Unquotable> {
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.contains('\0') {
        return Err(Unquotable::Name { name: name.to_owned() });
    }
    Ok(format!("`{}`", name.replace('`', "``")))
}

/// A user as the servers name it: from everywhere.
pub(super) fn user(name: &str) -> Result<String, Unquotable> {
    if name.chars().count() > LONGEST_USER {
        return Err(Unquotable::User { name: name.to_owned() });
    }
    Ok(format!("{}@`%`", identifier(name)?))
}

/// A value as a string constant, for the sessions of `connections`. A backslash would mean one thing or another by the
/// server's modes: what has one is written in hexadecimal.
pub(super) fn literal(value: &str) -> Result<String, Unquotable> {
    if value.contains('\0') {
        return Err(Unquotable::Value);
    }
    if value.contains('\\') {
        let digits: String = value.bytes().map(|byte| format!("{byte:02X}")).collect();
        return Ok(format!("_utf8mb4 X'{digits}'"));
    }
    Ok(format!("'{}'", value.replace('\'', "''")))
}

/// Where privileges are granted. The name of a database stands for itself alone, also where it is a pattern.
pub(super) fn place(place: &Place<'_>, has_patterns: bool) -> Result<String, Unquotable> {
    Ok(match *place {
        Place::Everywhere => "*.*".to_owned(),
        Place::Database(name) => {
            let name = identifier(name)?;
            let name = if has_patterns { name.replace('_', r"\_").replace('%', r"\%") } else { name };
            format!("{name}.*")
        }
        Place::Table(database, table) => format!("{}.{}", identifier(database)?, identifier(table)?),
    })
}

/// Why a text cannot be written into SQL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unquotable {
    #[error("{name:?} is not a name there: names have 1 to {LONGEST_NAME} characters")]
    Name { name: String },
    #[error("{name:?} is too long for a user: at most {LONGEST_USER} characters")]
    User { name: String },
    #[error("a value has a zero byte")]
    Value,
}

/// In characters: MariaDB's roles; others are shorter, and the server says so and cuts nothing.
const LONGEST_NAME: usize = 128;

/// In characters: MySQL's users; those of MariaDB may be longer.
const LONGEST_USER: usize = 32;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_special_is_doubled_or_refused() {
        assert_eq!(identifier("na`me").unwrap(), "`na``me`");
        assert_eq!(user("dsn_a").unwrap(), "`dsn_a`@`%`");
        assert_eq!(literal("it's").unwrap(), "'it''s'");
        assert_eq!(literal(r"a\b").unwrap(), "_utf8mb4 X'615C62'");
        assert_eq!(literal("a\0"), Err(Unquotable::Value));
        assert!(
            identifier("").is_err() && identifier("a\0").is_err() && identifier(&"a".repeat(129)).is_err()
        );
        assert!(user(&"a".repeat(33)).is_err());
    }

    #[test]
    fn a_database_is_no_pattern() {
        assert_eq!(place(&Place::Database("my_db%"), true).unwrap(), r"`my\_db\%`.*");
        assert_eq!(place(&Place::Database("my_db"), false).unwrap(), "`my_db`.*");
        assert_eq!(place(&Place::Table("my_db", "a_b"), true).unwrap(), "`my_db`.`a_b`");
        assert_eq!(place(&Place::Everywhere, true).unwrap(), "*.*");
    }

    proptest! {
        #[test]
        fn an_identifier_is_one_token_that_means_the_name(name in r#"[`'"\\; a-zä\n-]{1,31}"#) {
            let quoted = identifier(&name).unwrap();
            let inside = quoted.strip_prefix('`').unwrap().strip_suffix('`').unwrap();
            prop_assert!(!inside.replace("``", "").contains('`'));
            prop_assert_eq!(inside.replace("``", "`"), name);
        }
    }
}
