//! A private certificate authority.

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};

/// A certificate authority that lives as long as the world; clones are the same authority.
#[derive(Clone)]
pub struct Ca {
    inner: Arc<Inner>,
}

struct Inner {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key.
#[derive(Clone)]
pub struct Issued {
    /// The certificate.
    pub certificate_pem: String,
    /// Its private key, PKCS #8.
    pub key_pem: String,
}

/// Where a certificate and its key were written.
#[derive(Clone, Debug)]
pub struct IssuedFiles {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its private key, readable by its owner only.
    pub key: PathBuf,
}

impl Ca {
    /// A new authority with a key of its own.
    pub fn generate() -> anyhow::Result<Self> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "dsn-broker devstack CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { inner: Arc::new(Inner { pem, issuer: Issuer::new(params, key) }) })
    }

    /// The authority's certificate, which clients trust.
    pub fn pem(&self) -> &str {
        &self.inner.pem
    }

    /// A certificate for servers and clients. A name is a host name, an IP address, or a URI such as `spiffe://…`.
    pub fn issue(&self, names: &[&str]) -> anyhow::Result<Issued> {
        let (uris, hosts): (Vec<&str>, Vec<&str>) =
            names.iter().copied().partition(|name| name.contains("://"));
        let mut params = CertificateParams::new(hosts.into_iter().map(str::to_owned).collect::<Vec<_>>())?;
        for uri in uris {
            params.subject_alt_names.push(SanType::URI(uri.try_into()?));
        }
        params.distinguished_name.push(DnType::CommonName, "dsn-broker devstack");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.inner.issuer)?;
        Ok(Issued { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }

    /// Like [`Ca::issue`], written to `server.crt` and `server.key` in `folder`.
    pub fn issue_to(&self, folder: &Path, names: &[&str]) -> anyhow::Result<IssuedFiles> {
        self.issue(names)?.write_to(folder)
    }

    /// Writes the authority's certificate to `ca.pem` in `folder`.
    pub fn write_to(&self, folder: &Path) -> anyhow::Result<PathBuf> {
        let path = folder.join("ca.pem");
        write(&path, self.pem())?;
        Ok(path)
    }
}

impl Issued {
    /// Writes it to `server.crt` and `server.key` in `folder`.
    pub fn write_to(&self, folder: &Path) -> anyhow::Result<IssuedFiles> {
        let files = IssuedFiles { certificate: folder.join("server.crt"), key: folder.join("server.key") };
        write(&files.certificate, &self.certificate_pem)?;
        write(&files.key, &self.key_pem)?;
        Ok(files)
    }
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issued").field("certificate_pem", &self.certificate_pem).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Ca {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ca").finish_non_exhaustive()
    }
}

/// Writes a file that only its owner can read.
pub(crate) fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let file = fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path);
    file.and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
        .with_context(|| format!("{} cannot be written", path.display()))
}
