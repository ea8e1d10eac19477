//! Endpoint, credential and TLS, rendered as text that a driver accepts as it stands.
//!
//! Pure: no I/O, no clock. Whatever a format cannot express exactly is an error, never an approximation: a
//! text that comes out of here says what the [`Target`] says: that the server's certificate is to be verified, unless
//! the target itself has [`Mode::Plaintext`].
//!
//! How to add a format: `dsn/README.md`.

mod error;
mod format;
mod formats;
mod object;
mod os;
mod page;
mod parameters;
mod posix;
pub mod reader;
mod refused;
mod settings;
mod uri;

use std::time::Duration;

use crate::config::TlsMode;
use crate::model::{DatabaseName, Protocol};
use crate::secret::Secret;

pub use error::RenderError;
pub use format::{Format, Language, UnknownFormat};
pub use os::{Os, UnknownOs};
pub use page::page;
pub use parameters::{Parameter, Parameters, Value};
pub use reader::Reader;
pub(crate) use settings::Settings;

/// All that a driver has to know for connecting.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The database, by its name in the configuration.
    pub database: &'a DatabaseName,
    /// What the driver has to speak.
    pub protocol: Protocol,
    /// The host, as its certificate names it.
    pub host: &'a str,
    /// The port.
    pub port: u16,
    /// The database, by its name on the server.
    pub dbname: &'a str,
    /// The user, as this endpoint wants it written.
    pub username: &'a str,
    /// The password or token.
    pub password: &'a Secret,
    /// Who must have signed the server's certificate.
    pub trust: Trust<'a>,
    /// Where the caller has, or will have, the CA: an absolute path on the caller's own machine.
    pub ca_file: Option<&'a str>,
    /// Where the caller's system keeps its roots, if the caller said what system it is.
    pub bundle: Option<&'a str>,
    /// How much of the certificate is verified.
    pub mode: Mode,
    /// What the sessions call themselves; the server keeps the first 63 bytes.
    pub application_name: &'a str,
    /// How long connecting may take. Rendered in whole seconds, rounded up, at least 1: libpq waits for ever on 0.
    pub connect_timeout: Duration,
    /// Whether drivers begin with TLS instead of asking for it first: libpq's `sslnegotiation=direct`.
    pub direct_tls: bool,
    /// Whether it leads through a pooler that hands server connections on after each transaction.
    pub pooled: bool,
    /// libpq's `target_session_attrs`, if any.
    pub target_session_attrs: Option<&'a str>,
    /// Whether the server has to prove that nobody stands between; said only where it is libpq that reads it.
    pub channel_binding: bool,
    /// Whether a MySQL server is shown the password itself (`mysql_clear_password`), as a token: drivers do that only
    /// where they are told to.
    pub cleartext: bool,
}

/// How much of the server's certificate is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The chain and the host name.
    VerifyFull,
    /// The chain alone.
    VerifyCa,
    /// There is no TLS: towards a proxy on the client's own machine.
    Plaintext,
}

impl From<TlsMode> for Mode {
    fn from(mode: TlsMode) -> Self {
        match mode {
            TlsMode::VerifyFull => Self::VerifyFull,
            TlsMode::VerifyCa => Self::VerifyCa,
        }
    }
}

/// Who must have signed the server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust<'a> {
    /// One of the authorities that the caller's operating system trusts.
    System,
    /// One of these alone.
    Private {
        /// The certificates, PEM.
        pem: &'a str,
    },
}

/// A target in a format.
#[derive(Debug)]
pub struct Rendered<'a> {
    /// The text.
    pub text: Secret,
    /// The same in parts.
    pub parameters: Parameters<'a>,
    /// The CA that the caller has to trust, where it is not the operating system's business.
    pub ca_pem: Option<&'a str>,
    /// Who reads it.
    pub reader: &'static Reader,
    /// The lines that open a session with the text.
    pub code: &'static str,
    /// The versions that those who read it have to have, and what for.
    pub needs: Vec<&'static str>,
}

#[cfg(test)]
mod tests;
