//! `via`: a proxy in front of an endpoint.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::check;
use crate::config::mistake::{Key, Mistakes};
use crate::config::{Ca, Database, Endpoint, EndpointTls, TlsMode};

/// A proxy that clients connect to instead, with the same user, secret and database: Querycop, PgBouncer, ProxySQL. The
/// broker itself never goes through it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Via {
    /// The proxy's host name, as it stands in its certificate.
    pub host: String,
    /// The port on which it takes connections.
    pub port: u16,
    /// How its TLS differs from the endpoint's. Default: not at all.
    #[serde(default)]
    pub tls: Option<EndpointTls>,
    /// Whether clients reach it without TLS; only on their own machine, so that `host` must be a loopback address. Default: `false`.
    #[serde(default)]
    pub plaintext: bool,
}

/// What clients of an endpoint verify, or whose word they take for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified<'a> {
    /// A certificate, so much of it.
    Certificate(TlsMode, &'a Ca),
    /// Nothing: there is no TLS.
    Nothing,
}

impl Endpoint {
    /// What those verify who connect to the database itself.
    pub fn directly<'a>(&'a self, database: &'a Database) -> Verified<'a> {
        verified(self.tls.as_ref(), &database.tls.ca)
    }

    /// What clients verify: of the proxy, if there is one.
    pub fn for_clients<'a>(&'a self, database: &'a Database) -> Verified<'a> {
        match (&self.via, self.directly(database)) {
            (Some(via), _) if via.plaintext => Verified::Nothing,
            (Some(Via { tls: tls @ Some(_), .. }), Verified::Certificate(_, ca)) => {
                verified(tls.as_ref(), ca)
            }
            (_, directly) => directly,
        }
    }
}

fn verified<'a>(tls: Option<&'a EndpointTls>, usual: &'a Ca) -> Verified<'a> {
    let mode = tls.map_or(TlsMode::VerifyFull, |tls| tls.mode);
    Verified::Certificate(mode, tls.and_then(|tls| tls.ca.as_ref()).unwrap_or(usual))
}

impl<'a> Verified<'a> {
    /// Who must have signed the certificate, if there is one.
    pub fn ca(self) -> Option<&'a Ca> {
        match self {
            Self::Certificate(_, ca) => Some(ca),
            Self::Nothing => None,
        }
    }
}

impl Via {
    pub(super) fn check(&self, key: &Key, mistakes: &mut Mistakes) {
        check::host(&self.host, key.at("host"), mistakes);
        check::not_zero(self.port.into(), key.at("port"), mistakes);
        let loopback =
            self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        if self.plaintext && !loopback {
            let message = format!(
                "{:?} is not a loopback address: passwords would cross the network in the clear. Give the proxy a \
                 certificate, or put it beside its clients",
                self.host
            );
            mistakes.add(key.at("plaintext"), message);
        }
        match &self.tls {
            Some(_) if self.plaintext => {
                mistakes.add(key.at("tls"), "with `plaintext` there is no TLS: remove one of them");
            }
            Some(tls) => tls.check(&key.at("tls"), mistakes),
            None => {}
        }
    }

    /// What is weaker than it should be on the way to it, with its key.
    pub(super) fn doubt(&self, key: &Key, doubts: &mut Mistakes) {
        if self.plaintext {
            let message = "no TLS between the clients and the proxy: whoever can listen on their machine gets the passwords";
            doubts.add(key.at("plaintext"), message);
        }
        if let Some(tls) = &self.tls {
            tls.doubt(&key.at("tls"), doubts);
        }
    }
}
