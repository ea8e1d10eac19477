//! The client's side of SCRAM-SHA-256 without channel binding (RFC 5802, RFC 7677), for ASCII passwords.

use std::num::NonZeroU32;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use ring::{digest, hmac, pbkdf2};

use crate::entropy;

pub(super) const MECHANISM: &str = "SCRAM-SHA-256";

/// An exchange under way.
pub(super) struct Scram {
    nonce: String,
    password: String,
    /// What the server must prove at the end.
    expected: Option<hmac::Tag>,
}

impl Scram {
    pub(super) fn new(password: &str) -> anyhow::Result<Self> {
        Ok(Self { nonce: entropy::password()?, password: password.to_owned(), expected: None })
    }

    /// The client's first message. The name is empty: Postgres heeds the one at the start.
    pub(super) fn first(&self) -> String {
        format!("n,,{}", self.first_bare())
    }

    fn first_bare(&self) -> String {
        format!("n=,r={}", self.nonce)
    }

    /// The client's second message, for the server's first.
    pub(super) fn proof(&mut self, server_first: &str) -> anyhow::Result<String> {
        let part = |name: &str| {
            server_first.split(',').find_map(|part| part.strip_prefix(name)).context("not SCRAM")
        };
        let (nonce, salt, iterations) = (part("r=")?, BASE64.decode(part("s=")?)?, part("i=")?.parse()?);
        if !nonce.starts_with(&self.nonce) {
            bail!("the server answers someone else");
        }
        let mut salted = [0; digest::SHA256_OUTPUT_LEN];
        let iterations = NonZeroU32::new(iterations).context("no iterations")?;
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, &salt, self.password.as_bytes(), &mut salted);
        let client_key = sign(&salted, b"Client Key");
        let stored_key = digest::digest(&digest::SHA256, client_key.as_ref());
        // `biws` is `n,,` in Base64: no channel binding.
        let second = format!("c=biws,r={nonce}");
        let signed = format!("{},{server_first},{second}", self.first_bare());
        let signature = sign(stored_key.as_ref(), signed.as_bytes());
        let proof: Vec<u8> =
            client_key.as_ref().iter().zip(signature.as_ref()).map(|(key, sign)| key ^ sign).collect();
        let server_key = sign(&salted, b"Server Key");
        self.expected = Some(sign(server_key.as_ref(), signed.as_bytes()));
        Ok(format!("{second},p={}", BASE64.encode(proof)))
    }

    /// Whether the server knows the password, too.
    pub(super) fn verify(&self, server_final: &str) -> bool {
        let signature = server_final.strip_prefix("v=").and_then(|value| BASE64.decode(value).ok());
        signature.zip(self.expected).is_some_and(|(signature, expected)| expected.as_ref() == signature)
    }
}

fn sign(key: &[u8], data: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data)
}
