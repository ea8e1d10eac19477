//! The SCRAM-SHA-256 verifier (RFC 5802 §3, RFC 7677): what the server keeps instead of the password.
//!
//! It is computed here, so that the password itself reaches neither the server's log nor its statistics.

use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, pbkdf2};

use crate::secret::Secret;

/// Makes the verifier in the form in which Postgres stores it:
/// `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`.
///
/// `None` for a password that is not printable ASCII: it would have to be prepared (SASLprep, RFC 4013) first.
/// For those that are, and all passwords that we make are, SASLprep changes nothing.
pub(super) fn verifier(password: &Secret, salt: &[u8; SALT]) -> Option<String> {
    if !password.expose().bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        return None;
    }
    let mut salted = [0; digest::SHA256_OUTPUT_LEN];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ITERATIONS, salt, password.expose().as_bytes(), &mut salted);
    let key = hmac::Key::new(hmac::HMAC_SHA256, &salted);
    let client_key = hmac::sign(&key, b"Client Key");
    let stored_key = digest::digest(&digest::SHA256, client_key.as_ref());
    let server_key = hmac::sign(&key, b"Server Key");
    Some(format!(
        "{PREFIX}{ITERATIONS}:{}${}:{}",
        STANDARD.encode(salt),
        STANDARD.encode(stored_key),
        STANDARD.encode(server_key)
    ))
}

/// The bytes of a salt, as many as Postgres itself takes.
pub(super) const SALT: usize = 16;

/// How every verifier begins.
pub(super) const PREFIX: &str = "SCRAM-SHA-256$";

/// What Postgres itself takes. More would protect weak passwords; ours have 190 bits.
const ITERATIONS: NonZeroU32 = NonZeroU32::new(4096).unwrap();

#[cfg(test)]
mod tests {
    use super::*;

    /// The exchange of RFC 7677 §3 for the user `user` and the password `pencil`.
    const AUTH_MESSAGE: &str = "n=user,r=rOprNGfwEbeRWgbNEkqO,\
        r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,\
        c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    const PROOF: &str = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    const SERVER_SIGNATURE: &str = "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

    #[test]
    fn the_verifier_accepts_the_proof_of_the_rfc() {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap().try_into().unwrap();
        let verifier = verifier(&Secret::new("pencil"), &salt).unwrap();
        let keys = verifier.strip_prefix("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$").unwrap();
        let (stored_key, server_key) = keys.split_once(':').unwrap();

        let sign = |key: &str| {
            hmac::sign(
                &hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(key).unwrap()),
                AUTH_MESSAGE.as_bytes(),
            )
        };
        assert_eq!(STANDARD.encode(sign(server_key)), SERVER_SIGNATURE);

        let proof = STANDARD.decode(PROOF).unwrap();
        let client_key: Vec<u8> =
            proof.iter().zip(sign(stored_key).as_ref()).map(|(proof, signature)| proof ^ signature).collect();
        assert_eq!(STANDARD.encode(digest::digest(&digest::SHA256, &client_key)), stored_key);
    }

    #[test]
    fn the_verifier_does_not_hold_the_password_and_depends_on_the_salt() {
        let password = Secret::new("correct horse");
        let (a, b) = (verifier(&password, &[1; SALT]).unwrap(), verifier(&password, &[2; SALT]).unwrap());
        assert_ne!(a, b);
        assert!(!a.contains("correct"));
    }

    #[test]
    fn a_password_that_needs_preparation_is_refused() {
        for password in ["pässword", "a\u{a0}b", "tab\there"] {
            assert_eq!(verifier(&Secret::new(password), &[0; SALT]), None, "{password:?}");
        }
    }
}
