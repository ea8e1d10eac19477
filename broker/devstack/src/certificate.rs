//! What a server shows to clients that ask for TLS.

use crate::ca::{Ca, Issued, IssuedFiles};
use crate::scratch::Scratch;
use crate::serving::LOOPBACK;

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
        let issued = match self {
            Self::Good => ca.issue(LOOPBACK)?,
            Self::WrongName => ca.issue(&["wrong.example"])?,
            Self::Untrusted => Ca::generate()?.issue(LOOPBACK)?,
            Self::None => return Ok(None),
        };
        Self::place(&issued, scratch).map(Some)
    }

    /// Puts this one and its key there.
    pub(crate) fn place(issued: &Issued, scratch: &Scratch) -> anyhow::Result<IssuedFiles> {
        let files = issued.write_to(scratch.path())?;
        scratch.account().adopt(&files.certificate)?;
        scratch.account().adopt(&files.key)?;
        Ok(files)
    }
}
