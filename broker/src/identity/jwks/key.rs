//! A set of published keys, and which of them is for a token.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde::de::Error as _;
use serde_json::Value;

use crate::identity::Refusal;
use crate::identity::refusal::shown;

/// A JWK set (RFC 7517 §5).
#[derive(Debug)]
pub(in crate::identity) struct KeySet(Vec<Key>);

#[derive(Debug)]
struct Key {
    kid: Option<String>,
    usable: Result<UsableKey, &'static str>,
}

#[derive(Debug)]
struct UsableKey {
    key: Arc<DecodingKey>,
    kind: Kind,
    /// The only algorithm that it is for, if the issuer says so.
    only: Option<KeyAlgorithm>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

/// Why there is no key for a token.
#[derive(Debug, PartialEq, Eq)]
enum Missing {
    /// No key has this name.
    Unknown,
    /// The token names none, and there is not exactly one.
    NotNamed,
    /// The key that has this name cannot have signed the token.
    Unsuitable(&'static str),
}

impl KeySet {
    /// Keys that we cannot use are kept aside, with the reason: a set may have keys for others.
    pub(in crate::identity) fn parse(text: &[u8]) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Document {
            keys: Vec<Value>,
        }
        // A list would be read as an object's members in their order.
        if text.trim_ascii_start().first() != Some(&b'{') {
            return Err(serde_json::Error::custom("expected an object"));
        }
        let document: Document = serde_json::from_slice(text)?;
        Ok(Self::of(document.keys))
    }

    /// The same of a list.
    pub(in crate::identity) fn of(keys: Vec<Value>) -> Self {
        Self(keys.into_iter().map(Key::parse).collect())
    }

    /// The key that a token names. A token that names none is for the only key of the set, if there is only one.
    pub(in crate::identity) fn find(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<&Arc<DecodingKey>, Refusal> {
        let shown = || kid.map(shown).unwrap_or_default();
        self.search(kid, algorithm).map_err(|missing| match missing {
            Missing::Unknown => Refusal::UnknownKey { kid: shown() },
            Missing::NotNamed => Refusal::NoKeyNamed,
            Missing::Unsuitable(why) => Refusal::UnsuitableKey { kid: shown(), why },
        })
    }

    fn search(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<&Arc<DecodingKey>, Missing> {
        let mut missing = Missing::Unknown;
        let candidates: Vec<&Key> = match (kid, self.0.as_slice()) {
            (Some(_), keys) => keys.iter().filter(|key| key.kid.as_deref() == kid).collect(),
            (None, [only]) => vec![only],
            (None, _) => return Err(Missing::NotNamed),
        };
        // Keys of different types may share a name (RFC 7517 §4.5).
        for candidate in candidates {
            match candidate
                .usable
                .as_ref()
                .map_err(|why| *why)
                .and_then(|usable| usable.for_algorithm(algorithm))
            {
                Ok(key) => return Ok(key),
                Err(why) => missing = Missing::Unsuitable(why),
            }
        }
        Err(missing)
    }

    /// How many keys can be used.
    pub(in crate::identity) fn usable(&self) -> usize {
        self.0.iter().filter(|key| key.usable.is_ok()).count()
    }

    /// The names of the others, and why.
    pub(in crate::identity) fn unusable(&self) -> impl Iterator<Item = (&str, &'static str)> {
        self.0.iter().filter_map(|key| {
            let why = key.usable.as_ref().err()?;
            Some((key.kid.as_deref().unwrap_or_default(), *why))
        })
    }
}

impl Key {
    fn parse(value: Value) -> Self {
        let kid = value.get("kid").and_then(Value::as_str).map(str::to_owned);
        let usable =
            serde_json::from_value(value).map_err(|_| "it is not a JWK").and_then(|jwk| UsableKey::new(&jwk));
        Self { kid, usable }
    }
}

impl UsableKey {
    fn new(jwk: &Jwk) -> Result<Self, &'static str> {
        if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
            return Err("its `use` is not for signatures");
        }
        if jwk.common.key_operations.as_ref().is_some_and(|list| !list.contains(&KeyOperations::Verify)) {
            return Err("its `key_ops` do not include verify");
        }
        let kind = Kind::of(&jwk.algorithm)?;
        let key = DecodingKey::from_jwk(jwk).map_err(|_| "its numbers are not base64url")?;
        Ok(Self { key: Arc::new(key), kind, only: jwk.common.key_algorithm })
    }

    fn for_algorithm(&self, algorithm: Algorithm) -> Result<&Arc<DecodingKey>, &'static str> {
        if Kind::for_algorithm(algorithm) != Some(self.kind) {
            return Err("its type or curve does not fit the token's algorithm");
        }
        if self.only.is_some_and(|only| only != KeyAlgorithm::from(algorithm)) {
            return Err("its `alg` is not the token's algorithm");
        }
        Ok(&self.key)
    }
}

