//! A port on loopback that stays ours until dropped, also while its server is down.
//!
//! The numbers are below the range from which the kernel takes ports for outgoing connections, so a restart finds its
//! port still free; and a locked file per port keeps other worlds, in this process or another, from choosing it too.

use std::fs::{self, File};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};

use anyhow::bail;

use crate::account::Account;
use crate::{cache, entropy};

/// A claimed port.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _claim: File,
}

impl Port {
    /// Claims a port that nobody listens on, neither over IPv4 nor IPv6.
    pub fn claim() -> anyhow::Result<Self> {
        let claims = cache::folder("ports", Account::Own)?;
        for _ in 0..ATTEMPTS {
            let number = FIRST + u16::try_from(entropy::number()? % COUNT)?;
            let claim = fs::OpenOptions::new()
                .create(true)
                .truncate(true)
                .write(true)
                .open(claims.join(number.to_string()))?;
            if claim.try_lock().is_ok() && is_free(number) {
                return Ok(Self { number, _claim: claim });
            }
        }
        bail!("no free port among {FIRST}..{} after {ATTEMPTS} attempts", u32::from(FIRST) + COUNT);
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.number
    }
}

/// Whether this machine has IPv6 on loopback.
pub(crate) fn has_ipv6() -> bool {
    TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}

fn is_free(number: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok()
        && (!has_ipv6() || TcpListener::bind((Ipv6Addr::LOCALHOST, number)).is_ok())
}

const FIRST: u16 = 20_000;
const COUNT: u32 = 12_000;
const ATTEMPTS: u32 = 200;
