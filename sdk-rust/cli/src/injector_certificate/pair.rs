//! A CA and the one certificate that it has signed.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;

pub(crate) struct Pair {
    pub(crate) ca_pem: String,
    pub(crate) certificate_pem: String,
    pub(crate) key_pem: String,
}

impl Pair {
    /// A new one for this name. The key of the CA ends here: it will never sign anything else.
    pub(crate) fn make(name: &str, days: u32, now: UnixTime) -> anyhow::Result<Self> {
        let params = |names: Vec<String>| {
            let mut params = CertificateParams::new(names)?;
            let now = date_time_ymd(1970, 1, 1) + Duration::from_secs(now.as_secs());
            // Clocks differ.
            params.not_before = now - Duration::from_secs(60 * 60);
            params.not_after = now + Duration::from_secs(u64::from(days) * 24 * 60 * 60);
            anyhow::Ok(params)
        };
        let mut authority = params(Vec::new())?;
        // Two of them that are both trusted must be told apart.
        let named = format!("dsn-broker injector CA {}", now.as_secs());
        authority.distinguished_name.push(DnType::CommonName, named);
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let authority_key = KeyPair::generate()?;
        let ca_pem = authority.self_signed(&authority_key)?.pem();
        let mut server = params(vec![name.to_owned()])?;
        server.distinguished_name.push(DnType::CommonName, "dsn-broker injector");
        server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        server.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate =
            server.signed_by(&key, &Issuer::new(authority, authority_key)).context("the certificate")?;
        Ok(Self { ca_pem, certificate_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }
}

/// Verifies a certificate as an API server would at that time, and that the key is its own.
pub(crate) fn check(ca: &str, certificate: &str, key: &str, name: &str, at: UnixTime) -> Result<(), String> {
    let said = |what: &str, error: &dyn std::error::Error| format!("{what}: {error}");
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(ca.as_bytes()) {
        roots.add(root.map_err(|error| said("ca.crt", &error))?).map_err(|error| said("ca.crt", &error))?;
    }
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect();
    let chain = chain.map_err(|error| said("tls.crt", &error))?;
    let (leaf, others) = chain.split_first().ok_or("tls.crt has no certificate in it")?;
    let provider = Arc::new(default_provider());
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|error| said("tls.key", &error))?;
    CertifiedKey::from_der(chain.clone(), key, &provider).map_err(|error| said("tls.key", &error))?;
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| said("ca.crt", &error))?;
    let name = ServerName::try_from(name).map_err(|error| said(name, &error))?;
    let verified = rustls::client::danger::ServerCertVerifier::verify_server_cert(
        &*verifier,
        leaf,
        others,
        &name,
        &[],
        at,
    );
    verified.map(drop).map_err(|error| said("tls.crt", &error))
}

/// These certificates and those, each once.
pub(crate) fn union(first: &str, second: &str) -> String {
    let mut all: Vec<&str> = Vec::new();
    for certificate in certificates(first).chain(certificates(second)) {
        if !all.contains(&certificate) {
            all.push(certificate);
        }
    }
    all.iter().flat_map(|certificate| [*certificate, "\n"]).collect()
}

/// The first certificate.
pub(crate) fn first(pem: &str) -> &str {
    certificates(pem).next().unwrap_or_default()
}

/// The certificates of a text that can be trusted, without the line break at their ends. API servers take no others.
fn certificates(pem: &str) -> impl Iterator<Item = &str> {
    let block = |part: &'_ str| part.find(BEGIN).filter(|_| part.ends_with(END));
    let blocks = pem.split_inclusive(END).filter_map(move |part| part.get(block(part)?..));
    blocks.filter(|block| {
        let certificate = CertificateDer::from_pem_slice(block.as_bytes());
        certificate.is_ok_and(|certificate| RootCertStore::empty().add(certificate).is_ok())
    })
}

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";
