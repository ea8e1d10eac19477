//! Checks that sections of the configuration have in common.

use std::net::IpAddr;
use std::path::Path;

use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use url::{Host, Url};

use crate::config::mistake::{Key, Mistakes};
use crate::config::{SecretRef, Span};
use crate::secret::Secret;

/// Reads the secret, or says why it cannot be used.
pub(super) fn secret(reference: &SecretRef, key: &Key, mistakes: &mut Mistakes) -> Option<Secret> {
    reference.read().map_err(|error| mistakes.add_error(key.clone(), &error)).ok()
}

/// The secret must be 32 bytes in base64.
pub(super) fn key_of_32_bytes(reference: &SecretRef, key: &Key, mistakes: &mut Mistakes) {
    if let Err(error) = reference.read_key() {
        mistakes.add_error(key.clone(), &error);
    }
}

/// The file must be there, with something in it; whoever uses it says more.
pub(super) fn readable(file: &Path, key: &Key, mistakes: &mut Mistakes) {
    let name = file.display();
    match std::fs::read(file) {
        Err(error) => mistakes.add(key.clone(), format!("the file {name} cannot be read: {error}")),
        Ok(text) if text.trim_ascii().is_empty() => mistakes.add(key.clone(), format!("{name} is empty")),
        Ok(_) => {}
    }
}

/// The file must hold certificates (PEM), each fit to be trusted.
pub(super) fn authorities(file: &Path, key: &Key, mistakes: &mut Mistakes) {
    for certificate in certificates(file, key, mistakes) {
        if let Err(error) = RootCertStore::empty().add(certificate) {
            mistakes.add(key.clone(), format!("{} holds what is no certificate: {error}", file.display()));
        }
    }
}

/// The certificates in the file (PEM): at least one, or a mistake.
pub(super) fn certificates(file: &Path, key: &Key, mistakes: &mut Mistakes) -> Vec<CertificateDer<'static>> {
    let name = file.display();
    let read = std::fs::read(file);
    let text = match &read {
        Ok(text) => text.as_slice(),
        Err(error) => {
            mistakes.add(key.clone(), format!("the file {name} cannot be read: {error}"));
            return Vec::new();
        }
    };
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => {
            mistakes.add(key.clone(), format!("{name} has no certificate in it: it must be PEM"));
            certificates
        }
        Ok(certificates) => certificates,
        Err(error) => {
            mistakes.add(key.clone(), format!("{name} is not PEM: {error}"));
            Vec::new()
        }
    }
}

/// The text must be an `https` URL; on the machine itself `http` is enough.
pub(super) fn web_address(text: &str, key: &Key, mistakes: &mut Mistakes) {
    let wrong = match Url::parse(text) {
        Err(error) => format!("{text:?} is not a URL: {error}"),
        Ok(url) if !matches!(url.scheme(), "https" | "http") || url.host().is_none() => {
            format!("{text:?} is not an https URL")
        }
        Ok(url) if url.scheme() == "http" && !is_loopback(&url) => {
            format!("{text:?} must be https: without TLS anyone on the way can give out keys of their own")
        }
        Ok(_) => return,
    };
    mistakes.add(key.clone(), wrong);
}

/// Whether the URL points to this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    // URLs of other schemes than the web's keep an IPv4 address as a name.
    match url.host() {
        Some(Host::Domain(name)) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
        }
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// The text must be one host name or address.
pub(super) fn host(host: &str, key: Key, mistakes: &mut Mistakes) {
    let is_ip = host.parse::<IpAddr>().is_ok();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if host.is_empty() || !(is_ip || host.bytes().all(plain)) {
        let message =
            format!("{host:?} is not one host name or address, as it stands in the server's certificate");
        mistakes.add(key, message);
    }
}

/// The duration must not be shorter than `least`.
pub(super) fn at_least(least: Span, span: Span, key: Key, mistakes: &mut Mistakes) {
    if span < least {
        mistakes.add(key, format!("{span} is too short: at least {least}"));
    }
}

/// The number must not be zero.
pub(super) fn not_zero(number: usize, key: Key, mistakes: &mut Mistakes) {
    if number == 0 {
        mistakes.add(key, "0 would let nothing through: at least 1");
    }
}

/// The text must not be blank.
pub(super) fn not_blank(text: &str, key: Key, mistakes: &mut Mistakes) {
    if text.trim().is_empty() {
        mistakes.add(key, "it is empty");
    }
}

/// No item may stand in the list twice.
pub(super) fn no_repeats<T: PartialEq + std::fmt::Display>(items: &[T], key: &Key, mistakes: &mut Mistakes) {
    for (index, item) in items.iter().enumerate() {
        if items.iter().take(index).any(|earlier| earlier == item) {
            mistakes.add(key.index(index), format!("`{item}` stands here twice"));
        }
    }
}

/// `` `a`, `b` `` for a sentence; `none` if there are none.
pub(super) fn list(names: impl IntoIterator<Item = impl std::fmt::Display>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
