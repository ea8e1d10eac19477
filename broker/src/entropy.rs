//! Chance, as an argument.

use ring::rand::{SecureRandom, SystemRandom};

use crate::secret::Secret;

/// A source of unpredictable bytes.
pub trait Entropy: Send + Sync {
    /// Fills `buffer`.
    fn fill(&self, buffer: &mut [u8]);
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::expect_used, reason = "without the system's generator nothing here is safe to go on")]
    fn fill(&self, buffer: &mut [u8]) {
        SystemRandom::new().fill(buffer).expect("the operating system's random number generator failed");
    }
}

/// A number uniform in `[0, 1)`, for jitter.
pub fn unit(entropy: &dyn Entropy) -> f64 {
    let mut bytes = [0; 4];
    entropy.fill(&mut bytes);
    f64::from(u32::from_le_bytes(bytes)) / (f64::from(u32::MAX) + 1.0)
}

/// Random bytes.
pub fn bytes<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}

/// A password of 32 letters and digits, 190 bits.
///
/// Letters and digits alone mean the same in every connection string; both cases and a digit are always
/// there, because servers' password policies ask for them.
pub fn password(entropy: &dyn Entropy) -> Secret {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    loop {
        let mut text = String::with_capacity(32);
        while text.len() < 32 {
            // 248 is the largest multiple of 62 below 256: bytes above it would favour the first letters.
            let [byte] = bytes::<1>(entropy);
            if let Some(letter) = (byte < 248).then(|| ALPHABET.get(usize::from(byte % 62))).flatten() {
                text.push(char::from(*letter));
            }
        }
        let has = |test: fn(&u8) -> bool| text.as_bytes().iter().any(test);
        if has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit) {
            return Secret::new(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_long_plain_and_different() {
        let (a, b) = (password(&SystemEntropy), password(&SystemEntropy));
        assert_ne!(a, b);
        assert_eq!(a.expose().len(), 32);
        assert!(a.expose().bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }

    #[test]
    fn unit_stays_below_one() {
        struct Highest;
        impl Entropy for Highest {
            fn fill(&self, buffer: &mut [u8]) {
                buffer.fill(0xff);
            }
        }
        assert!(unit(&Highest) < 1.0);
    }
}
