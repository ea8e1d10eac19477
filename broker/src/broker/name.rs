//! The names of the users that we make: `dsn_<installation>_<role>_<lease>`.
//!
//! At most 32 characters of a-z, 0-9 and `_`: MySQL allows no more, and no driver or pooler trips over them.

use crate::id::LeaseId;
use crate::model::RoleName;

/// What the names of all users of an installation begin with.
pub(super) fn prefix(tag: &str) -> String {
    format!("dsn_{tag}_")
}

/// The name of the user of a lease.
pub(super) fn username(tag: &str, role: &RoleName, lease: LeaseId) -> String {
    let role: String = role
        .as_str()
        .chars()
        .take(8)
        .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' })
        .collect();
    format!("{}{role}_{}", prefix(tag), lease.tail())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_plain_and_begin_with_the_prefix() {
        let lease = LeaseId(uuid::Uuid::from_u128(u128::MAX));
        let name = username("0a1b2c", &"orders-reader.v2".parse().unwrap(), lease);
        assert_eq!(name, "dsn_0a1b2c_orders_r_777777777777");
        assert_eq!(name.len(), 32);
        assert!(name.starts_with(&prefix("0a1b2c")));
    }
}
