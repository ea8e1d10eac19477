//! Where operating systems keep the roots that they trust.

use std::str::FromStr;

/// An operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Os {
    name: &'static str,
    bundle: &'static str,
}

/// Their packages of CAs (`ca-certificates`) put them there.
const ALL: &[Os] = &[
    Os { name: "debian", bundle: DEBIAN },
    Os { name: "ubuntu", bundle: DEBIAN },
    Os { name: "alpine", bundle: DEBIAN },
    Os { name: "arch", bundle: DEBIAN },
    Os { name: "rhel", bundle: RHEL },
    Os { name: "fedora", bundle: RHEL },
    Os { name: "amazon", bundle: RHEL },
    Os { name: "macos", bundle: "/etc/ssl/cert.pem" },
];

const DEBIAN: &str = "/etc/ssl/certs/ca-certificates.crt";
const RHEL: &str = "/etc/pki/tls/certs/ca-bundle.crt";

impl Os {
    /// The file with its roots, PEM.
    pub fn bundle(self) -> &'static str {
        self.bundle
    }

    /// All names but the first.
    pub(super) fn others() -> String {
        ALL.iter().skip(1).map(|os| os.name).collect::<Vec<_>>().join(", ")
    }
}

impl FromStr for Os {
    type Err = UnknownOs;

    fn from_str(text: &str) -> Result<Self, UnknownOs> {
        ALL.iter().copied().find(|os| os.name == text).ok_or(UnknownOs)
    }
}

/// A text that names no operating system that we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is one of {}; for another system say with ca_file where it keeps its roots", names())]
pub struct UnknownOs;

fn names() -> String {
    ALL.iter().map(|os| os.name).collect::<Vec<_>>().join(", ")
}
