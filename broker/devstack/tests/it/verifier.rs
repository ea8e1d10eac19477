//! A verifier as it should be, as small as it can be: the measure of what the issuer mints.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::{Map, Value};

/// What a token must fit.
pub(crate) struct Verifier<'a> {
    pub(crate) jwks: &'a Value,
    pub(crate) issuer: &'a str,
    pub(crate) now: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    #[serde(rename = "typ")]
    _typ: Option<String>,
    kid: String,
    // They are allowed, and they must change nothing.
    #[serde(rename = "jku")]
    _jku: Option<Value>,
    #[serde(rename = "jwk")]
    _jwk: Option<Value>,
    #[serde(rename = "x5u")]
    _x5u: Option<Value>,
}

/// A struct, because serde then refuses a claim that comes twice.
#[derive(Deserialize)]
struct Registered {
    iss: String,
    #[serde(rename = "sub")]
    _sub: String,
    aud: String,
    iat: u64,
    nbf: u64,
    exp: u64,
}

impl Verifier<'_> {
    /// The claims, or why the token is refused.
    pub(crate) fn verify(&self, token: &str) -> Result<Map<String, Value>, String> {
        if token.len() > 16 * 1024 {
            return Err("too large".to_owned());
        }
        let parts: Vec<&str> = token.split('.').collect();
        let [header, payload, signature] = parts[..] else { return Err("not three parts".to_owned()) };
        let header: Header = parse(header)?;
        let key = self.key(&header.kid)?;
        let message = format!("{}.{payload}", parts[0]);
        check(key, &header.alg, message.as_bytes(), &decode(signature)?)?;
        let claims: Registered = parse(payload)?;
        self.check(&claims)?;
        parse(payload)
    }

    fn key(&self, kid: &str) -> Result<&Value, String> {
        let keys = self.jwks["keys"].as_array().unwrap();
        keys.iter().find(|key| key["kid"] == kid).ok_or_else(|| "unknown kid".to_owned())
    }

    fn check(&self, claims: &Registered) -> Result<(), String> {
        for (good, reason) in [
            (claims.iss == self.issuer, "issuer"),
            (claims.aud == "dsn-broker", "audience"),
            (claims.iat <= self.now + 60, "minted in the future"),
            (claims.nbf <= self.now + 60, "not yet valid"),
            (claims.exp + 60 > self.now, "expired"),
        ] {
            if !good {
                return Err(reason.to_owned());
            }
        }
        Ok(())
    }
}

fn check(key: &Value, alg: &str, message: &[u8], signature: &[u8]) -> Result<(), String> {
    let part = |name: &str| decode(key[name].as_str().unwrap_or_default());
    let verified = match (key["kty"].as_str().unwrap(), alg) {
        ("RSA", _) => {
            let public = RsaPublicKeyComponents { n: part("n")?, e: part("e")? };
            let parameters = match alg {
                "RS256" => &signature::RSA_PKCS1_2048_8192_SHA256,
                "RS384" => &signature::RSA_PKCS1_2048_8192_SHA384,
                "RS512" => &signature::RSA_PKCS1_2048_8192_SHA512,
                "PS256" => &signature::RSA_PSS_2048_8192_SHA256,
                "PS384" => &signature::RSA_PSS_2048_8192_SHA384,
                "PS512" => &signature::RSA_PSS_2048_8192_SHA512,
                _ => return Err("algorithm".to_owned()),
            };
            public.verify(parameters, message, signature)
        }
        ("EC", "ES256" | "ES384") if key["alg"] == alg => {
            let point = [vec![4], part("x")?, part("y")?].concat();
            let parameters = match alg {
                "ES256" => &signature::ECDSA_P256_SHA256_FIXED,
                _ => &signature::ECDSA_P384_SHA384_FIXED,
            };
            UnparsedPublicKey::new(parameters, point).verify(message, signature)
        }
        ("OKP", "EdDSA") => {
            UnparsedPublicKey::new(&signature::ED25519, part("x")?).verify(message, signature)
        }
        _ => return Err("algorithm".to_owned()),
    };
    verified.map_err(|_| "signature".to_owned())
}

fn parse<T: for<'de> Deserialize<'de>>(part: &str) -> Result<T, String> {
    serde_json::from_slice(&decode(part)?).map_err(|error| error.to_string())
}

fn decode(text: &str) -> Result<Vec<u8>, String> {
    URL_SAFE_NO_PAD.decode(text).map_err(|error| error.to_string())
}
