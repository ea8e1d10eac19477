//! A token, on its way from bytes that anyone can send to claims that an issuer signed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};

use crate::identity::refusal::shown;
use crate::identity::{Refusal, json, ring_provider};
use crate::secret::Secret;

/// The longest token that is read, in bytes.
pub(super) const MAX_BYTES: usize = 16 * 1024;

/// Refuses what is longer than any token.
pub(super) fn check_size(proof: &Secret) -> Result<(), Refusal> {
    let bytes = proof.expose().len();
    if bytes > MAX_BYTES { Err(Refusal::TooLarge { bytes, max: MAX_BYTES }) } else { Ok(()) }
}

/// A well-formed JWT (RFC 7519) that anyone may have made. It tells which key to ask for, and nothing else.
///
/// Of the header only `alg`, `kid` and `crit` are looked at: `jku`, `jwk`, `x5u` and `x5c` would let a token
/// bring its own key, and `typ` and `cty` change nothing, because the audience keeps kinds of tokens apart (of a
/// JWT-SVID the standard wants `typ` to be one of two).
pub(super) struct UnverifiedToken<'a> {
    /// Header and claims as they were sent: what the signature is for.
    signed: &'a str,
    signature: &'a str,
    algorithm: String,
    kid: Option<String>,
    kind: Option<Value>,
    issuer: Option<String>,
    claims: Map<String, Value>,
}

/// Claims that were signed with a key of the issuer they name. Dates, audience and subject are not checked yet.
#[derive(Debug)]
pub(super) struct VerifiedClaims(Map<String, Value>);

impl<'a> UnverifiedToken<'a> {
    /// Takes a token apart: three parts in base64url without padding, the first two JSON objects.
    pub(super) fn parse(proof: &'a Secret) -> Result<Self, Refusal> {
        check_size(proof)?;
        let (signed, signature) = proof.expose().rsplit_once('.').ok_or(NOT_THREE_PARTS)?;
        let (header, claims) = signed.split_once('.').ok_or(NOT_THREE_PARTS)?;
        if claims.contains('.') {
            return Err(NOT_THREE_PARTS);
        }
        let header = object(header).map_err(|()| {
            Refusal::Malformed("its header is not a base64url JSON object without duplicate keys")
        })?;
        if header.contains_key("crit") {
            return Err(Refusal::CriticalHeader);
        }
        let claims = object(claims).map_err(|()| {
            Refusal::Malformed("its claims are not a base64url JSON object without duplicate keys")
        })?;
        let issuer = match claims.get("iss") {
            None => None,
            Some(Value::String(issuer)) => Some(issuer.clone()),
            Some(_) => return Err(Refusal::Malformed("its iss is not a text")),
        };
        let kid = match header.get("kid") {
            None => None,
            Some(Value::String(kid)) => Some(kid.clone()),
            Some(_) => return Err(Refusal::Malformed("its kid is not a text")),
        };
        let algorithm =
            string(&header, "alg").ok_or(Refusal::Malformed("it has no alg, or it is not a text"))?;
        let kind = header.get("typ").cloned();
        Ok(Self { signed, signature, algorithm, kid, kind, issuer, claims })
    }

    /// Who is said to have issued it, if anybody is.
    pub(super) fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// Whom it is said to be about.
    pub(super) fn subject(&self) -> Option<&str> {
        self.claims.get("sub").and_then(Value::as_str)
    }

    /// What kind of token it says it is: its `typ`.
    pub(super) fn kind(&self) -> Option<&Value> {
        self.kind.as_ref()
    }

    /// The name of the key that is said to have signed it.
    pub(super) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// How it is signed, which must be one of these. Names are case-sensitive (RFC 7515 §4.1.1).
    pub(super) fn algorithm_among(&self, allowed: &[Algorithm]) -> Result<Algorithm, Refusal> {
        let algorithm = self.algorithm.parse().ok().filter(|algorithm| allowed.contains(algorithm));
        algorithm.ok_or_else(|| Refusal::WrongAlgorithm { algorithm: shown(&self.algorithm) })
    }

    /// The claims, if this key signed them with this algorithm.
    pub(super) fn verify(self, algorithm: Algorithm, key: &DecodingKey) -> Result<VerifiedClaims, Refusal> {
        if ring_provider::verify(algorithm, key, self.signed, self.signature) {
            Ok(VerifiedClaims(self.claims))
        } else {
            Err(Refusal::BadSignature)
        }
    }
}

