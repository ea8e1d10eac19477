//! Certificates that a client shows in the TLS handshake (X.509-SVID standard).
//!
//! The handshake proves that the client has the leaf's key, and nothing else. Whether the certificates are to be believed is
//! decided for each request, at its time and with the bundle of its time: neither a connection that stays open nor a
//! session that is resumed makes anybody known for longer than their certificate does.

use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Version;

use crate::identity::Refusal;
use crate::identity::memory::Fingerprint;
use crate::identity::refusal::shown;
use crate::identity::spiffe::bundle::Authority;
use crate::model::SpiffeId;
use crate::time::Timestamp;

/// What a client showed: its certificate, then those of intermediate authorities. Nothing about them is verified yet.
#[derive(Debug)]
pub struct ClientCertificates {
    chain: Vec<CertificateDer<'static>>,
    fingerprint: Fingerprint,
}

/// The times between which a certificate is good, both included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Validity {
    from: Timestamp,
    until: Timestamp,
}

impl ClientCertificates {
    /// The leaf first.
    pub fn new(chain: Vec<CertificateDer<'static>>) -> Self {
        // Each says itself how long it is.
        let fingerprint = Fingerprint::of_bytes(chain.iter().map(AsRef::as_ref));
        Self { chain, fingerprint }
    }

    pub(super) fn fingerprint(&self) -> &[u8] {
        self.fingerprint.as_bytes()
    }

    /// Whose certificate it claims to be, if it is such a one as an X.509-SVID may be (§4, §5.2).
    pub(in crate::identity) fn id(&self) -> Result<SpiffeId, Refusal> {
        let leaf = self.chain.first().ok_or(Refusal::NotAnSvid("there is none"))?;
        let leaf = parse(leaf).map_err(Refusal::NotAnSvid)?;
        check_uses(&leaf).map_err(Refusal::NotAnSvid)?;
        let uri = only_uri(&leaf).map_err(Refusal::NotAnSvid)?;
        uri.parse().map_err(|why| Refusal::BadSpiffeId { id: shown(uri), why })
    }

    /// Until when the certificates are good, if they lead to one of these authorities at `now`. Clocks are given no leeway.
    pub(super) fn verify(&self, authorities: &[Authority], now: Timestamp) -> Result<Timestamp, Refusal> {
        let (leaf, intermediates) = self.chain.split_first().ok_or(Refusal::NotAnSvid("there is none"))?;
        let validity = Validity::of(&parse(leaf).map_err(Refusal::NotAnSvid)?).map_err(Refusal::NotAnSvid)?;
        if now < validity.from {
            return Err(Refusal::CertificateNotYetValid { from: validity.from });
        }
        if validity.until < now {
            return Err(Refusal::CertificateExpired { at: validity.until });
        }
        let untrusted = |error: webpki::Error| Refusal::UntrustedCertificate { why: error.to_string() };
        let authorities: Vec<_> = authorities.iter().filter(|each| each.validity.includes(now)).collect();
        let anchors: Vec<_> = authorities.iter().map(|authority| authority.anchor.clone()).collect();
        let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
        EndEntityCert::try_from(leaf)
            .map_err(untrusted)?
            .verify_for_usage(
                crate::tls::provider().signature_verification_algorithms.all,
                &anchors,
                intermediates,
                UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds)),
                // If it says what it is for, then for clients.
                KeyUsage::client_auth(),
                None,
                None,
            )
            .map_err(untrusted)?;
        // Which of them it led over is not asked: all are still good then, or it is found out anew.
        let others = intermediates.iter().map(|each| parse(each).and_then(|each| Validity::of(&each)));
        let others = others.map(|validity| validity.map_or(now, |validity| validity.until));
        let authorities = authorities.iter().map(|authority| authority.validity.until);
        Ok(others.chain(authorities).fold(validity.until, Timestamp::min))
    }
}

impl Validity {
    /// Of a certificate that may sign others.
    pub(super) fn of_authority(certificate: &CertificateDer<'_>) -> Result<Self, &'static str> {
        let certificate = parse(certificate)?;
        if !certificate.is_ca() {
            return Err("a certificate in it is not that of a CA");
        }
        Self::of(&certificate)
    }

    fn of(certificate: &X509Certificate<'_>) -> Result<Self, &'static str> {
        let moment = |seconds| Timestamp::from_timestamp(seconds, 0).ok_or("its dates are none");
        let validity = certificate.validity();
        Ok(Self {
            from: moment(validity.not_before.timestamp())?,
            until: moment(validity.not_after.timestamp())?,
        })
    }

    fn includes(&self, now: Timestamp) -> bool {
        self.from <= now && now <= self.until
    }
}

fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, &'static str> {
    match X509Certificate::from_der(certificate) {
        Ok(([], certificate)) if certificate.version() == X509Version::V3 => Ok(certificate),
        _ => Err("it is not an X.509 certificate of version 3"),
    }
}

/// It proves who someone is, and signs no other certificates (§4.1, §4.3, §4.4).
fn check_uses(leaf: &X509Certificate<'_>) -> Result<(), &'static str> {
    let constraints = leaf.basic_constraints().map_err(|_| "its basic constraints are malformed")?;
    if constraints.is_some_and(|constraints| constraints.value.ca) {
        return Err("it is that of a CA");
    }
    let usage = leaf.key_usage().map_err(|_| "its key usage is malformed")?;
    let usage = usage.ok_or("it has no key usage")?.value;
    if !usage.digital_signature() {
        return Err("its key usage has no digitalSignature");
    }
    if usage.key_cert_sign() || usage.crl_sign() {
        return Err("its key usage has keyCertSign or cRLSign");
    }
    let extended = leaf.extended_key_usage().map_err(|_| "its extended key usage is malformed")?;
    match extended {
        Some(extended) if !extended.value.client_auth => Err("its extended key usage has no clientAuth"),
        _ => Ok(()),
    }
}

/// Readers could disagree on which of several counts (§2).
fn only_uri<'a>(leaf: &X509Certificate<'a>) -> Result<&'a str, &'static str> {
    let names = leaf.subject_alternative_name().map_err(|_| "its subject alternative names are malformed")?;
    let names = names.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
    let mut uris = names.iter().filter_map(|name| match name {
        GeneralName::URI(uri) => Some(Ok(*uri)),
        GeneralName::Invalid(..) => Some(Err("a subject alternative name is malformed")),
        _ => None,
    });
    match (uris.next(), uris.next()) {
        (None, _) => Err("it has no URI among its subject alternative names, and so no SPIFFE ID"),
        (Some(uri), None) => uri,
        (Some(_), Some(_)) => Err("it has more than one URI among its subject alternative names"),
    }
}