impl Kind {
    /// The kind of a key, if it is one that we verify with and strong enough.
    fn of(parameters: &AlgorithmParameters) -> Result<Self, &'static str> {
        match parameters {
            AlgorithmParameters::RSA(rsa) => match modulus_bits(&rsa.n) {
                Some(2048..=8192) => Ok(Self::Rsa),
                Some(_) => Err("its RSA modulus does not have 2048 to 8192 bits"),
                None => Err("its numbers are not base64url"),
            },
            AlgorithmParameters::EllipticCurve(point) => {
                let is_point = |length| is_bytes(&point.x, length) && is_bytes(&point.y, length);
                match point.curve {
                    EllipticCurve::P256 if is_point(32) => Ok(Self::P256),
                    EllipticCurve::P384 if is_point(48) => Ok(Self::P384),
                    EllipticCurve::P256 | EllipticCurve::P384 => Err("its point is not of its curve"),
                    _ => Err("its curve is not supported"),
                }
            }
            AlgorithmParameters::OctetKeyPair(pair) => match pair.curve {
                EllipticCurve::Ed25519 if is_bytes(&pair.x, 32) => Ok(Self::Ed25519),
                EllipticCurve::Ed25519 => Err("its point is not of its curve"),
                _ => Err("its curve is not supported"),
            },
            AlgorithmParameters::OctetKey(_) => Err("it is a shared secret"),
            _ => Err("its type or curve is not supported"),
        }
    }

    /// The kind of key that signs with this.
    fn for_algorithm(algorithm: Algorithm) -> Option<Self> {
        match algorithm {
            Algorithm::RS256 | Algorithm::RS384 | Algorithm::RS512 => Some(Self::Rsa),
            Algorithm::PS256 | Algorithm::PS384 | Algorithm::PS512 => Some(Self::Rsa),
            Algorithm::ES256 => Some(Self::P256),
            Algorithm::ES384 => Some(Self::P384),
            Algorithm::EdDSA => Some(Self::Ed25519),
            _ => None,
        }
    }
}

fn is_bytes(text: &str, length: usize) -> bool {
    URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == length)
}

