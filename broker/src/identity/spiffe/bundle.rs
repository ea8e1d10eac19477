//! The bundle of a trust domain (SPIFFE Trust Domain and Bundle standard §4).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, TrustAnchor};
use serde::Deserialize;
use serde_json::Value;

use crate::identity::jwks::key::KeySet;
use crate::identity::memory::Fingerprint;
use crate::identity::spiffe::certificate::Validity;

/// What a trust domain's SVIDs are verified with.
#[derive(Debug)]
pub(super) struct Bundle {
    digest: Fingerprint,
    authorities: Vec<Authority>,
    keys: KeySet,
    /// How often it is to be had again, if it says so.
    pub(super) refresh_hint: Option<Duration>,
    /// How often it was changed, if it says so.
    pub(super) sequence: Option<u64>,
}

/// A CA of the trust domain.
#[derive(Debug)]
pub(super) struct Authority {
    pub(super) anchor: TrustAnchor<'static>,
    pub(super) validity: Validity,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
    spiffe_sequence: Option<u64>,
    spiffe_refresh_hint: Option<u64>,
}

impl Bundle {
    /// Reads JSON, or certificates in PEM, which is good for X.509-SVIDs alone. A bundle without keys is one: it ends all trust.
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        let digest = Self::digest_of(text);
        if text.trim_ascii_start().first() != Some(&b'{') {
            let (keys, refresh_hint, sequence) = (KeySet::of(Vec::new()), None, None);
            return Ok(Self { digest, authorities: pem(text)?, keys, refresh_hint, sequence });
        }
        let document: Document =
            serde_json::from_slice(text).map_err(|error| format!("it is not a JWK set: {error}"))?;
        let (mut authorities, mut keys) = (Vec::new(), Vec::new());
        for mut key in document.keys {
            // Others than these two are for later versions of the standard, and passed over.
            match key.get("use").and_then(Value::as_str) {
                Some("x509-svid") => authorities.push(authority(&key)?),
                Some("jwt-svid") => {
                    if key.get("kid").and_then(Value::as_str).is_none_or(str::is_empty) {
                        return Err("a key of use jwt-svid has no kid".to_owned());
                    }
                    // Its `use` is said to no reader of other JWK sets.
                    key.as_object_mut().map(|key| key.remove("use"));
                    keys.push(key);
                }
                _ => {}
            }
        }
        let refresh_hint = document.spiffe_refresh_hint.map(Duration::from_secs);
        let keys = KeySet::of(keys);
        if let Some((kid, why)) = keys.unusable().next() {
            return Err(format!("the key {kid:?} cannot be used: {why}"));
        }
        Ok(Self { digest, authorities, keys, refresh_hint, sequence: document.spiffe_sequence })
    }

    /// What tells it from other bundles.
    pub(super) fn digest(&self) -> &[u8] {
        self.digest.as_bytes()
    }

    pub(super) fn digest_of(text: &[u8]) -> Fingerprint {
        Fingerprint::of_bytes([text])
    }

    pub(super) fn is_of(&self, text: &[u8]) -> bool {
        self.digest == Self::digest_of(text)
    }

    /// For X.509-SVIDs.
    pub(super) fn authorities(&self) -> &[Authority] {
        &self.authorities
    }

    /// For JWT-SVIDs.
    pub(super) fn keys(&self) -> &KeySet {
        &self.keys
    }

    /// How many authorities and keys it has.
    pub(super) fn size(&self) -> usize {
        self.authorities.len() + self.keys.usable()
    }
}

fn pem(text: &[u8]) -> Result<Vec<Authority>, String> {
    let certificates: Result<Vec<CertificateDer<'_>>, _> = CertificateDer::pem_slice_iter(text).collect();
    let certificates = certificates.map_err(|error| format!("it is neither JSON nor PEM: {error}"))?;
    if certificates.is_empty() {
        return Err("it is neither JSON nor a PEM file with certificates".to_owned());
    }
    certificates.iter().map(Authority::new).collect()
}

/// The one certificate of a key (§4.2.2).
fn authority(key: &Value) -> Result<Authority, String> {
    let encoded = match key.get("x5c").and_then(Value::as_array).map(Vec::as_slice) {
        Some([Value::String(only)]) => only,
        _ => return Err("a key of use x509-svid does not have exactly one certificate in x5c".to_owned()),
    };
    let der = STANDARD.decode(encoded).map_err(|_| "an x5c is not base64".to_owned())?;
    Authority::new(&CertificateDer::from(der))
}

impl Authority {
    fn new(certificate: &CertificateDer<'_>) -> Result<Self, String> {
        let validity = Validity::of_authority(certificate).map_err(str::to_owned)?;
        let anchor = webpki::anchor_from_trusted_cert(certificate)
            .map_err(|error| format!("a certificate cannot be an authority: {error}"))?;
        Ok(Self { anchor: anchor.to_owned(), validity })
    }
}
