//! The webhook's certificate, which is read again when its files change.

use std::fmt;
use std::hash::{DefaultHasher, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::show;

/// TLS 1.3 and 1.2 with the certificate that is in the files at each handshake.
pub(crate) fn configuration(cert: PathBuf, key: PathBuf) -> anyhow::Result<Arc<ServerConfig>> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Files::read(cert, key)?));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// A certificate and its key, in files.
struct Files {
    cert: PathBuf,
    key: PathBuf,
    state: Mutex<State>,
}

struct State {
    /// What was in the files when they were last looked at, good or not.
    seen: u64,
    current: Arc<CertifiedKey>,
}

impl Files {
    fn read(cert: PathBuf, key: PathBuf) -> anyhow::Result<Self> {
        let (seen, texts) = look(&cert, &key)?;
        let current = Arc::new(pair(&texts)?);
        Ok(Self { cert, key, state: Mutex::new(State { seen, current }) })
    }

    /// What is in the files now; or what was good before, and why it is not now, once.
    fn current(&self) -> Arc<CertifiedKey> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let read = look(&self.cert, &self.key).and_then(|(seen, texts)| {
            if seen != state.seen {
                state.seen = seen;
                state.current = Arc::new(pair(&texts)?);
                show::note("the certificate was read again");
            }
            Ok(())
        });
        if let Err(error) = read {
            show::note(&format!("the new certificate is refused, and the one before it stays: {error:#}"));
        }
        Arc::clone(&state.current)
    }
}

/// Two small files are read faster than a handshake is computed.
fn look(cert: &Path, key: &Path) -> anyhow::Result<(u64, [Vec<u8>; 2])> {
    let read =
        |path: &Path| std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()));
    let texts = [read(cert)?, read(key)?];
    let mut hash = DefaultHasher::new();
    texts.iter().for_each(|text| hash.write(text));
    Ok((hash.finish(), texts))
}

fn pair([cert, key]: &[Vec<u8>; 2]) -> anyhow::Result<CertifiedKey> {
    let chain =
        CertificateDer::pem_slice_iter(cert).collect::<Result<Vec<_>, _>>().context("the certificate")?;
    let key = PrivateKeyDer::from_pem_slice(key).context("the private key")?;
    CertifiedKey::from_der(chain, key, &default_provider()).context("the certificate with the key")
}

impl ResolvesServerCert for Files {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").field("cert", &self.cert).field("key", &self.key).finish_non_exhaustive()
    }
}
