//! The names that operators give to issuers, databases, endpoints and roles.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a name: use 1 to 63 of a-z, 0-9, '-', '_' and '.', and begin with a letter or a digit"
)]
pub struct NameError {
    text: String,
}

/// How much of a text that is no name is repeated, in characters.
const LONGEST_SHOWN: usize = 100;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schemars(with = "String")]
        #[schema(value_type = String)]
        pub struct $name(String);

        impl $name {
            /// The text of the name.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::try_from(text.to_owned())
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                if is_name(&text) { Ok(Self(text)) } else { Err(NameError { text: text.chars().take(LONGEST_SHOWN).collect() }) }
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    };
}

name!(
    /// Someone whose proof of identity we accept.
    IssuerName
);
name!(
    /// A place to connect to.
    DatabaseName
);
name!(
    /// A named way into a database: `primary`, `replica`, `pooled`, …
    EndpointName
);
name!(
    /// A named set of privileges on one database.
    RoleName
);

fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() <= 63
        && text.bytes().next().is_some_and(plain)
        && text.bytes().all(|byte| plain(byte) || matches!(byte, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_plain_and_begin_with_a_letter_or_a_digit() {
        for good in ["a", "orders-reader", "0.x_y", &"a".repeat(63)] {
            assert_eq!(good.parse::<RoleName>().unwrap().as_str(), good);
        }
        for bad in ["", "-a", "A", "a b", "a/b", "ä", "a\0", "a'--", &"a".repeat(64)] {
            assert!(bad.parse::<RoleName>().is_err(), "{bad:?}");
        }
    }
}
