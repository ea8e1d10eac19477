//! Which endpoint is meant, and what of it goes into the DSN.

use crate::app::Current;
use crate::broker::Issued;
use crate::cache::CacheKey;
use crate::config::{Endpoint, EndpointKind, Verified};
use crate::dsn::reader::Seen;
use crate::dsn::{Format, Mode, Os, Target, Trust, UnknownOs};
use crate::http::dsn::DsnQuery;
use crate::http::problem::{Kind, Problem};
use crate::model::{self, Credential, DatabaseName, EndpointName, Protocol};
use crate::policy::Permit;
use crate::secret::Secret;

/// An endpoint, as the caller wants to use it.
pub(super) struct Way<'a> {
    pub(super) name: &'a EndpointName,
    endpoint: &'a Endpoint,
    database: &'a DatabaseName,
    dbname: &'a str,
    protocol: Protocol,
    for_clients: Verification<'a>,
    directly: Verification<'a>,
    binds_channel: bool,
    cleartext: bool,
    ca_file: Option<&'a str>,
    os: Option<Os>,
    /// Of the configuration that all of this is from.
    digest: &'a str,
}

/// What is verified of a server, and by which private CA.
#[derive(Clone, Copy)]
struct Verification<'a> {
    mode: Mode,
    ca: Option<&'a str>,
}

impl<'a> Way<'a> {
    /// The endpoint of this name, or the role's first.
    pub(super) fn find(
        current: &'a Current,
        permit: &'a Permit,
        wanted: &'a DsnQuery,
    ) -> Result<Self, Problem> {
        let endpoints = permit.role().endpoints_in(permit.database());
        let found = match &wanted.endpoint {
            None => endpoints.first(),
            Some(wanted) => endpoints.iter().find(|(name, _)| name.as_str() == wanted),
        };
        let (name, endpoint) = found.copied().ok_or_else(|| {
            let names: Vec<_> = endpoints.iter().map(|(name, _)| name.as_str()).collect();
            Problem::invalid("endpoint", format!("this role has the endpoints {}", names.join(", ")))
        })?;
        let database = permit.database_name();
        let for_clients =
            Verification::of(endpoint.for_clients(permit.database()), current.ca(database, name));
        let directly =
            Verification::of(endpoint.directly(permit.database()), current.ca_behind(database, name));
        let (dbname, digest) = (permit.database().dbname.as_str(), current.digest.as_str());
        Ok(Self {
            name,
            endpoint,
            database,
            dbname,
            protocol: permit.database().protocol(),
            for_clients,
            directly,
            // A proxy in front is somebody in between.
            binds_channel: endpoint.via.is_none() && permit.database().binds_channel(name, endpoint),
            ca_file: wanted.ca_file.as_deref(),
            os: wanted.os.as_deref().map(system).transpose()?,
            cleartext: permit.role().is_cleartext(permit.database()),
            digest,
        })
    }

    /// The format for callers that name none.
    pub(super) fn default_format(&self) -> Format {
        let mut formats = Format::for_login(self.protocol, self.cleartext, self.for_clients.mode);
        let is_tried = |format: &Format| {
            format.reader(self.protocol).is_some_and(|reader| reader.seen != Seen::InSource)
        };
        formats.find(is_tried).unwrap_or(Format::Json)
    }

    /// Refuses a format that cannot say what has to be said.
    pub(super) fn can_render(&self, format: Format) -> Result<(), Problem> {
        let password = Secret::new("password");
        // What the provider will say of it is not known before.
        let place = self.endpoint.host.is_none().then(|| {
            (self.name.clone(), model::Place { host: Some("host".to_owned()), ..model::Place::default() })
        });
        let credential =
            Credential { username: "user".to_owned(), password, places: place.into_iter().collect() };
        format.can_say(&self.target(format, &credential, "name")?).map_err(refusal)
    }