impl VerifiedClaims {
    /// All of them.
    pub(super) fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// All of them.
    pub(super) fn into_map(self) -> Map<String, Value> {
        self.0
    }
}

const NOT_THREE_PARTS: Refusal = Refusal::Malformed("it does not have three parts");

/// The causes are not told apart: they would quote the token.
fn object(part: &str) -> Result<Map<String, Value>, ()> {
    let text = URL_SAFE_NO_PAD.decode(part).map_err(drop)?;
    json::parse_object(&text).map_err(drop)
}

fn string(object: &Map<String, Value>, key: &str) -> Option<String> {
    object.get(key).and_then(Value::as_str).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(text: &str) -> String {
        URL_SAFE_NO_PAD.encode(text)
    }

    fn parse(header: &str, claims: &str) -> Result<(), Refusal> {
        let token = Secret::new(format!("{}.{}.c2ln", encode(header), encode(claims)));
        UnverifiedToken::parse(&token).map(drop)
    }

    #[test]
    fn header_and_issuer_can_be_read() {
        let header = r#"{"alg":"ES256","kid":"k","jku":"https://attacker.example","typ":"at+jwt"}"#;
        let token = Secret::new(format!("{}.{}.c2ln", encode(header), encode(r#"{"iss":"https://i"}"#)));
        let token = UnverifiedToken::parse(&token).unwrap();
        assert_eq!((token.issuer(), token.kid()), (Some("https://i"), Some("k")));
        assert_eq!(token.algorithm_among(&[Algorithm::RS256, Algorithm::ES256]), Ok(Algorithm::ES256));
        assert!(token.algorithm_among(&[Algorithm::RS256]).is_err());
    }

    #[test]
    fn only_algorithms_that_are_allowed_by_their_exact_name_are_found() {
        for alg in ["none", "nOnE", "", "HS256", "es256", "ES256 ", "ES512", "RS256"] {
            let header = format!(r#"{{"alg":{alg:?}}}"#);
            let token = Secret::new(format!("{}.{}.", encode(&header), encode(r#"{"iss":"i"}"#)));
            let refusal = UnverifiedToken::parse(&token).unwrap().algorithm_among(&[Algorithm::ES256]);
            assert_eq!(refusal, Err(Refusal::WrongAlgorithm { algorithm: alg.to_owned() }));
        }
    }

    #[test]
    fn what_a_header_or_claims_lack_is_named() {
        let (header, claims) = (r#"{"alg":"ES256"}"#, r#"{"iss":"i"}"#);
        assert_eq!(parse(header, claims), Ok(()));
        for (header, claims, word) in [
            ("{}", claims, "alg"),
            (r#"{"alg":1}"#, claims, "alg"),
            (r#"{"alg":"ES256","kid":1}"#, claims, "kid"),
            (r#"{"alg":"none","alg":"ES256"}"#, claims, "header"),
            ("[]", claims, "header"),
            (header, r#"{"iss":["i"]}"#, "iss"),
            (header, r#"{"iss":"i","iss":"j"}"#, "claims"),
            (header, "\"i\"", "claims"),
        ] {
            let refusal = parse(header, claims);
            assert!(
                matches!(&refusal, Err(Refusal::Malformed(why)) if why.contains(word)),
                "{header} {claims}: {refusal:?}"
            );
        }
        assert_eq!(parse(r#"{"alg":"ES256","crit":[]}"#, claims), Err(Refusal::CriticalHeader));
    }

    #[test]
    fn base64_is_read_strictly_and_parts_are_counted() {
        let (header, claims) = (encode(r#"{"alg":"ES256"}"#), encode(r#"{"iss":"i"}"#));
        for text in [
            String::new(),
            ".".to_owned(),
            "..".to_owned(),
            header.clone(),
            format!("{header}.{claims}"),
            format!("{header}.{claims}.a.b"),
            format!("{header}.{claims}.e30.e30.e30"),
            format!("{header}=.{claims}.a"),
            format!("{header} .{claims}.a"),
            format!("{header}\n.{claims}.a"),
            format!(" {header}.{claims}.a"),
            format!("{header}.{claims}+.a"),
            // The last character carries two bits that mean nothing.
            format!("{header}.{}1.a", claims.trim_end_matches('0')),
        ] {
            let token = Secret::new(text.clone());
            assert!(matches!(UnverifiedToken::parse(&token), Err(Refusal::Malformed(_))), "{text:?}");
        }
        let large = Secret::new("a".repeat(MAX_BYTES + 1));
        assert!(matches!(UnverifiedToken::parse(&large), Err(Refusal::TooLarge { .. })));
    }
}
