//! A SPIFFE trust domain: authorities, certificates and tokens for its workloads, good and bad.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use serde_json::{Value, json};

use crate::ca::{self, Ca, Issued, IssuedFiles};
use crate::oidc::{Claims, Oidc, encode};

/// A trust domain. Its certificates and tokens are made by its newest authority and keys.
#[derive(Debug)]
pub struct TrustDomain {
    name: String,
    keys: Oidc,
    authorities: Mutex<Vec<Arc<Authority>>>,
    sequence: Mutex<u64>,
}

struct Authority {
    certificate: Vec<u8>,
    pem: String,
    key: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate to be: by default a good X.509-SVID for an hour.
#[derive(Clone, Debug)]
#[must_use]
pub struct Svid {
    uris: Vec<String>,
    hosts: Vec<String>,
    is_ca: bool,
    usages: Vec<KeyUsagePurpose>,
    extended: Vec<ExtendedKeyUsagePurpose>,
    from: DateTime<Utc>,
    life: Duration,
    /// Who stands between, with what each names itself, and whether it may.
    intermediates: Vec<(String, bool)>,
}

impl TrustDomain {
    /// A new one with an authority and keys of its own.
    pub async fn new(name: &str) -> anyhow::Result<Self> {
        Ok(Self {
            name: name.to_owned(),
            keys: Oidc::start(&Ca::generate()?).await?,
            authorities: Mutex::new(vec![Arc::new(Authority::new(name)?)]),
            sequence: Mutex::new(1),
        })
    }

    /// The SPIFFE ID of this path in it.
    pub fn id(&self, path: &str) -> String {
        format!("spiffe://{}{path}", self.name)
    }

    /// What signs its tokens.
    pub fn keys(&self) -> &Oidc {
        &self.keys
    }

    /// The claims of a JWT-SVID for this path, for the audience `dsn-broker`.
    pub fn claims(&self, path: &str) -> Claims {
        Claims::of(&self.id(path)).without_issuer()
    }

    /// Begins to sign with a new authority and new keys; those before stay in the bundle.
    pub async fn rotate(&self) -> anyhow::Result<()> {
        self.keys.rotate().await?;
        lock(&self.authorities).push(Arc::new(Authority::new(&self.name)?));
        *lock(&self.sequence) += 1;
        Ok(())
    }

    /// Drops all but the newest authority and keys from the bundle.
    pub fn withdraw_old(&self) {
        self.keys.withdraw_old_keys();
        let mut authorities = lock(&self.authorities);
        let newest = authorities.len().saturating_sub(1);
        authorities.drain(..newest);
        *lock(&self.sequence) += 1;
    }

