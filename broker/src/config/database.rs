//! `databases`: what can be connected to.

mod way;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::check;
use crate::config::mistake::{Key, Mistakes};
use crate::config::provider::Section;
use crate::config::{Db9, Neon, PlanetScale, Rds, SecretRef, Span, Verified, Via};
use crate::model::{self, EndpointName, EngineKind, Protocol};

/// A place to connect to, with the engine that makes credentials for it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// What makes credentials for it.
    pub engine: EngineKind,
    /// The ways into it.
    pub endpoints: BTreeMap<EndpointName, Endpoint>,
    /// The name of the database on its server.
    pub dbname: String,
    /// Which certificates are trusted. Default: those of the system's roots.
    #[serde(default)]
    pub tls: Tls,
    /// The broker's own credential there. Default: none, for engines that work through a provider's API.
    #[serde(default)]
    pub admin: Option<Admin>,
    /// Where it is at PlanetScale. Default: nowhere.
    #[serde(default)]
    pub planetscale: Option<PlanetScale>,
    /// Where it is at Neon. Default: nowhere.
    #[serde(default)]
    pub neon: Option<Neon>,
    /// Where it is at DB9. Default: nowhere.
    #[serde(default)]
    pub db9: Option<Db9>,
    /// What it is at Amazon RDS. Default: nothing.
    #[serde(default)]
    pub rds: Option<Rds>,
    /// How many things the broker does there at the same time. Default: `8`.
    #[serde(default = "concurrency")]
    pub concurrency: u32,
    /// How long one of them may take. Default: `10s`.
    #[serde(default = "timeout")]
    pub timeout: Span,
    /// What is done about users of ours that no lease accounts for. Default: as its keys say.
    #[serde(default)]
    pub sweep: Sweep,
}

/// A named way into a database.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// The host name, as it stands in the server's certificate. Default: what the provider says, where there is one.
    #[serde(default)]
    pub host: Option<String>,
    /// The port. Default: what the provider says, or `5432` for Postgres and `3306` for MySQL.
    #[serde(default)]
    pub port: Option<u16>,
    /// The database, where it is called otherwise through this endpoint: `@replica`. Default: the database's `dbname`.
    #[serde(default)]
    pub dbname: Option<String>,
    /// Which of a provider's ways in it is: `primary`, `replica` or `pooled`. Default: its name, if it is one of these, else `primary`.
    #[serde(default)]
    pub kind: Option<EndpointKind>,
    /// The dedicated bouncer that it leads through (PlanetScale Postgres). Default: none.
    #[serde(default)]
    pub bouncer: Option<String>,
    /// The compute that it leads to (Neon: `ep-…`). Default: that of its kind.
    #[serde(default)]
    pub compute: Option<String>,
    /// Where this endpoint's TLS differs from the database's. Default: nowhere.
    #[serde(default)]
    pub tls: Option<EndpointTls>,
    /// Whether drivers begin with TLS instead of asking for it first (libpq's `sslnegotiation=direct`): one round trip less. Only libpq 17 and later can, and earlier ones refuse the whole DSN. Default: `false`.
    #[serde(default)]
    pub direct_tls: bool,
    /// The proxy that clients connect to instead. Default: none.
    #[serde(default)]
    pub via: Option<Via>,
    /// libpq's `target_session_attrs`, e.g. `read-write` where `host` resolves to several servers. Default: none.
    #[serde(default)]
    pub target_session_attrs: Option<String>,
    /// How long a driver may take to connect; whole seconds. Default: `10s`.
    #[serde(default = "connect_timeout")]
    pub connect_timeout: Span,
}

/// Which of a provider's ways into a database an endpoint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndpointKind {
    /// To the server that takes writes.
    Primary,
    /// To one that only reads.
    Replica,
    /// Through the provider's pooler, to the primary.
    Pooled,
}

/// Which certificates are trusted for a database.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Who must have signed the server's certificate: `system` or `{file: …}`. Default: `system`.
    #[serde(default)]
    pub ca: Ca,
}

/// Who must have signed a certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ca {
    /// The operating system's roots.
    #[default]
    System,
    /// The certificates in this PEM file.
    File(PathBuf),
}

