//! The HTTP client, made anew whenever a file that it is made from has changed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Client;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use zeroize::Zeroizing;

/// Whom to trust as the broker.
#[derive(Clone, Debug)]
pub(crate) enum Ca {
    System,
    File(PathBuf),
    Pem(String),
}

/// The files of a certificate that proves who asks.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// The client, and what it is made from.
#[derive(Clone)]
pub(crate) struct Clients {
    source: Arc<Source>,
    present: Arc<Mutex<Present>>,
}

struct Source {
    ca: Ca,
    identity: Option<Identity>,
}

#[derive(Clone)]
struct Present {
    client: Client,
    texts: Arc<Texts>,
}

/// What the files say. They are compared as a whole: times of change are too coarse to tell one renewal from the next.
#[derive(PartialEq)]
struct Texts {
    ca: Option<Text>,
    identity: Option<(Text, Text)>,
}

type Text = Zeroizing<Vec<u8>>;

impl Clients {
    /// Reads the files for the first time; fails with what is wrong with them.
    pub(crate) fn new(ca: Ca, identity: Option<Identity>) -> Result<Self, String> {
        let source = Source { ca, identity };
        let texts = source.read()?;
        let present = Present { client: texts.client()?, texts: Arc::new(texts) };
        Ok(Self { source: Arc::new(source), present: Arc::new(Mutex::new(present)) })
    }

    /// The client for the next call. Where a file has changed it is a new one, whose connections are new, too: one that is
    /// open goes on with what it was opened with. While the files cannot be used, it is the last good one, beside the reason:
    /// who renews a certificate and its key writes one after the other.
    pub(crate) async fn current(&self) -> (Client, Option<String>) {
        if self.source.is_fixed() {
            return (self.lock().client.clone(), None);
        }
        let clients = self.clone();
        let renewed = tokio::task::spawn_blocking(move || clients.renew()).await;
        let trouble = renewed.unwrap_or_else(|_| Err("the files cannot be read".to_owned())).err();
        (self.lock().client.clone(), trouble)
    }

    pub(crate) fn identity(&self) -> Option<&Identity> {
        self.source.identity.as_ref()
    }

    fn renew(&self) -> Result<(), String> {
        let texts = self.source.read()?;
        if *self.lock().texts != texts {
            let present = Present { client: texts.client()?, texts: Arc::new(texts) };
            *self.lock() = present;
        }
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Present> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source {
    /// Whether there is no file that could change.
    fn is_fixed(&self) -> bool {
        self.identity.is_none() && !matches!(self.ca, Ca::File(_))
    }

    fn read(&self) -> Result<Texts, String> {
        let ca = match &self.ca {
            Ca::System => None,
            Ca::Pem(pem) => Some(Zeroizing::new(pem.clone().into_bytes())),
            Ca::File(path) => Some(read("the broker's CA", path)?),
        };
        let both = |Identity { certificate, key }: &Identity| {
            Ok::<_, String>((read("the client certificate", certificate)?, read("its key", key)?))
        };
        let identity = self.identity.as_ref().map(both).transpose()?;
        Ok(Texts { ca, identity })
    }
}

fn read(what: &str, path: &Path) -> Result<Text, String> {
    let text = std::fs::read(path);
    text.map(Zeroizing::new).map_err(|error| format!("{what} cannot be read: {}: {error}", path.display()))
}

impl Texts {
    fn client(&self) -> Result<Client, String> {
        Client::builder()
            .tls_backend_preconfigured(self.config()?)
            // The proof is for the broker alone.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("dsn-broker-sdk/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("no HTTP client: {error}"))
    }

    fn config(&self) -> Result<ClientConfig, String> {
        let config = trusting(self.ca.as_ref().map(|pem| pem.as_slice()))
            .map_err(|error| format!("the broker's CA cannot be used: {error}"))?;
        let Some((certificate, key)) = &self.identity else { return Ok(config.with_no_client_auth()) };
        let unusable =
            |error: &dyn std::error::Error| format!("the client certificate cannot be used: {error}");
        let chain = CertificateDer::pem_slice_iter(certificate).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|error| unusable(&error))?;
        if chain.is_empty() {
            return Err("the file of the client certificate has no certificate in it".to_owned());
        }
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| format!("the key of the client certificate cannot be used: {error}"))?;
        // It also looks whether they belong together.
        config.with_client_auth_cert(chain, key).map_err(|error| unusable(&error))
    }
}

type Config = rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>;

/// Trusts this CA alone, or else the system's roots.
pub(crate) fn trusting(ca_pem: Option<&[u8]>) -> Result<Config, Box<dyn std::error::Error>> {
    let mut roots = RootCertStore::empty();
    match ca_pem {
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                roots.add(certificate?)?;
            }
            if roots.is_empty() {
                return Err("it has no certificate in it".into());
            }
        }
        // Some of a system's roots are always beyond this library; others may do.
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(roots))
}