    /// All that the driver has to know, or the proxy that the format is for.
    pub(super) fn target<'b>(
        &'b self,
        format: Format,
        credential: &'b Credential,
        application_name: &'b str,
    ) -> Result<Target<'b>, Problem> {
        let place = credential.places.get(self.name);
        // What the configuration says goes before what the provider says.
        let via = self.endpoint.via.as_ref().filter(|_| !format.is_for_proxies());
        let host = via
            .map(|via| via.host.as_str())
            .or(self.endpoint.host.as_deref())
            .or(place.and_then(|place| place.host.as_deref()));
        let host = host.ok_or_else(|| {
            Problem::new(Kind::EngineRefused).because(format!(
                "the provider said no host for the endpoint {}: say it in the configuration",
                self.name
            ))
        })?;
        let port = via.map(|via| via.port).or(self.endpoint.port).or(place.and_then(|place| place.port));
        let dbname = self.endpoint.dbname.as_deref().or(place.and_then(|place| place.dbname.as_deref()));
        let username = place.and_then(|place| place.username.as_deref());
        let password = place.and_then(|place| place.password.as_ref());
        let verification = self.verification(format);
        Ok(Target {
            database: self.database,
            protocol: self.protocol,
            host,
            port: port.unwrap_or_else(|| self.protocol.port()),
            dbname: dbname.unwrap_or(self.dbname),
            username: username.unwrap_or(&credential.username),
            password: password.unwrap_or(&credential.password),
            trust: verification.ca.map_or(Trust::System, |pem| Trust::Private { pem }),
            ca_file: self.ca_file,
            bundle: self.os.map(Os::bundle),
            mode: verification.mode,
            application_name,
            connect_timeout: self.endpoint.connect_timeout.0,
            direct_tls: self.endpoint.direct_tls,
            pooled: self.endpoint.kind(self.name) == EndpointKind::Pooled,
            target_session_attrs: self.endpoint.target_session_attrs.as_deref(),
            channel_binding: self.binds_channel,
            cleartext: self.cleartext,
        })
    }

    /// What it is handed out for, for the record: format, endpoint, and what is weaker than it should be.
    pub(super) fn purpose(&self, format: Format) -> String {
        let weaker = match self.verification(format).mode {
            Mode::VerifyFull => "",
            Mode::VerifyCa => " verify-ca",
            Mode::Plaintext => " plaintext",
        };
        format!("{format} {}{weaker}", self.name)
    }

    fn verification(&self, format: Format) -> Verification<'a> {
        if format.is_for_proxies() { self.directly } else { self.for_clients }
    }

    /// All but the credential that an answer is made of, as a hash.
    pub(super) fn asked(&self, format: Format) -> CacheKey {
        // No path begins with a blank: that one is for who named none.
        let os = self.os.map_or(" ", Os::bundle);
        CacheKey::new(&[self.digest, self.name.as_str(), format.name(), self.ca_file.unwrap_or(" "), os])
    }
}

impl<'a> Verification<'a> {
    fn of(verified: Verified<'_>, ca: Option<&'a str>) -> Self {
        let mode = match verified {
            Verified::Certificate(mode, _) => mode.into(),
            Verified::Nothing => Mode::Plaintext,
        };
        Self { mode, ca }
    }
}

/// What sessions call themselves: a DBA sees in `pg_stat_activity` whose they are.
pub(super) fn application_name(permit: &Permit, issued: &Issued) -> String {
    format!("dsn/{}/{}", issued.entry.lease, permit.name()).chars().take(63).collect()
}

fn system(name: &str) -> Result<Os, Problem> {
    name.parse().map_err(|error: UnknownOs| Problem::invalid("os", error.to_string()))
}

pub(super) fn refusal(error: crate::dsn::RenderError) -> Problem {
    use crate::dsn::RenderError;
    let field = match &error {
        RenderError::NeedsCaFile { .. } | RenderError::CaFile { .. } => "ca_file",
        RenderError::NeedsBundle { .. } => "os",
        RenderError::HostNotVerified { .. }
        | RenderError::Inexpressible { .. }
        | RenderError::CleartextUnverified { .. }
        | RenderError::NotInFormat { .. }
        | RenderError::OtherProtocol { .. } => "format",
    };
    Problem::invalid(field, error.to_string())
}
