use std::fmt;
use std::str::FromStr;

use ring::digest::{Context, SHA256, SHA256_OUTPUT_LEN};

/// What an entry was issued for, as a hash: it tells an onlooker in Redis nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CacheKey([u8; SHA256_OUTPUT_LEN]);

impl CacheKey {
    /// The key of these parts, in this order: the same parts give the same key, other parts another.
    #[expect(clippy::expect_used, reason = "SHA-256 has 32 bytes")]
    pub fn new(parts: &[&str]) -> Self {
        let mut hash = Context::new(&SHA256);
        for part in parts {
            // With its length in front, ["ab", "c"] is not ["a", "bc"].
            hash.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            hash.update(part.as_bytes());
        }
        Self(hash.finish().as_ref().try_into().expect("32 bytes"))
    }
}

/// A text is not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the key of a cached entry: it should be 64 hexadecimal digits")]
pub struct NotAKey;

impl FromStr for CacheKey {
    type Err = NotAKey;

    /// The key that was written with [`fmt::Display`].
    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let mut bytes = [0; SHA256_OUTPUT_LEN];
        if text.len() != 2 * SHA256_OUTPUT_LEN || !text.is_ascii() {
            return Err(NotAKey);
        }
        for (index, byte) in bytes.iter_mut().enumerate() {
            let digits = text.get(2 * index..2 * index + 2).ok_or(NotAKey)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| NotAKey)?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CacheKey({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::CacheKey;

    #[test]
    fn keys_tell_parts_apart() {
        let keys = [&["ab", "c"][..], &["a", "bc"], &["abc"], &["abc", ""], &["c", "ab"], &[]];
        for (a, one) in keys.iter().enumerate() {
            for (b, other) in keys.iter().enumerate() {
                assert_eq!(CacheKey::new(one) == CacheKey::new(other), a == b, "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn a_key_is_read_back_as_it_was_written() {
        let key = CacheKey::new(&["a"]);
        assert_eq!(key.to_string().parse(), Ok(key));
        for bad in ["", "zz", &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(bad.parse::<CacheKey>(), Err(super::NotAKey), "{bad}");
        }
    }

    #[test]
    fn a_key_is_written_in_hexadecimal() {
        // SHA-256 of nothing.
        assert_eq!(
            CacheKey::new(&[]).to_string(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
