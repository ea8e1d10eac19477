//! Passwords and other things that must not be guessed.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::rand::{SecureRandom as _, SystemRandom};

/// A random password of 128 bits in lower-case hexadecimal: it needs no quoting in SQL, URLs, JSON or shells.
pub(crate) fn password() -> anyhow::Result<String> {
    let mut bytes = [0; 16];
    fill(&mut bytes)?;
    Ok(bytes.iter().fold(String::with_capacity(32), |mut text, byte| {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// A random key of 256 bits in Base64, as the broker's own keys are.
pub(crate) fn key() -> anyhow::Result<String> {
    let mut bytes = [0; 32];
    fill(&mut bytes)?;
    Ok(BASE64_STANDARD.encode(bytes))
}

/// A random number, for choosing among ports and names.
pub(crate) fn number() -> anyhow::Result<u32> {
    let mut bytes = [0; 4];
    fill(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

fn fill(bytes: &mut [u8]) -> anyhow::Result<()> {
    SystemRandom::new().fill(bytes).map_err(|_| anyhow::anyhow!("the system gives no random bytes"))
}
