//! Which endpoint is meant, and what of it goes into the DSN.

use crate::app::Current;
use crate::broker::Issued;
use crate::cache::CacheKey;
use crate::config::{Endpoint, TlsMode};
use crate::dsn::{Format, Target, Trust};
use crate::http::problem::Problem;
use crate::model::{DatabaseName, EndpointName};
use crate::policy::Permit;
use crate::secret::Secret;

/// An endpoint, as the caller wants to use it.
pub(super) struct Place<'a> {
    pub(super) name: &'a EndpointName,
    endpoint: &'a Endpoint,
    database: &'a DatabaseName,
    dbname: &'a str,
    ca: Option<&'a str>,
    ca_file: Option<&'a str>,
    /// Of the configuration that all of this is from.
    digest: &'a str,
}

impl<'a> Place<'a> {
    /// The endpoint of this name, or the role's first.
    pub(super) fn find(
        current: &'a Current,
        permit: &'a Permit,
        wanted: Option<&str>,
        ca_file: Option<&'a str>,
    ) -> Result<Self, Problem> {
        let endpoints = permit.role().endpoints_in(permit.database());
        let found = match wanted {
            None => endpoints.first(),
            Some(wanted) => endpoints.iter().find(|(name, _)| name.as_str() == wanted),
        };
        let (name, endpoint) = found.copied().ok_or_else(|| {
            let names: Vec<_> = endpoints.iter().map(|(name, _)| name.as_str()).collect();
            Problem::invalid("endpoint", format!("this role has the endpoints {}", names.join(", ")))
        })?;
        let database = permit.database_name();
        let ca = current.ca(database, name);
        let (dbname, digest) = (permit.database().dbname.as_str(), current.digest.as_str());
        Ok(Self { name, endpoint, database, dbname, ca, ca_file, digest })
    }

    /// Refuses a format that cannot say what has to be said.
    pub(super) fn can_render(&self, format: Format) -> Result<(), Problem> {
        let password = Secret::new("password");
        format.parameters(&self.target("user", &password, "name")).map(drop).map_err(refusal)
    }

    /// All that the driver has to know.
    pub(super) fn target<'b>(
        &'b self,
        username: &'b str,
        password: &'b Secret,
        application_name: &'b str,
    ) -> Target<'b> {
        Target {
            database: self.database,
            host: &self.endpoint.host,
            port: self.endpoint.port,
            dbname: self.dbname,
            username,
            password,
            trust: self.ca.map_or(Trust::System, |pem| Trust::Private { pem }),
            ca_file: self.ca_file,
            mode: self.mode(),
            application_name,
            connect_timeout: self.endpoint.connect_timeout.0,
            target_session_attrs: self.endpoint.target_session_attrs.as_deref(),
        }
    }

    /// What it is handed out for, for the record: format, endpoint, and what is weaker than it should be.
    pub(super) fn purpose(&self, format: Format) -> String {
        match self.mode() {
            TlsMode::VerifyFull => format!("{format} {}", self.name),
            TlsMode::VerifyCa => format!("{format} {} verify-ca", self.name),
        }
    }

    /// All but the credential that an answer is made of, as a hash.
    pub(super) fn asked(&self, format: Format) -> CacheKey {
        // No path begins with a blank: that one is for who named none.
        CacheKey::new(&[self.digest, self.name.as_str(), format.name(), self.ca_file.unwrap_or(" ")])
    }

    fn mode(&self) -> TlsMode {
        self.endpoint.tls.as_ref().map_or(TlsMode::VerifyFull, |tls| tls.mode)
    }
}

/// What sessions call themselves: a DBA sees in `pg_stat_activity` whose they are.
pub(super) fn application_name(permit: &Permit, issued: &Issued) -> String {
    format!("dsn/{}/{}", issued.entry.lease, permit.name()).chars().take(63).collect()
}

pub(super) fn refusal(error: crate::dsn::RenderError) -> Problem {
    use crate::dsn::RenderError;
    let field = match &error {
        RenderError::NeedsCaFile { .. } | RenderError::CaFile { .. } => "ca_file",
        RenderError::HostNotVerified { .. } | RenderError::Inexpressible { .. } => "format",
    };
    Problem::invalid(field, error.to_string())
}
