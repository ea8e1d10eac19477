//! Tokens that a verifier must refuse, each for one reason.

use anyhow::Context as _;
use ring::hmac;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::State;
use super::claims::{self, Algorithm, Claims, encode};
use super::key::Key;

/// What is wrong with the token; all else is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bad {
    /// The header says `alg: none`, and there is no signature.
    AlgNone,
    /// The same, spelled `nOnE`.
    AlgNoneMixedCase,
    /// HS256 with the public key's PEM text as the shared secret.
    HmacWithPublicPem,
    /// HS256 with the public key's JWK text as the shared secret.
    HmacWithPublicJwk,
    /// The header names an algorithm that the key is not for.
    AlgorithmOfOtherKey,
    /// Meant for someone else.
    WrongAudience,
    /// Meant for nobody in particular.
    NoAudience,
    /// Said by someone else.
    WrongIssuer,
    /// Said by nobody.
    NoIssuer,
    /// About nobody.
    NoSubject,
    /// Over for an hour.
    Expired,
    /// Never over.
    NoExpiry,
    /// Good only in an hour.
    NotYetValid,
    /// Minted in an hour.
    IssuedInFuture,
    /// Its key has a name that is not published.
    UnknownKid,
    /// Its key has no name.
    NoKid,
    /// The header brings the attacker's key, which signed.
    EmbeddedJwk,
    /// The header says where to fetch the attacker's key, which signed.
    Jku,
    /// The header says where to fetch the attacker's certificate.
    X5u,
    /// The header demands that an extension is understood.
    Crit,
    /// Half of the signature.
    TruncatedSignature,
    /// A signature with one bit turned.
    FlippedSignature,
    /// A signature of no bytes.
    EmptySignature,
    /// The claims have two subjects; readers disagree on which counts.
    DuplicateClaims,
    /// Signed by the attacker's key in the name of a published one.
    ForeignKeyKnownKid,
    /// A megabyte.
    Oversized,
    /// Not a token at all.
    NotAJwt,
    /// Five parts, as an encrypted token has.
    FiveParts,
    /// Well signed, and its claims are nested deeper than a careless parser's stack.
    NestedGarbage,
}

impl Bad {
    /// All of them.
    pub const ALL: [Self; 29] = [
        Self::AlgNone,
        Self::AlgNoneMixedCase,
        Self::HmacWithPublicPem,
        Self::HmacWithPublicJwk,
        Self::AlgorithmOfOtherKey,
        Self::WrongAudience,
        Self::NoAudience,
        Self::WrongIssuer,
        Self::NoIssuer,
        Self::NoSubject,
        Self::Expired,
        Self::NoExpiry,
        Self::NotYetValid,
        Self::IssuedInFuture,
        Self::UnknownKid,
        Self::NoKid,
        Self::EmbeddedJwk,
        Self::Jku,
        Self::X5u,
        Self::Crit,
        Self::TruncatedSignature,
        Self::FlippedSignature,
        Self::EmptySignature,
        Self::DuplicateClaims,
        Self::ForeignKeyKnownKid,
        Self::Oversized,
        Self::NotAJwt,
        Self::FiveParts,
        Self::NestedGarbage,
    ];

    fn spoil_claims(self, claims: &mut Map<String, Value>, now: u64) {
        let (name, value) = match self {
            Self::WrongAudience => ("aud", json!("somebody-else")),
            Self::NoAudience => ("aud", Value::Null),
            Self::WrongIssuer => ("iss", json!("https://attacker.example")),
            Self::NoIssuer => ("iss", Value::Null),
            Self::NoSubject => ("sub", Value::Null),
            Self::Expired => {
                claims.insert("iat".to_owned(), json!(now.saturating_sub(2 * HOUR)));
                claims.insert("nbf".to_owned(), json!(now.saturating_sub(2 * HOUR)));
                ("exp", json!(now.saturating_sub(HOUR)))
            }
            Self::NoExpiry => ("exp", Value::Null),
            Self::NotYetValid => {
                claims.insert("exp".to_owned(), json!(now + 2 * HOUR));
                ("nbf", json!(now + HOUR))
            }
            Self::IssuedInFuture => {
                claims.insert("exp".to_owned(), json!(now + 2 * HOUR));
                ("iat", json!(now + HOUR))
            }
            Self::Oversized => ("padding", json!("x".repeat(1 << 20))),
            _ => return,
        };
        if value.is_null() {
            claims.remove(name);
        } else {
            claims.insert(name.to_owned(), value);
        }
    }

