use crate::dsn::{Format, Language, Parameter};
use crate::model::{DatabaseName, Protocol};

/// Why a target cannot be rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The format can only point at a CA file, and the caller did not say where that is.
    #[error(
        "the format `{format}` cannot hold the private CA of database `{database}`: save the CA in a file \
         (/v1/databases/{database}/ca.pem has it) and ask with ca_file=/path/where/you/saved/it{}", or(*.instead)
    )]
    NeedsCaFile {
        /// The format that was asked for.
        format: Format,
        /// The database whose CA it is.
        database: DatabaseName,
        /// The nearest one that can.
        instead: Option<Format>,
    },
    /// The format is for databases of another kind.
    #[error("the format `{format}` is not for {}: use one of {}", .protocol.as_str(), names(*.format, *.protocol))]
    OtherProtocol {
        /// The format that was asked for.
        format: Format,
        /// What the database speaks.
        protocol: Protocol,
    },
    /// The format has no words for a value that others can say.
    #[error("the format `{format}` {why}{}", or(*.instead))]
    NotInFormat {
        /// The format that was asked for.
        format: Format,
        /// What it cannot say.
        why: &'static str,
        /// The nearest one that can.
        instead: Option<Format>,
    },
    /// A password that a server is shown as it is must reach no other one.
    #[error(
        "a token for {} crosses in clear text inside TLS, and this endpoint of database `{database}` does not verify \
         certificate and host name: use an endpoint that does",
        Protocol::Mysql.as_str()
    )]
    CleartextUnverified {
        /// The database.
        database: DatabaseName,
    },
    /// The format has to say in which file the system keeps its roots, and the caller did not say what system that is.
    #[error(
        "the format `{format}` has to say in which file the system keeps its roots: ask with os=debian (or {}), or with \
         ca_file=/path/to/that/file{}",
        crate::dsn::Os::others(),
        or(*.instead)
    )]
    NeedsBundle {
        /// The format that was asked for.
        format: Format,
        /// The nearest one that needs no file.
        instead: Option<Format>,
    },
    /// The path of the CA file is not one.
    #[error("ca_file {why}: give the absolute path of the CA on the machine that will connect")]
    CaFile {
        /// What is wrong with it.
        why: &'static str,
    },
    /// Any holder of any public certificate would be accepted, so libpq refuses it and so do we.
    #[error(
        "database `{database}` trusts the system's roots but does not verify host names: \
         configure its own CA (tls.ca.file) or the mode verify-full"
    )]
    HostNotVerified {
        /// The database.
        database: DatabaseName,
    },
    /// A value that no driver would read back as it is.
    #[error("{parameter} {why}, which no connection string can say: change it in the configuration")]
    Inexpressible {
        /// The parameter whose value it is. The value may be a secret and is not kept.
        parameter: Parameter,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl RenderError {
    /// The same, with what can be asked for instead.
    pub(super) fn or_rather(mut self, nearest: impl FnOnce() -> Option<Format>) -> Self {
        if let Self::NeedsCaFile { instead, .. }
        | Self::NeedsBundle { instead, .. }
        | Self::NotInFormat { instead, .. } = &mut self
        {
            *instead = nearest();
        }
        self
    }
}

fn or(instead: Option<Format>) -> String {
    instead.map_or_else(String::new, |format| format!("; or use `{format}`"))
}

/// What is for the same language, or for all.
fn names(format: Format, protocol: Protocol) -> String {
    let of = |language| Format::for_protocol(protocol).filter(move |other| other.language() == language);
    let alike: Vec<_> = of(format.language()).map(Format::name).collect();
    if alike.is_empty() {
        of(Language::Tools).map(Format::name).collect::<Vec<_>>().join(", ")
    } else {
        alike.join(", ")
    }
}