fn modulus_bits(text: &str) -> Option<usize> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let first = bytes.get(zeros)?;
    Some((bytes.len() - zeros) * 8 - first.leading_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rsa(bits: usize) -> String {
        let mut modulus = vec![0xff; bits / 8];
        modulus.insert(0, 0);
        URL_SAFE_NO_PAD.encode(modulus)
    }

    fn find(keys: Value, kid: Option<&str>, algorithm: Algorithm) -> Result<(), Missing> {
        let text = json!({ "keys": keys }).to_string();
        KeySet::parse(text.as_bytes()).unwrap().search(kid, algorithm).map(drop)
    }

    fn with(mut key: Value, name: &str, value: Value) -> Value {
        key[name] = value;
        key
    }

    fn each_kind() -> [(Value, Vec<Algorithm>); 4] {
        let (p256, p384) = (URL_SAFE_NO_PAD.encode([1; 32]), URL_SAFE_NO_PAD.encode([1; 48]));
        let of_rsa = vec![
            Algorithm::RS256,
            Algorithm::RS384,
            Algorithm::RS512,
            Algorithm::PS256,
            Algorithm::PS384,
            Algorithm::PS512,
        ];
        [
            (json!({"kid": "k", "kty": "RSA", "n": rsa(2048), "e": "AQAB"}), of_rsa),
            (json!({"kid": "k", "kty": "EC", "crv": "P-256", "x": p256, "y": p256}), vec![Algorithm::ES256]),
            (json!({"kid": "k", "kty": "EC", "crv": "P-384", "x": p384, "y": p384}), vec![Algorithm::ES384]),
            (json!({"kid": "k", "kty": "OKP", "crv": "Ed25519", "x": p256}), vec![Algorithm::EdDSA]),
        ]
    }

    const ALGORITHMS: [Algorithm; 12] = [
        Algorithm::HS256,
        Algorithm::HS384,
        Algorithm::HS512,
        Algorithm::RS256,
        Algorithm::RS384,
        Algorithm::RS512,
        Algorithm::PS256,
        Algorithm::PS384,
        Algorithm::PS512,
        Algorithm::ES256,
        Algorithm::ES384,
        Algorithm::EdDSA,
    ];

    #[test]
    fn a_key_is_for_the_algorithms_of_its_type_and_curve_only() {
        for (key, fitting) in each_kind() {
            for algorithm in ALGORITHMS {
                let found = find(json!([key]), Some("k"), algorithm);
                assert_eq!(found.is_ok(), fitting.contains(&algorithm), "{key} {algorithm:?}");
            }
        }
    }

    #[test]
    fn a_key_is_for_the_use_and_the_algorithm_that_it_names() {
        let unsuitable = |key: &Value, algorithm| {
            matches!(find(json!([key]), Some("k"), algorithm), Err(Missing::Unsuitable(_)))
        };
        for (key, fitting) in each_kind() {
            let algorithm = fitting[0];
            assert!(unsuitable(&with(key.clone(), "use", json!("enc")), algorithm));
            assert!(unsuitable(&with(key.clone(), "key_ops", json!(["encrypt"])), algorithm));
            assert!(unsuitable(&with(key.clone(), "alg", json!("HS256")), algorithm));
            assert!(unsuitable(&with(key.clone(), "alg", json!("RSA-OAEP")), algorithm));
            assert!(unsuitable(&with(key.clone(), "alg", json!("what-is-this")), algorithm));
            for (name, value) in [
                ("use", json!("sig")),
                ("key_ops", json!(["verify"])),
                ("alg", json!(KeyAlgorithm::from(algorithm))),
            ] {
                let key = with(key.clone(), name, value);
                assert_eq!(find(json!([key]), Some("k"), algorithm), Ok(()), "{key}");
            }
        }
        let rsa = with(each_kind()[0].0.clone(), "alg", json!("RS256"));
        assert!(unsuitable(&rsa, Algorithm::PS256));
    }

    #[test]
    fn weak_foreign_and_malformed_keys_are_kept_aside() {
        let short = URL_SAFE_NO_PAD.encode([1; 31]);
        let p256 = URL_SAFE_NO_PAD.encode([1; 32]);
        let bad = [
            (json!({"kty": "RSA", "n": rsa(1024), "e": "AQAB"}), Algorithm::RS256),
            (json!({"kty": "RSA", "n": rsa(2040), "e": "AQAB"}), Algorithm::RS256),
            (json!({"kty": "RSA", "n": rsa(16384), "e": "AQAB"}), Algorithm::RS256),
            (json!({"kty": "RSA", "n": "", "e": "AQAB"}), Algorithm::RS256),
            (json!({"kty": "RSA", "n": format!("{}=", rsa(2048)), "e": "AQAB"}), Algorithm::RS256),
            (json!({"kty": "RSA", "n": rsa(2048)}), Algorithm::RS256),
            (json!({"kty": "EC", "crv": "P-256", "x": short, "y": p256}), Algorithm::ES256),
            (json!({"kty": "EC", "crv": "P-384", "x": p256, "y": p256}), Algorithm::ES384),
            (json!({"kty": "EC", "crv": "P-521", "x": p256, "y": p256}), Algorithm::ES256),
            (json!({"kty": "EC", "crv": "secp256k1", "x": p256, "y": p256}), Algorithm::ES256),
            (json!({"kty": "OKP", "crv": "Ed25519", "x": short}), Algorithm::EdDSA),
            (json!({"kty": "OKP", "crv": "X25519", "x": p256}), Algorithm::EdDSA),
            (json!({"kty": "oct", "k": p256}), Algorithm::HS256),
            (json!({"kty": "PQC"}), Algorithm::ES256),
            (json!("hello"), Algorithm::ES256),
        ];
        let good = with(each_kind()[1].0.clone(), "kid", json!("good"));
        for (key, algorithm) in bad {
            let set = json!([key, good]);
            let set = KeySet::parse(json!({ "keys": set }).to_string().as_bytes()).unwrap();
            assert_eq!((set.usable(), set.unusable().count()), (1, 1), "{key}");
            assert!(set.find(Some("good"), Algorithm::ES256).is_ok());
            if key.is_object() {
                let found = find(json!([with(key.clone(), "kid", json!("k"))]), Some("k"), algorithm);
                assert!(matches!(found, Err(Missing::Unsuitable(_))), "{key}: {found:?}");
            }
        }
    }

    #[test]
    fn keys_are_found_by_name() {
        let [(rsa, _), (p256, _), ..] = each_kind();
        let other = with(p256.clone(), "kid", json!("other"));
        assert_eq!(find(json!([p256, other]), Some("K"), Algorithm::ES256), Err(Missing::Unknown));
        assert_eq!(find(json!([]), Some("k"), Algorithm::ES256), Err(Missing::Unknown));
        // Two keys of one name, of different types.
        assert_eq!(find(json!([rsa, p256]), Some("k"), Algorithm::ES256), Ok(()));
        // No name.
        assert_eq!(find(json!([p256]), None, Algorithm::ES256), Ok(()));
        assert!(matches!(find(json!([rsa]), None, Algorithm::ES256), Err(Missing::Unsuitable(_))));
        assert_eq!(find(json!([rsa, p256]), None, Algorithm::ES256), Err(Missing::NotNamed));
        assert_eq!(find(json!([]), None, Algorithm::ES256), Err(Missing::NotNamed));
    }

    #[test]
    fn what_is_not_a_set_is_refused() {
        for text in ["", "[]", "[[]]", "{}", "{\"keys\":{}}", "<html>"] {
            assert!(KeySet::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
