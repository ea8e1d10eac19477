//! Why an issuer cannot be set up.

use crate::identity::KeySourceError;
use crate::model::IssuerName;
use crate::tls::TlsError;

/// Why an issuer cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Tokens for anyone would be accepted.
    #[error("issuer {issuer} has no audiences: name who its tokens must be for")]
    NoAudience {
        /// The issuer.
        issuer: IssuerName,
    },
    /// No token would be accepted.
    #[error("issuer {issuer} has no algorithms: name those that its tokens are signed with")]
    NoAlgorithm {
        /// The issuer.
        issuer: IssuerName,
    },
    /// Two issuers cannot be told apart.
    #[error("issuers {first} and {second} have the same `issuer`: merge them")]
    SameIssuer {
        /// One of them.
        first: IssuerName,
        /// The other.
        second: IssuerName,
    },
    /// Two issuers cannot be told apart.
    #[error("issuers {first} and {second} have the same `trust_domain`: merge them")]
    SameTrustDomain {
        /// One of them.
        first: IssuerName,
        /// The other.
        second: IssuerName,
    },
    /// Where its keys are is not a URL.
    #[error("issuer {issuer}: {url:?} is not a URL")]
    NotAUrl {
        /// The issuer.
        issuer: IssuerName,
        /// The text.
        url: String,
        /// Why.
        #[source]
        source: url::ParseError,
    },
    /// Keys would be fetched in a way that others can change.
    #[error("issuer {issuer}: keys are fetched over https only, not from {url:?}")]
    InsecureUrl {
        /// The issuer.
        issuer: IssuerName,
        /// The text.
        url: String,
    },
    /// Its CA cannot be used.
    #[error("issuer {issuer}: its server's certificate cannot be verified")]
    Tls {
        /// The issuer.
        issuer: IssuerName,
        /// Why.
        #[source]
        source: Box<TlsError>,
    },
    /// The client that fetches its keys cannot be made.
    #[error("issuer {issuer}: no client can be made to fetch its keys")]
    Client {
        /// The issuer.
        issuer: IssuerName,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// Its file of keys cannot be used.
    #[error("issuer {issuer}: its keys cannot be read")]
    Keys {
        /// The issuer.
        issuer: IssuerName,
        /// Why.
        #[source]
        source: KeySourceError,
    },
    /// An API key's subject cannot be one.
    #[error(
        "issuer {issuer}: {subject:?} cannot be a subject: use 1 to 512 characters, no control characters"
    )]
    BadSubject {
        /// The issuer.
        issuer: IssuerName,
        /// The text.
        subject: String,
    },
    /// An API key's hash is none.
    #[error(
        "issuer {issuer}: the sha256 of {subject:?} is not 64 hexadecimal digits, as `dsn-broker api-key new` prints them"
    )]
    BadHash {
        /// The issuer.
        issuer: IssuerName,
        /// Whose key.
        subject: String,
    },
    /// One API key for two subjects.
    #[error("issuer {issuer}: the key of {subject:?} is someone else's, too: make a new one")]
    SameApiKey {
        /// The issuer.
        issuer: IssuerName,
        /// Whose key.
        subject: String,
    },
}
