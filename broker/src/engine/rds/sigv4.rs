//! AWS Signature Version 4: HMAC-SHA-256 over the canonical form of a request.
//!
//! Source: AWS Identity and Access Management user guide, "Create a signed AWS API request". General over what is
//! signed, so that the examples published there can be checked below; no network, no clock.

use ring::{digest, hmac};

use crate::secret::Secret;

/// The name of the algorithm.
pub(super) const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// SHA-256 of nothing: the payload of a request without a body.
pub(super) const NO_PAYLOAD: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// What is signed of a request: each part in its canonical form already.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    /// Names and values percent-encoded, sorted by name.
    pub(super) query: &'a str,
    /// In small letters, sorted by name.
    pub(super) headers: &'a [(&'a str, &'a str)],
    /// SHA-256 of the body in hexadecimal, or what stands for it.
    pub(super) payload: &'a str,
}

/// A key that is good for one day, region and service.
pub(super) struct SigningKey {
    key: hmac::Key,
    scope: String,
}

impl SigningKey {
    /// `day` is `YYYYMMDD`.
    pub(super) fn derive(secret: &Secret, day: &str, region: &str, service: &str) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, derive(secret, day, region, service).as_ref());
        Self { key, scope: format!("{day}/{region}/{service}/{TERMINATOR}") }
    }

    /// `YYYYMMDD/region/service/aws4_request`
    pub(super) fn scope(&self) -> &str {
        &self.scope
    }

    /// The signature at `moment` (`YYYYMMDDTHHMMSSZ`, of the key's day), in hexadecimal.
    pub(super) fn sign(&self, moment: &str, request: &Request<'_>) -> Hex {
        let canonical = request.hash();
        let mut signing = hmac::Context::with_key(&self.key);
        for part in [ALGORITHM, "\n", moment, "\n", &self.scope, "\n", canonical.as_str()] {
            signing.update(part.as_bytes());
        }
        Hex::of(signing.sign().as_ref())
    }
}

impl Request<'_> {
    /// SHA-256 of the canonical request, which is never put together.
    fn hash(&self) -> Hex {
        let mut hash = digest::Context::new(&digest::SHA256);
        let mut update = |parts: &[&str]| parts.iter().for_each(|part| hash.update(part.as_bytes()));
        update(&[self.method, "\n", self.path, "\n", self.query, "\n"]);
        self.headers.iter().for_each(|(name, value)| update(&[name, ":", value, "\n"]));
        update(&["\n"]);
        for (index, (name, _)) in self.headers.iter().enumerate() {
            update(&[if index == 0 { "" } else { ";" }, name]);
        }
        update(&["\n", self.payload]);
        Hex::of(hash.finish().as_ref())
    }
}

fn derive(secret: &Secret, day: &str, region: &str, service: &str) -> hmac::Tag {
    let first = zeroize::Zeroizing::new(["AWS4", secret.expose()].concat());
    let mut tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, first.as_bytes()), day.as_bytes());
    for step in [region, service, TERMINATOR] {
        tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, tag.as_ref()), step.as_bytes());
    }
    tag
}

/// 32 bytes in hexadecimal.
pub(super) struct Hex([u8; 2 * digest::SHA256_OUTPUT_LEN]);

impl Hex {
    fn of(bytes: &[u8]) -> Self {
        let mut text = [b'0'; 2 * digest::SHA256_OUTPUT_LEN];
        for (digits, byte) in text.chunks_exact_mut(2).zip(bytes) {
            let digit = |four: u8| if four < 10 { b'0' + four } else { b'a' + four - 10 };
            digits.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
        }
        Self(text)
    }

    /// As text.
    pub(super) fn as_str(&self) -> &str {
        // Digits alone.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

const TERMINATOR: &str = "aws4_request";

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: &str = "20150830";

    fn secret() -> Secret {
        Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    }

    /// AWS General Reference, "Examples of how to derive a signing key".
    #[test]
    fn a_key_is_derived_as_in_the_published_example() {
        let tag = derive(&secret(), DAY, "us-east-1", "iam");
        assert_eq!(
            Hex::of(tag.as_ref()).as_str(),
            "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"
        );
    }

    /// The test suite of the algorithm, `get-vanilla`.
    #[test]
    fn headers_are_signed_as_in_the_published_suite() {
        let request = Request {
            method: "GET",
            path: "/",
            query: "",
            headers: &[("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z")],
            payload: NO_PAYLOAD,
        };
        assert_eq!(
            request.hash().as_str(),
            "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63"
        );
        let key = SigningKey::derive(&secret(), DAY, "us-east-1", "service");
        assert_eq!(
            key.sign("20150830T123600Z", &request).as_str(),
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        );
    }

    /// Amazon S3 API reference, "Authenticating requests: using query parameters", the example of `GET /test.txt`.
    #[test]
    fn a_query_is_signed_as_in_the_published_example() {
        let secret = Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
        let key = SigningKey::derive(&secret, "20130524", "us-east-1", "s3");
        assert_eq!(key.scope(), "20130524/us-east-1/s3/aws4_request");
        let request = Request {
            method: "GET",
            path: "/test.txt",
            query: "X-Amz-Algorithm=AWS4-HMAC-SHA256\
                &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
                &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host",
            headers: &[("host", "examplebucket.s3.amazonaws.com")],
            payload: "UNSIGNED-PAYLOAD",
        };
        assert_eq!(
            key.sign("20130524T000000Z", &request).as_str(),
            "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
        );
    }
}
