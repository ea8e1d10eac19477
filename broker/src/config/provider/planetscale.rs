use std::net::IpAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::mistake::{Key, Mistakes};
use crate::config::provider::{Section, path_segment};
use crate::config::{Api, CredentialSpec, Role, SecretRef, check};
use crate::model::Protocol;

/// A branch of a database at PlanetScale.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanetScale {
    /// The organization.
    pub organization: String,
    /// The database, by its name there.
    pub database: String,
    /// The branch. Default: `main`.
    #[serde(default = "main")]
    pub branch: String,
    /// The token that the broker proves itself with. Default: none, then `oauth_token` is needed.
    #[serde(default)]
    pub service_token: Option<ServiceToken>,
    /// An OAuth access token instead. Default: none, then `service_token` is needed.
    #[serde(default)]
    pub oauth_token: Option<SecretRef>,
    /// Whether a role may be a member of `postgres`, the default role, which may do everything, or one of a pair be it. Default: `false`.
    #[serde(default)]
    pub allow_default_role: bool,
    /// How the API is reached. Default: as PlanetScale says.
    #[serde(default)]
    pub api: Api,
}

/// A service token.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceToken {
    /// Its identifier.
    pub id: String,
    /// Its secret, `pscale_tkn_…`.
    pub secret: SecretRef,
}

impl Section for PlanetScale {
    fn check(&self, key: &Key, mistakes: &mut Mistakes) {
        path_segment(&self.organization, key.at("organization"), mistakes);
        path_segment(&self.database, key.at("database"), mistakes);
        path_segment(&self.branch, key.at("branch"), mistakes);
        match (&self.service_token, &self.oauth_token) {
            (Some(_), Some(_)) => {
                let message = "there is a `service_token`, too: say one of the two";
                mistakes.add(key.at("oauth_token"), message);
            }
            (None, None) => {
                let message =
                    "the broker must prove itself: say `{id: …, secret: {file: …}}`, or an `oauth_token`";
                mistakes.add(key.at("service_token"), message);
            }
            (Some(token), None) => {
                check::not_blank(&token.id, key.at("service_token").at("id"), mistakes);
                check::secret(&token.secret, &key.at("service_token").at("secret"), mistakes);
            }
            (None, Some(token)) => drop(check::secret(token, &key.at("oauth_token"), mistakes)),
        }
        self.api.check(&key.at("api"), mistakes);
    }

    fn files_mut(&mut self) -> Vec<&mut PathBuf> {
        let service_token = self.service_token.as_mut().and_then(|token| token.secret.file_mut());
        let oauth_token = self.oauth_token.as_mut().and_then(SecretRef::file_mut);
        [service_token, oauth_token, self.api.ca.file_mut()].into_iter().flatten().collect()
    }
}

impl PlanetScale {
    /// What of a role the API would not take, or would silently not heed.
    pub(in crate::config) fn check_role(
        &self,
        role: &Role,
        protocol: Protocol,
        key: &Key,
        mistakes: &mut Mistakes,
    ) {
        if !role.parameters.is_empty() {
            let message = "PlanetScale's API cannot keep settings for a credential: remove them";
            mistakes.add(key.at("parameters"), message);
        }
        let credential = key.at("credential");
        match &role.credential {
            CredentialSpec::DynamicUser(user) => {
                for (name, span) in [("ttl", Some(role.ttl)), ("max_ttl", role.max_ttl)] {
                    if let Some(span) = span.filter(|span| span.0.subsec_nanos() != 0) {
                        mistakes.add(key.at(name), format!("{span} is not a number of whole seconds"));
                    }
                }
                self.check_default_role(&user.member_of, &credential.at("member_of"), mistakes);
                check_cidrs(&user.cidrs, &credential.at("cidrs"), mistakes);
                if let Some(successor) = &user.successor {
                    check::not_blank(successor, credential.at("successor"), mistakes);
                }
            }
            CredentialSpec::RotatedPassword(pair) => {
                if protocol == Protocol::Postgres {
                    self.check_default_role(&pair.users, &credential.at("users"), mistakes);
                }
                check_cidrs(&pair.cidrs, &credential.at("cidrs"), mistakes);
            }
            CredentialSpec::ConnectToken(_) => {}
        }
    }

    fn check_default_role(&self, names: &[String], key: &Key, mistakes: &mut Mistakes) {
        for (index, name) in names.iter().enumerate() {
            if name == "postgres" && !self.allow_default_role {
                let message = "`postgres`, the default role, may do everything in the branch: name less, or say \
                               `allow_default_role: true` at the database";
                mistakes.add(key.index(index), message);
            }
        }
    }
}

fn check_cidrs(cidrs: &[String], key: &Key, mistakes: &mut Mistakes) {
    for (index, cidr) in cidrs.iter().enumerate() {
        if !is_cidr(cidr) {
            let message =
                format!("{cidr:?} is not a range of addresses: write `10.0.0.0/8` or `192.0.2.7/32`");
            mistakes.add(key.index(index), message);
        }
    }
    check::no_repeats(cidrs, key, mistakes);
}

/// An address and how many of its bits count (RFC 4632 §3.1, RFC 4291 §2.3).
fn is_cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let (Ok(address), Ok(bits)) = (address.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
    bits <= if address.is_ipv4() { 32 } else { 128 }
}

fn main() -> String {
    "main".to_owned()
}

#[cfg(test)]
mod tests {
    use super::is_cidr;

    #[test]
    fn a_range_is_an_address_and_a_number_of_bits() {
        for good in ["10.0.0.0/8", "192.0.2.7/32", "0.0.0.0/0", "2001:db8::/32", "::1/128"] {
            assert!(is_cidr(good), "{good}");
        }
        for bad in ["", "10.0.0.0", "10.0.0/8", "10.0.0.0/33", "10.0.0.0/", "::/129", "all", "10.0.0.0/8 "] {
            assert!(!is_cidr(bad), "{bad}");
        }
    }
}