/// Where an endpoint's TLS differs from its database's.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointTls {
    /// Who must have signed this endpoint's certificate. Default: as for the database.
    #[serde(default)]
    pub ca: Option<Ca>,
    /// How much is verified. Weaker than `verify-full` needs `because`. Default: `verify-full`.
    #[serde(default)]
    pub mode: TlsMode,
    /// Why this endpoint cannot be verified in full; shown by `check` and kept in the audit. Default: none.
    #[serde(default)]
    pub because: Option<String>,
}

/// How much of a server's certificate is verified.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TlsMode {
    /// The chain and the host name.
    #[default]
    VerifyFull,
    /// The chain alone: for servers whose certificate cannot name them.
    VerifyCa,
}

/// The broker's own credential at a database.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    /// The user.
    pub username: String,
    /// Its password. Default: the provider's API is asked for it (Neon), or a token is made (RDS).
    #[serde(default)]
    pub password: Option<SecretRef>,
    /// The endpoint through which the broker connects; never a pooler. Default: `primary`.
    #[serde(default = "primary")]
    pub endpoint: EndpointName,
}

/// The search for users of ours that no lease accounts for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// What is done about them. Default: `report`.
    #[serde(default)]
    pub mode: SweepMode,
    /// How often they are looked for. At least `1s`. Default: `10m`.
    #[serde(default = "sweep_every")]
    pub every: Span,
}

/// What is done about users of ours that no lease accounts for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SweepMode {
    /// They are logged, counted and shown.
    #[default]
    Report,
    /// They are removed.
    Remove,
}

impl Database {
    pub(super) fn check(&self, key: &Key, mistakes: &mut Mistakes) {
        let endpoints = key.at("endpoints");
        if self.endpoints.is_empty() {
            mistakes.add(endpoints.clone(), "there is no endpoint: name at least `primary`");
        }
        for (name, endpoint) in &self.endpoints {
            let key = endpoints.at(name);
            endpoint.check(self, &key, mistakes);
            endpoint.check_way(self, endpoint.kind(name), &key, mistakes);
        }
        self.check_admin(&key.at("admin"), mistakes);
        self.check_sections(key, mistakes);
        check::not_blank(&self.dbname, key.at("dbname"), mistakes);
        if let Ca::File(file) = &self.tls.ca {
            check::authorities(file, &key.at("tls").at("ca"), mistakes);
        }
        check::not_zero(self.concurrency as usize, key.at("concurrency"), mistakes);
        check::at_least(Span(Duration::from_millis(10)), self.timeout, key.at("timeout"), mistakes);
        check::at_least(Span::secs(1), self.sweep.every, key.at("sweep").at("every"), mistakes);
    }
}

impl Database {
    /// What clients speak to it.
    pub fn protocol(&self) -> Protocol {
        let particular = || self.rds.as_ref().map(|rds| rds.protocol);
        self.engine.facts().protocol.or_else(particular).unwrap_or(Protocol::Postgres)
    }

    /// Whether the server proves at this endpoint that nobody stands between. Whoever names a host may have put a
    /// proxy there.
    pub fn binds_channel(&self, name: &EndpointName, endpoint: &Endpoint) -> bool {
        self.engine == EngineKind::Neon
            && endpoint.host.is_none()
            && endpoint.kind(name) != EndpointKind::Pooled
    }

    fn check_admin(&self, key: &Key, mistakes: &mut Mistakes) {
        let engine = self.engine.as_str();
        let Some(admin) = &self.admin else {
            if self.engine.facts().admin == model::Admin::Needed {
                mistakes.add(
                    key.clone(),
                    format!("the engine `{engine}` needs a user of its own in the database"),
                );
            }
            return;
        };
        if self.engine.facts().admin == model::Admin::None {
            let message =
                format!("the engine `{engine}` works through the provider's API and needs none: remove it");
            mistakes.add(key.clone(), message);
        }
        if !self.endpoints.is_empty() && !self.endpoints.contains_key(&admin.endpoint) {
            let (endpoint, known) = (&admin.endpoint, check::list(self.endpoints.keys()));
            let message = format!("the database has no endpoint `{endpoint}`; it has {known}");
            mistakes.add(key.at("endpoint"), message);
        }
        check::not_blank(&admin.username, key.at("username"), mistakes);
        match &admin.password {
            Some(password) => drop(check::secret(password, &key.at("password"), mistakes)),
            None if self.engine == EngineKind::Neon => {}
            None if self.rds.as_ref().is_some_and(|rds| rds.credentials.is_some()) => {
                if !self.may_show_token(&admin.endpoint) {
                    let message = "without one a token would cross in clear text to a server that is not verified in \
                                   full: give it, or an `endpoint` that is";
                    mistakes.add(key.at("password"), message);
                }
            }
            None if self.engine == EngineKind::Rds => {
                let message = "give it, or the `rds.credentials` that sign a token in its place";
                mistakes.add(key.at("password"), message);
            }
            None => mistakes.add(key.at("password"), format!("the engine `{engine}` needs it")),
        }
    }

