//! Identifiers: one type each, made from a clock and entropy.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::entropy::{Entropy, bytes};
use crate::time::Timestamp;

/// A UUID of version 7 (RFC 9562 §5.7): sorted by time, so that the ledger's indexes grow at one end.
pub fn uuid_v7(now: Timestamp, entropy: &dyn Entropy) -> Uuid {
    let millis = u64::try_from(now.timestamp_millis()).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, &bytes(entropy)).into_uuid()
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(transparent)]
        #[schema(value_type = String, format = "uuid")]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new one.
            pub fn new(now: Timestamp, entropy: &dyn Entropy) -> Self {
                Self(uuid_v7(now, entropy))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

uuid_id!(
    /// One lease.
    LeaseId
);
uuid_id!(
    /// One run of one broker process: the name of its audit stream.
    StreamId
);
uuid_id!(
    /// One claim on a piece of work: who holds it may record its end, nobody else.
    ClaimToken
);

impl LeaseId {
    /// Twelve letters and digits (60 bits) from the random end of the identifier, for names inside databases.
    pub fn tail(self) -> String {
        const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        let low = self.0.as_u128();
        (0..12)
            .filter_map(|place| ALPHABET.get(usize::try_from((low >> (place * 5)) & 31).unwrap_or_default()))
            .map(|letter| char::from(*letter))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;

    #[test]
    fn tails_of_leases_of_one_moment_differ() {
        let now = Timestamp::from_timestamp(1_700_000_000, 0).unwrap();
        let (a, b) = (LeaseId::new(now, &SystemEntropy), LeaseId::new(now, &SystemEntropy));
        assert_eq!(a.tail().len(), 12);
        assert_ne!(a.tail(), b.tail());
        assert_eq!(a.to_string().parse::<LeaseId>().unwrap(), a);
    }
}
