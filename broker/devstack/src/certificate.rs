//! What a server shows to clients that ask for TLS.

use crate::ca::{Ca, IssuedFiles};
use crate::scratch::Scratch;

/// What the server shows to clients that ask for TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Certificate {
    /// A good one, for `localhost` and the loopback addresses.
    #[default]
    Good,
    /// One for `wrong.example`, of the right authority.
    WrongName,
    /// One for `localhost`, of an authority that nobody trusts.
    Untrusted,
    /// None: the server does not speak TLS.
    None,
}

impl Certificate {
    /// Puts it and its key into the server's folder.
    pub(crate) fn issue(self, ca: &Ca, scratch: &Scratch) -> anyhow::Result<Option<IssuedFiles>> {
        let folder = scratch.path();
        let files = match self {
            Self::Good => ca.issue_to(folder, LOOPBACK)?,
            Self::WrongName => ca.issue_to(folder, &["wrong.example"])?,
            Self::Untrusted => Ca::generate()?.issue_to(folder, LOOPBACK)?,
            Self::None => return Ok(None),
        };
        scratch.account().adopt(&files.certificate)?;
        scratch.account().adopt(&files.key)?;
        Ok(Some(files))
    }
}

const LOOPBACK: &[&str] = &["localhost", "127.0.0.1", "::1"];
