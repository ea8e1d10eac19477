use crate::dsn::{Format, Parameter};
use crate::model::{DatabaseName, Protocol};

/// Why a target cannot be rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The format can only point at a CA file, and the caller did not say where that is.
    #[error(
        "the format `{format}` cannot hold the private CA of database `{database}`: save the CA in a file \
         (/v1/databases/{database}/ca.pem has it) and ask with ca_file=/path/where/you/saved/it"
    )]
    NeedsCaFile {
        /// The format that was asked for.
        format: Format,
        /// The database whose CA it is.
        database: DatabaseName,
    },
    /// The format is for databases of another kind.
    #[error("the format `{format}` is not for {}: use one of {}", .protocol.as_str(), names(*.protocol))]
    OtherProtocol {
        /// The format that was asked for.
        format: Format,
        /// What the database speaks.
        protocol: Protocol,
    },
    /// The format has no words for a value that others can say.
    #[error("the format `{format}` {why}")]
    NotInFormat {
        /// The format that was asked for.
        format: Format,
        /// What it cannot say, and what can.
        why: &'static str,
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
         ca_file=/path/to/that/file",
        crate::dsn::Os::others()
    )]
    NeedsBundle {
        /// The format that was asked for.
        format: Format,
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

fn names(protocol: Protocol) -> String {
    Format::for_protocol(protocol).map(Format::name).collect::<Vec<_>>().join(", ")
}