    /// Whether the broker's own token is safe there: it goes to the server as it is.
    fn may_show_token(&self, endpoint: &EndpointName) -> bool {
        let weak = |endpoint: &Endpoint| {
            !matches!(endpoint.directly(self), Verified::Certificate(TlsMode::VerifyFull, _))
        };
        !self.endpoints.get(endpoint).is_some_and(weak)
    }

    /// An engine has its own section and no other.
    fn check_sections(&self, key: &Key, mistakes: &mut Mistakes) {
        let engine = self.engine.as_str();
        for (name, section) in self.sections() {
            let wanted = self.engine.facts().section == Some(name);
            match section {
                Some(section) if wanted => section.check(&key.at(name), mistakes),
                Some(_) => {
                    mistakes.add(key.at(name), format!("the engine `{engine}` does not read this section"))
                }
                None if wanted => {
                    mistakes.add(key.at(name), format!("the engine `{engine}` needs this section"));
                }
                None => {}
            }
        }
    }

    fn sections(&self) -> [(&'static str, Option<&dyn Section>); 4] {
        [
            ("planetscale", self.planetscale.as_ref().map(|section| section as &dyn Section)),
            ("neon", self.neon.as_ref().map(|section| section as &dyn Section)),
            ("db9", self.db9.as_ref().map(|section| section as &dyn Section)),
            ("rds", self.rds.as_ref().map(|section| section as &dyn Section)),
        ]
    }

    /// The files that this part of the configuration names, secrets included; not those that its engine itself reads
    /// again.
    pub fn files(&self) -> Vec<PathBuf> {
        let own = self.files_of_the_engine();
        let files = self.clone().file_references().into_iter().map(|file| file.clone()).collect::<Vec<_>>();
        files.into_iter().filter(|file| !own.contains(file)).collect()
    }

    pub(super) fn files_of_the_engine(&self) -> Vec<PathBuf> {
        let sections = self.sections().into_iter().filter_map(|(_, section)| section);
        sections.flat_map(Section::files_of_the_engine).collect()
    }

    pub(super) fn file_references(&mut self) -> Vec<&mut PathBuf> {
        let mut files: Vec<_> = self.tls.ca.file_mut().into_iter().collect();
        let password = self.admin.as_mut().and_then(|admin| admin.password.as_mut());
        files.extend(password.and_then(SecretRef::file_mut));
        let tls = self.endpoints.values_mut().flat_map(|endpoint| {
            let via = endpoint.via.as_mut().and_then(|via| via.tls.as_mut());
            endpoint.tls.as_mut().into_iter().chain(via)
        });
        files.extend(tls.filter_map(|tls| tls.ca.as_mut().and_then(Ca::file_mut)));
        let planetscale = self.planetscale.as_mut().map(|section| section as &mut dyn Section);
        let neon = self.neon.as_mut().map(|section| section as &mut dyn Section);
        let db9 = self.db9.as_mut().map(|section| section as &mut dyn Section);
        let rds = self.rds.as_mut().map(|section| section as &mut dyn Section);
        let sections = [planetscale, neon, db9, rds].into_iter().flatten();
        files.extend(sections.flat_map(|section| section.files_mut()));
        files
    }
}

impl Ca {
    /// The file, if it is in one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(file) => Some(file),
            Self::System => None,
        }
    }

    /// The file, if it is in one.
    pub(super) fn file_mut(&mut self) -> Option<&mut PathBuf> {
        match self {
            Self::File(file) => Some(file),
            Self::System => None,
        }
    }
}

impl Endpoint {
    /// Which of a provider's ways in it is.
    pub fn kind(&self, name: &EndpointName) -> EndpointKind {
        self.kind.unwrap_or(match name.as_str() {
            "replica" => EndpointKind::Replica,
            "pooled" => EndpointKind::Pooled,
            _ => EndpointKind::Primary,
        })
    }