    /// Its bundle, as SPIFFE writes it.
    pub fn bundle(&self) -> Value {
        let authorities = lock(&self.authorities);
        let x509 = authorities.iter().map(|authority| {
            let (x, y) = authority.key.split_at(authority.key.len() / 2);
            let certificate = STANDARD.encode(&authority.certificate);
            json!({ "use": "x509-svid", "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y), "x5c": [certificate] })
        });
        let mut jwt = self.keys.jwks();
        let jwt = jwt.get_mut("keys").and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default();
        let jwt = jwt.into_iter().map(|mut key| {
            if let Some(key) = key.as_object_mut() {
                key.insert("use".to_owned(), json!("jwt-svid"));
            }
            key
        });
        let keys: Vec<_> = x509.chain(jwt).collect();
        json!({ "spiffe_sequence": *lock(&self.sequence), "spiffe_refresh_hint": 300, "keys": keys })
    }

    /// Its authorities alone, in PEM.
    pub fn authorities_pem(&self) -> String {
        lock(&self.authorities).iter().map(|authority| authority.pem.as_str()).collect()
    }

    /// Replaces the file whole, as those do that write bundles for others to read.
    pub fn write_bundle(&self, file: &Path) -> anyhow::Result<()> {
        let draft = file.with_extension("new");
        std::fs::write(&draft, self.bundle().to_string())?;
        Ok(std::fs::rename(draft, file)?)
    }

    /// Makes the certificate, with its chain, and a key for it.
    pub fn issue(&self, svid: &Svid) -> anyhow::Result<Issued> {
        let newest = lock(&self.authorities).last().cloned();
        svid.issue(&newest.ok_or_else(|| anyhow::anyhow!("there is always an authority"))?.issuer)
    }
}

impl Authority {
    fn new(domain: &str) -> anyhow::Result<Self> {
        let key = KeyPair::generate()?;
        let params = authority(domain)?;
        let certificate = params.self_signed(&key)?;
        // An uncompressed point: the byte 4, then its coordinates.
        let point = key.public_key_raw().get(1..).unwrap_or_default().to_vec();
        Ok(Self {
            certificate: certificate.der().to_vec(),
            pem: certificate.pem(),
            key: point,
            issuer: Issuer::new(params, key),
        })
    }
}

impl Svid {
    /// For this SPIFFE ID, from a moment before `now` on.
    pub fn of(id: &str, now: DateTime<Utc>) -> Self {
        Self {
            uris: vec![id.to_owned()],
            hosts: Vec::new(),
            is_ca: false,
            usages: vec![KeyUsagePurpose::DigitalSignature],
            extended: vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth],
            from: now - Duration::from_secs(10),
            life: Duration::from_secs(3610),
            intermediates: Vec::new(),
        }
    }

    /// With these URIs in place of its own.
    pub fn uris(self, uris: &[&str]) -> Self {
        Self { uris: uris.iter().map(|&uri| uri.to_owned()).collect(), ..self }
    }

    /// With this host name besides.
    pub fn host(mut self, host: &str) -> Self {
        self.hosts.push(host.to_owned());
        self
    }

    /// As that of a CA.
    pub fn as_ca(self) -> Self {
        Self { is_ca: true, ..self }
    }

    /// For this instead of signatures.
    pub fn usages(self, usages: &[KeyUsagePurpose]) -> Self {
        Self { usages: usages.to_vec(), ..self }
    }

    /// Extended for this instead of servers and clients.
    pub fn extended(self, extended: &[ExtendedKeyUsagePurpose]) -> Self {
        Self { extended: extended.to_vec(), ..self }
    }

    /// Good from this moment on.
    pub fn from(self, from: DateTime<Utc>) -> Self {
        Self { from, ..self }
    }

    /// Good for so long.
    pub fn life(self, life: Duration) -> Self {
        Self { life, ..self }
    }

    /// By an intermediate authority that names itself with this URI; each further one is signed by the one before.
    pub fn through(mut self, uri: &str) -> Self {
        self.intermediates.push((uri.to_owned(), true));
        self
    }

    /// By another workload, which is no authority and has a certificate as good as any.
    pub fn by_workload(mut self, uri: &str) -> Self {
        self.intermediates.push((uri.to_owned(), false));
        self
    }

    fn issue(&self, root: &Issuer<'static, KeyPair>) -> anyhow::Result<Issued> {
        let mut chain = String::new();
        let mut issuers: Vec<Issuer<'static, KeyPair>> = Vec::new();
        for (uri, may) in &self.intermediates {
            let (key, mut params) = (KeyPair::generate()?, authority("intermediate")?);
            if !may {
                params.is_ca = IsCa::ExplicitNoCa;
                params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
            }
            params.subject_alt_names.push(SanType::URI(uri.as_str().try_into()?));
            let certificate = params.signed_by(&key, issuers.last().unwrap_or(root))?;
            chain.insert_str(0, &certificate.pem());
            issuers.push(Issuer::new(params, key));
        }
        let key = KeyPair::generate()?;
        let certificate = self.params()?.signed_by(&key, issuers.last().unwrap_or(root))?;
        Ok(Issued { certificate_pem: certificate.pem() + &chain, key_pem: key.serialize_pem() })
    }

    fn params(&self) -> anyhow::Result<CertificateParams> {
        let mut params = CertificateParams::new(self.hosts.clone())?;
        for uri in &self.uris {
            params.subject_alt_names.push(SanType::URI(uri.as_str().try_into()?));
        }
        params.distinguished_name.push(DnType::OrganizationName, "devstack");
        if self.is_ca {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        params.key_usages.clone_from(&self.usages);
        params.extended_key_usages.clone_from(&self.extended);
        params.use_authority_key_identifier_extension = true;
        let moment = |at: DateTime<Utc>| {
            rcgen::date_time_ymd(1970, 1, 1)
                + Duration::from_secs(at.timestamp().try_into().unwrap_or_default())
        };
        (params.not_before, params.not_after) = (moment(self.from), moment(self.from + self.life));
        Ok(params)
    }
}

impl Issued {
    /// Writes it over `svid.pem` and `svid.key` in `folder`.
    pub fn write_svid(&self, folder: &Path) -> anyhow::Result<IssuedFiles> {
        let write = |name: &str, text: &str| -> anyhow::Result<PathBuf> {
            let path = folder.join(name);
            ca::write(&path, text)?;
            Ok(path)
        };
        Ok(IssuedFiles {
            certificate: write("svid.pem", &self.certificate_pem)?,
            key: write("svid.key", &self.key_pem)?,
        })
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

fn authority(name: &str) -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, name);
    // Two authorities of one domain have one name, and are told apart by their keys.
    params.use_authority_key_identifier_extension = true;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
