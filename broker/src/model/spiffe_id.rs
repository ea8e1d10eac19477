//! SPIFFE IDs: the names of workloads in a trust domain (SPIFFE-ID standard §2).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The name of a trust domain: `example.org`.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct TrustDomain(String);

/// The name of a workload: `spiffe://example.org/ns/shop/sa/web`. The domain's own name, without a path, is none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SpiffeId {
    text: String,
    trust_domain: TrustDomain,
}

/// Why a text is not a SPIFFE ID of a workload, or not the name of a trust domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpiffeIdError {
    /// It is too long.
    #[error("it is longer than {LONGEST} bytes")]
    TooLong,
    /// It is another kind of URI, or none.
    #[error("it does not begin with {SCHEME}")]
    Scheme,
    /// Its trust domain is none. A port, a user and capitals are mistakes of this kind.
    #[error("its trust domain is not 1 to {LONGEST_DOMAIN} of a-z, 0-9, '.', '-' and '_'")]
    TrustDomain,
    /// It names the trust domain, and nobody in it.
    #[error("it has no path")]
    NoPath,
    /// A part of its path is empty, or relative, or the path ends in a slash.
    #[error("its path has an empty part, `.` or `..`")]
    Segment,
    /// Its path has a character that none may have: queries, fragments and escapes are mistakes of this kind.
    #[error("its path has something else than a-z, A-Z, 0-9, '.', '-' and '_' between its slashes")]
    Character,
}

/// The longest SPIFFE ID, in bytes (§2.3).
const LONGEST: usize = 2048;
/// The longest name of a trust domain, in bytes (§2.3).
const LONGEST_DOMAIN: usize = 255;
const SCHEME: &str = "spiffe://";

impl TrustDomain {
    /// The text of the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl SpiffeId {
    /// The text of the name.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whose name it is.
    pub fn trust_domain(&self) -> &TrustDomain {
        &self.trust_domain
    }

    /// What comes after the trust domain, from its slash on.
    pub fn path(&self) -> &str {
        self.text.get(SCHEME.len() + self.trust_domain.0.len()..).unwrap_or_default()
    }
}

impl FromStr for SpiffeId {
    type Err = SpiffeIdError;

    fn from_str(text: &str) -> Result<Self, SpiffeIdError> {
        if text.len() > LONGEST {
            return Err(SpiffeIdError::TooLong);
        }
        let name = text.strip_prefix(SCHEME).ok_or(SpiffeIdError::Scheme)?;
        let (domain, path) = name.split_once('/').unwrap_or((name, ""));
        let trust_domain = domain.parse()?;
        if !name.contains('/') {
            return Err(SpiffeIdError::NoPath);
        }
        for segment in path.split('/') {
            if matches!(segment, "" | "." | "..") {
                return Err(SpiffeIdError::Segment);
            }
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
            if !segment.bytes().all(plain) {
                return Err(SpiffeIdError::Character);
            }
        }
        Ok(Self { text: text.to_owned(), trust_domain })
    }
}

impl FromStr for TrustDomain {
    type Err = SpiffeIdError;

    fn from_str(text: &str) -> Result<Self, SpiffeIdError> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for TrustDomain {
    type Error = SpiffeIdError;

    fn try_from(text: String) -> Result<Self, SpiffeIdError> {
        let plain = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_')
        };
        if (1..=LONGEST_DOMAIN).contains(&text.len()) && text.bytes().all(plain) {
            Ok(Self(text))
        } else {
            Err(SpiffeIdError::TrustDomain)
        }
    }
}

impl From<TrustDomain> for String {
    fn from(domain: TrustDomain) -> Self {
        domain.0
    }
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error(text: &str) -> SpiffeIdError {
        text.parse::<SpiffeId>().expect_err(text)
    }

    #[test]
    fn an_id_is_a_trust_domain_and_a_path() {
        for (text, domain, path) in [
            ("spiffe://example.org/ns/shop/sa/web", "example.org", "/ns/shop/sa/web"),
            ("spiffe://e/A", "e", "/A"),
            ("spiffe://1.2.3.4/...", "1.2.3.4", "/..."),
            ("spiffe://a_b-c/_/-/.x", "a_b-c", "/_/-/.x"),
        ] {
            let id: SpiffeId = text.parse().unwrap();
            assert_eq!((id.trust_domain().as_str(), id.path(), id.as_str()), (domain, path, text));
        }
        let longest = format!("spiffe://e/{}", "a".repeat(2048 - 11));
        assert!(longest.parse::<SpiffeId>().is_ok());
        assert_eq!(error(&format!("{longest}a")), SpiffeIdError::TooLong);
    }

    #[test]
    fn what_is_wrong_is_told_apart() {
        for (mistake, texts) in [
            (
                SpiffeIdError::Scheme,
                vec!["", "spiffe:", "spiffe:/e/a", "SPIFFE://e/a", "https://e/a", " spiffe://e/a", "//e/a"],
            ),
            (
                SpiffeIdError::TrustDomain,
                vec![
                    "spiffe://",
                    "spiffe:///a",
                    "spiffe://E/a",
                    "spiffe://e:8443/a",
                    "spiffe://user@e/a",
                    "spiffe://e%2e/a",
                    "spiffe://ä/a",
                    "spiffe://[::1]/a",
                    "spiffe://e?a",
                    "spiffe://e#a",
                    "spiffe://e\0/a",
                ],
            ),
            (SpiffeIdError::NoPath, vec!["spiffe://e"]),
            (
                SpiffeIdError::Segment,
                vec!["spiffe://e/", "spiffe://e//a", "spiffe://e/a/", "spiffe://e/./a", "spiffe://e/a/.."],
            ),
            (
                SpiffeIdError::Character,
                vec![
                    "spiffe://e/a?b",
                    "spiffe://e/a#b",
                    "spiffe://e/a%2fb",
                    "spiffe://e/a b",
                    "spiffe://e/ä",
                ],
            ),
        ] {
            for text in texts {
                assert_eq!(error(text), mistake, "{text}");
            }
        }
        assert!("e".repeat(255).parse::<TrustDomain>().is_ok());
        assert!("e".repeat(256).parse::<TrustDomain>().is_err());
    }

    proptest! {
        #[test]
        fn what_is_put_together_of_good_parts_is_taken_apart_the_same(
            domain in "[a-z0-9._-]{1,40}",
            path in "(/[a-zA-Z0-9_-][a-zA-Z0-9._-]{0,10}){1,6}",
        ) {
            let id: SpiffeId = format!("spiffe://{domain}{path}").parse().unwrap();
            prop_assert_eq!((id.trust_domain().as_str(), id.path()), (domain.as_str(), path.as_str()));
        }

        #[test]
        fn no_id_has_a_character_that_means_something_to_another_reader(text in "spiffe://.{0,40}") {
            if let Ok(id) = text.parse::<SpiffeId>() {
                let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-/".contains(letter);
                prop_assert!(id.trust_domain().as_str().chars().chain(id.path().chars()).all(plain));
                prop_assert_eq!(format!("spiffe://{}{}", id.trust_domain(), id.path()), text);
            }
        }
    }
}