    fn check(&self, database: &Database, key: &Key, mistakes: &mut Mistakes) {
        let engine = database.engine.facts();
        match self.host.as_deref() {
            Some(host) => check::host(host, key.at("host"), mistakes),
            None if engine.knows_hosts => {}
            None => {
                mistakes.add(key.at("host"), format!("the engine `{}` cannot know it: say it", engine.name))
            }
        }
        if let Some(port) = self.port {
            check::not_zero(port.into(), key.at("port"), mistakes);
        }
        if self.target_session_attrs.is_some() && database.protocol() == Protocol::Mysql {
            let message = "it is libpq's alone, and the database speaks MySQL: remove it";
            mistakes.add(key.at("target_session_attrs"), message);
        } else if let Some(attrs) =
            self.target_session_attrs.as_deref().filter(|attrs| !SESSION_ATTRS.contains(attrs))
        {
            let message = format!("libpq does not know {attrs:?}; it knows {}", check::list(SESSION_ATTRS));
            mistakes.add(key.at("target_session_attrs"), message);
        }
        let connect_timeout = self.connect_timeout.0;
        if connect_timeout.is_zero() || connect_timeout.subsec_nanos() != 0 {
            let message = format!("{} is not a number of whole seconds, at least 1s", self.connect_timeout);
            mistakes.add(key.at("connect_timeout"), message);
        }
        if let Some(tls) = &self.tls {
            tls.check(&key.at("tls"), mistakes);
        }
        if let Some(via) = &self.via {
            via.check(&key.at("via"), mistakes);
        }
    }

    /// What is weaker than it should be.
    pub(super) fn doubt(&self, protocol: Protocol, key: &Key, doubts: &mut Mistakes) {
        if let Some(tls) = &self.tls {
            tls.doubt(&key.at("tls"), doubts);
        }
        if let Some(via) = &self.via {
            via.doubt(&key.at("via"), doubts);
        }
        let (host, key) = match &self.via {
            Some(via) => (Some(via.host.as_str()), key.at("via").at("host")),
            None => (self.host.as_deref(), key.at("host")),
        };
        if protocol == Protocol::Mysql && host == Some("localhost") {
            let message = "clients for MySQL that are written in C, and PHP, take `localhost` for a socket: name it otherwise";
            doubts.add(key, message);
        }
    }
}

impl EndpointTls {
    pub(super) fn doubt(&self, key: &Key, doubts: &mut Mistakes) {
        if self.mode != TlsMode::VerifyFull {
            let because = self.because.as_deref().unwrap_or_default();
            doubts.add(key.at("mode"), format!("weaker than verify-full, because: {because}"));
        }
    }

    pub(super) fn check(&self, key: &Key, mistakes: &mut Mistakes) {
        let because = self.because.as_deref().map(str::trim);
        match (self.mode, because) {
            (TlsMode::VerifyFull, Some(_)) => {
                let message = "nothing is weakened here: remove it, or say what with `mode`";
                mistakes.add(key.at("because"), message);
            }
            (TlsMode::VerifyCa, None | Some("")) => {
                let message = "weaker than verify-full: any server with a certificate of that CA could pose as this one; \
                               say why it must be with `because: …`";
                mistakes.add(key.at("mode"), message);
            }
            _ => {}
        }
        if let Some(Ca::File(file)) = &self.ca {
            check::authorities(file, &key.at("ca"), mistakes);
        }
    }
}

impl Default for Sweep {
    fn default() -> Self {
        Self { mode: SweepMode::default(), every: sweep_every() }
    }
}

fn concurrency() -> u32 {
    8
}

fn timeout() -> Span {
    Span(Duration::from_secs(10))
}

fn connect_timeout() -> Span {
    Span(Duration::from_secs(10))
}

#[expect(clippy::expect_used, reason = "the literal is a name")]
fn primary() -> EndpointName {
    "primary".parse().expect("a name")
}

fn sweep_every() -> Span {
    Span(Duration::from_secs(600))
}

/// What `target_session_attrs` can be (libpq, §32.1.2).
const SESSION_ATTRS: [&str; 6] = ["any", "read-write", "read-only", "primary", "standby", "prefer-standby"];