    fn spoil_header(self, header: &mut Map<String, Value>, attacker: &Key, issuer: &str) {
        let (name, value) = match self {
            Self::AlgNone => ("alg", json!("none")),
            Self::AlgNoneMixedCase => ("alg", json!("nOnE")),
            Self::HmacWithPublicPem | Self::HmacWithPublicJwk => ("alg", json!("HS256")),
            Self::AlgorithmOfOtherKey => {
                let ed25519 = header.get("alg").is_some_and(|alg| alg == "EdDSA");
                ("alg", json!(if ed25519 { "RS256" } else { "EdDSA" }))
            }
            Self::UnknownKid => ("kid", json!("nobody-published-this")),
            Self::NoKid => {
                header.remove("kid");
                return;
            }
            Self::EmbeddedJwk => ("jwk", attacker.jwk()),
            Self::Jku => {
                header.insert("kid".to_owned(), json!(attacker.kid));
                ("jku", json!(format!("{issuer}/attacker/jwks")))
            }
            Self::X5u => ("x5u", json!(format!("{issuer}/attacker/certificate"))),
            Self::Crit => {
                header.insert("https://example.com/understand-me".to_owned(), json!(true));
                ("crit", json!(["https://example.com/understand-me"]))
            }
            _ => return,
        };
        header.insert(name.to_owned(), value);
    }

    fn payload(self, claims: &Map<String, Value>) -> anyhow::Result<String> {
        let text = serde_json::to_string(claims)?;
        match self {
            Self::DuplicateClaims => {
                let rest = text.strip_prefix('{').context("claims are an object")?;
                Ok(format!(r#"{{"sub":"system:admin",{rest}"#))
            }
            Self::NestedGarbage => Ok("[".repeat(100_000)),
            _ => Ok(text),
        }
    }

    fn signature(
        self,
        algorithm: Algorithm,
        own: &Key,
        attacker: &Key,
        input: &[u8],
    ) -> anyhow::Result<Vec<u8>> {
        let hmac = |secret: &str| {
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), input).as_ref().to_vec()
        };
        Ok(match self {
            Self::AlgNone | Self::AlgNoneMixedCase | Self::EmptySignature => Vec::new(),
            Self::HmacWithPublicPem => hmac(&own.public_pem()),
            Self::HmacWithPublicJwk => hmac(&own.jwk().to_string()),
            Self::EmbeddedJwk | Self::Jku | Self::X5u | Self::ForeignKeyKnownKid => {
                attacker.sign(algorithm, input)?
            }
            Self::TruncatedSignature => {
                let mut signature = own.sign(algorithm, input)?;
                signature.truncate(signature.len() / 2);
                signature
            }
            Self::FlippedSignature => {
                let mut signature = own.sign(algorithm, input)?;
                let middle = signature.len() / 2;
                signature.iter_mut().skip(middle).take(1).for_each(|byte| *byte ^= 1);
                signature
            }
            _ => own.sign(algorithm, input)?,
        })
    }
}

impl State {
    pub(super) fn mint_bad(&self, claims: &Claims, bad: Bad) -> anyhow::Result<String> {
        match bad {
            Bad::NotAJwt => return Ok("correct-horse-battery-staple".to_owned()),
            Bad::FiveParts => return Ok(format!("{}.e30.e30", self.mint(claims)?)),
            _ => {}
        }
        let algorithm = claims.algorithm;
        let generation = self.newest()?;
        let (own, attacker) = (generation.key(algorithm), self.attacker.key(algorithm));
        let mut content = claims.to_json(&self.issuer)?;
        bad.spoil_claims(&mut content, claims.minted_at());
        let mut header = claims::header(algorithm, &own.kid);
        bad.spoil_header(&mut header, attacker, &self.issuer);
        let input = claims::signing_input(&header, &bad.payload(&content)?);
        let signature = bad.signature(algorithm, own, attacker, input.as_bytes())?;
        Ok(format!("{input}.{}", encode(signature)))
    }
}

const HOUR: u64 = 3600;
