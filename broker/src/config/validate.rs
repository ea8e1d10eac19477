//! What the sections have to check, in their order, and what concerns several of them.

use std::collections::BTreeMap;

use crate::config::mistake::{Key, Mistakes};
use crate::config::{Cache, Config, Issuer, KubernetesIssuer, OidcIssuer};

impl Config {
    /// Everything that is wrong.
    pub(super) fn check(&self) -> Mistakes {
        let mut mistakes = Mistakes::default();
        self.server.check(&Key::top("server"), &mut mistakes);
        self.ledger.check(&Key::top("ledger"), &mut mistakes);
        self.cache.check(&Key::top("cache"), &mut mistakes);
        self.seal.check(&Key::top("seal"), &mut mistakes);
        self.audit.check(&Key::top("audit"), &mut mistakes);
        for (name, issuer) in &self.issuers {
            issuer.check(&Key::top("issuers").at(name), &mut mistakes);
        }
        self.check_that_issuers_differ(&mut mistakes);
        for (name, database) in &self.databases {
            database.check(&Key::top("databases").at(name), &mut mistakes);
        }
        for (name, role) in &self.roles {
            role.check(&self.databases, &Key::top("roles").at(name), &mut mistakes);
        }
        for (index, binding) in self.bindings.iter().enumerate() {
            let key = Key::top("bindings").index(index);
            binding.check(&self.issuers, &self.roles, &key, &mut mistakes);
        }
        for (index, operator) in self.operators.iter().enumerate() {
            operator.check(&self.issuers, &Key::top("operators").index(index), &mut mistakes);
        }
        mistakes
    }

    /// What is wrong with the ledger.
    pub(super) fn check_ledger(&self) -> Mistakes {
        let mut mistakes = Mistakes::default();
        self.ledger.check(&Key::top("ledger"), &mut mistakes);
        mistakes
    }

    /// A proof must lead to one issuer, and an API key to one subject.
    fn check_that_issuers_differ(&self, mistakes: &mut Mistakes) {
        let (mut identifiers, mut domains, mut hashes) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for (name, issuer) in &self.issuers {
            let key = Key::top("issuers").at(name);
            match issuer {
                Issuer::Oidc(OidcIssuer { issuer, .. })
                | Issuer::Kubernetes(KubernetesIssuer { issuer, .. }) => {
                    if let Some(other) = identifiers.insert(issuer, name) {
                        let message =
                            format!("the issuer `{other}` has the same: whose token it is could not be told");
                        mistakes.add(key.at("issuer"), message);
                    }
                }
                Issuer::Spiffe(spiffe) => {
                    if let Some(other) = domains.insert(&spiffe.trust_domain, name) {
                        let message =
                            format!("the issuer `{other}` has the same: whose SVID it is could not be told");
                        mistakes.add(key.at("trust_domain"), message);
                    }
                }
                Issuer::ApiKey(api_key) => {
                    for (subject, api_key) in &api_key.keys {
                        let holder = format!("{name}/{subject}");
                        if let Some(other) = hashes.insert(api_key.sha256.to_ascii_lowercase(), holder) {
                            let message =
                                format!("`{other}` has the same key: whose it is could not be told");
                            mistakes.add(key.at("keys").at(subject).at("sha256"), message);
                        }
                    }
                }
            }
        }
    }

    /// What is not wrong, but may not be meant.
    pub(super) fn doubts(&self) -> Mistakes {
        let mut doubts = Mistakes::default();
        if matches!(self.cache, Cache::Local(_)) {
            let message = "nothing is shared between replicas: for one replica only";
            doubts.add(Key::top("cache").at("local"), message);
        }
        if self.ledger.owner_url.is_none() {
            let message = "without `owner_url` the broker's user owns the schema, and could change the audit";
            doubts.add(Key::top("ledger"), message);
        }
        if self.server.tls.is_none() {
            for (name, _) in self.issuers.iter().filter(|(_, issuer)| issuer.takes_certificates()) {
                let message = "without `server.tls` nobody can show a certificate: say `svid: [jwt]`, or listen with TLS";
                doubts.add(Key::top("issuers").at(name).at("svid"), message);
            }
        }
        self.doubt_databases(&mut doubts);
        for name in self.roles.keys() {
            if !self.bindings.iter().any(|binding| binding.roles.contains(name)) {
                doubts.add(Key::top("roles").at(name), "no binding names this role: nobody may use it");
            }
        }
        let bindings = self.bindings.iter().map(|binding| &binding.workloads).enumerate();
        let operators = self.operators.iter().map(|operator| &operator.workloads).enumerate();
        let patterns = bindings.map(|it| ("bindings", it)).chain(operators.map(|it| ("operators", it)));
        for (section, (index, _)) in patterns.filter(|(_, (_, pattern))| pattern.is_any_within_issuer()) {
            let message = "this matches everybody whom the issuer vouches for, and public ones vouch for the whole world";
            doubts.add(Key::top(section).index(index).at("workloads"), message);
        }
        doubts
    }

    fn doubt_databases(&self, doubts: &mut Mistakes) {
        for (name, database) in &self.databases {
            let key = Key::top("databases").at(name);
            if !self.roles.values().any(|role| &role.database == name) {
                doubts.add(key.clone(), "no role uses this database");
            }
            let signs = database.rds.as_ref().is_some_and(|rds| rds.credentials.is_some());
            for (name, endpoint) in &database.endpoints {
                let host = endpoint.host.as_deref().unwrap_or_default();
                if signs && !host.to_ascii_lowercase().contains(".rds.amazonaws.com") {
                    let message = "a token is good for the name that AWS gave the endpoint, ….rds.amazonaws.com, \
                                   and not for another one that leads there";
                    doubts.add(key.at("endpoints").at(name).at("host"), message);
                }
                endpoint.doubt(database.protocol(), &key.at("endpoints").at(name), doubts);
            }
        }
    }
}
