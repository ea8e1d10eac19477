//! The issuer's keys.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, bail};
use rcgen::PKCS_RSA_SHA256;
use ring::rand::SystemRandom;
use ring::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair, RsaPublicKeyComponents};
use serde_json::{Value, json};

use super::claims::{Algorithm, encode};
use crate::account::Account;
use crate::{cache, entropy};

/// A key of each kind, published and withdrawn together.
#[derive(Debug)]
pub(crate) struct Generation {
    pub(super) number: u32,
    rsa: Key,
    p256: Key,
    p384: Key,
    ed25519: Key,
}

/// A key with its name.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) kid: String,
    pair: Pair,
}

#[derive(Debug)]
enum Pair {
    Rsa { pair: Box<RsaKeyPair>, public_pem: String },
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Generation {
    /// New keys; the RSA key is the same in every run, because it is slow to make.
    pub(crate) fn new(number: u32) -> anyhow::Result<Self> {
        Self::with(number, &format!("{number}"))
    }

    /// Keys that are never published.
    pub(super) fn attacker() -> anyhow::Result<Self> {
        Self::with(0, "attacker")
    }

    fn with(number: u32, name: &str) -> anyhow::Result<Self> {
        let key = |kind: &str, pair| -> anyhow::Result<Key> {
            Ok(Key { kid: format!("{kind}-{name}-{:08x}", entropy::number()?), pair })
        };
        Ok(Self {
            number,
            rsa: key("rsa", rsa(name)?)?,
            p256: key("p256", Pair::P256(ecdsa(&signature::ECDSA_P256_SHA256_FIXED_SIGNING)?))?,
            p384: key("p384", Pair::P384(ecdsa(&signature::ECDSA_P384_SHA384_FIXED_SIGNING)?))?,
            ed25519: key("ed25519", Pair::Ed25519(ed25519()?))?,
        })
    }

    /// The key that signs with this algorithm.
    pub(crate) fn key(&self, algorithm: Algorithm) -> &Key {
        match algorithm {
            Algorithm::Es256 => &self.p256,
            Algorithm::Es384 => &self.p384,
            Algorithm::EdDsa => &self.ed25519,
            _ => &self.rsa,
        }
    }

    /// The public halves.
    pub(crate) fn jwks(&self) -> Vec<Value> {
        [&self.rsa, &self.p256, &self.p384, &self.ed25519].into_iter().map(Key::jwk).collect()
    }
}

impl Key {
    pub(crate) fn sign(&self, algorithm: Algorithm, message: &[u8]) -> anyhow::Result<Vec<u8>> {
        let random = SystemRandom::new();
        let failed = |_| anyhow::anyhow!("{} cannot sign with {}", self.kid, algorithm.name());
        match &self.pair {
            Pair::Rsa { pair, .. } => {
                let mut bytes = vec![0; pair.public().modulus_len()];
                pair.sign(rsa_encoding(algorithm)?, &random, message, &mut bytes).map_err(failed)?;
                Ok(bytes)
            }
            Pair::P256(pair) | Pair::P384(pair) => {
                Ok(pair.sign(&random, message).map_err(failed)?.as_ref().to_vec())
            }
            Pair::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }

    /// The public half as a JWK.
    pub(crate) fn jwk(&self) -> Value {
        let kid = &self.kid;
        match &self.pair {
            Pair::Rsa { pair, .. } => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public());
                let (n, e) = (encode(public.n), encode(public.e));
                json!({ "kty": "RSA", "use": "sig", "kid": kid, "n": n, "e": e })
            }
            Pair::P256(pair) => curve_jwk(kid, "ES256", "P-256", pair.public_key().as_ref()),
            Pair::P384(pair) => curve_jwk(kid, "ES384", "P-384", pair.public_key().as_ref()),
            Pair::Ed25519(pair) => {
                let x = encode(pair.public_key());
                json!({ "kty": "OKP", "use": "sig", "kid": kid, "alg": "EdDSA", "crv": "Ed25519", "x": x })
            }
        }
    }

    /// The public half as bytes that a careless verifier might take for a shared secret.
    pub(super) fn public_pem(&self) -> String {
        match &self.pair {
            Pair::Rsa { public_pem, .. } => public_pem.clone(),
            _ => self.jwk().to_string(),
        }
    }
}

fn curve_jwk(kid: &str, alg: &str, curve: &str, point: &[u8]) -> Value {
    // An uncompressed point: the byte 4, then two coordinates of the same length.
    let coordinates = point.get(1..).unwrap_or_default();
    let (x, y) = coordinates.split_at(coordinates.len() / 2);
    let (x, y) = (encode(x), encode(y));
    json!({ "kty": "EC", "use": "sig", "kid": kid, "alg": alg, "crv": curve, "x": x, "y": y })
}

fn rsa_encoding(algorithm: Algorithm) -> anyhow::Result<&'static dyn signature::RsaEncoding> {
    Ok(match algorithm {
        Algorithm::Rs256 => &signature::RSA_PKCS1_SHA256,
        Algorithm::Rs384 => &signature::RSA_PKCS1_SHA384,
        Algorithm::Rs512 => &signature::RSA_PKCS1_SHA512,
        Algorithm::Ps256 => &signature::RSA_PSS_SHA256,
        Algorithm::Ps384 => &signature::RSA_PSS_SHA384,
        Algorithm::Ps512 => &signature::RSA_PSS_SHA512,
        other => bail!("{} is not for RSA", other.name()),
    })
}

fn ecdsa(kind: &'static signature::EcdsaSigningAlgorithm) -> anyhow::Result<EcdsaKeyPair> {
    let random = SystemRandom::new();
    let document =
        EcdsaKeyPair::generate_pkcs8(kind, &random).map_err(|_| anyhow::anyhow!("no elliptic curve key"))?;
    Ok(EcdsaKeyPair::from_pkcs8(kind, document.as_ref(), &random)?)
}

fn ed25519() -> anyhow::Result<Ed25519KeyPair> {
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
        .map_err(|_| anyhow::anyhow!("no Ed25519 key"))?;
    Ok(Ed25519KeyPair::from_pkcs8(document.as_ref())?)
}

fn rsa(name: &str) -> anyhow::Result<Pair> {
    let pem = fs::read_to_string(rsa_file(name)?)?;
    let key = rcgen::KeyPair::from_pkcs8_pem_and_sign_algo(&pem, &PKCS_RSA_SHA256)?;
    let pair = Box::new(RsaKeyPair::from_pkcs8(key.serialized_der())?);
    Ok(Pair::Rsa { pair, public_pem: key.public_key_pem() })
}

/// `ring` cannot make RSA keys, so OpenSSL's program does, once per machine.
pub(crate) fn rsa_file(name: &str) -> anyhow::Result<PathBuf> {
    let folder = cache::folder("keys", Account::Own)?.join(format!("rsa-{name}"));
    let file = folder.join("key.pem");
    if !file.is_file() {
        cache::once(&folder, Account::Own, |draft| {
            let output = Command::new("openssl")
                .args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"])
                .arg("-out")
                .arg(draft.join("key.pem"))
                .output()
                .context("openssl does not start")?;
            if !output.status.success() {
                bail!("openssl: {}", String::from_utf8_lossy(&output.stderr).trim());
            }
            Ok(())
        })?;
    }
    Ok(file)
}
