//! Why a caller is not believed.

use std::time::Duration;

use crate::config::SvidKind;
use crate::model::{IssuerName, SpiffeIdError};
use crate::time::Timestamp;

/// A caller who is not believed. For the log and the audit, not for the caller; it never has the proof in it.
#[derive(Debug, thiserror::Error)]
#[error("{refusal}")]
pub struct AuthenticationError {
    /// Why.
    pub refusal: Refusal,
    /// The configured issuer that the proof names, if there is one. Not verified unless `subject` is there.
    pub issuer: Option<IssuerName>,
    /// Who the caller is at that issuer, if that much was verified.
    pub subject: Option<String>,
}

impl AuthenticationError {
    /// Whether the caller may be right, and we cannot tell at present: worth another try later.
    pub fn is_our_fault(&self) -> bool {
        matches!(self.refusal, Refusal::KeySourceDown | Refusal::ReviewUnavailable)
    }

    /// The same, said about this issuer.
    pub(super) fn by(self, issuer: &IssuerName) -> Self {
        Self { issuer: Some(issuer.clone()), ..self }
    }

    /// The same, said about this verified subject.
    pub(super) fn about(self, subject: &str) -> Self {
        Self { subject: Some(subject.to_owned()), ..self }
    }
}

impl From<Refusal> for AuthenticationError {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, issuer: None, subject: None }
    }
}

/// Why a proof is refused.
///
/// Texts that come from the proof are cut ([`shown`]) and printed with escapes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Longer than any token that we read.
    #[error("the token has {bytes} bytes: at most {max} are read")]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// Not a token, or one that lacks what every token must have.
    #[error("the token is malformed: {0}")]
    Malformed(&'static str),
    /// It demands an extension, and we know none (RFC 7515 §4.1.11).
    #[error("the token's header has `crit`: it demands extensions that are not supported")]
    CriticalHeader,
    /// Nobody we know issued it.
    #[error("no issuer is configured for the token's iss {claimed:?}")]
    NoSuchIssuer {
        /// The text of its `iss`.
        claimed: String,
    },
    /// Its signature algorithm is not among those of the issuer.
    #[error("the token is signed with {algorithm:?}, which is not among the issuer's `algorithms`")]
    WrongAlgorithm {
        /// The text of its `alg`.
        algorithm: String,
    },
    /// The issuer has no such key.
    #[error("the issuer publishes no key {kid:?}")]
    UnknownKey {
        /// The text of its `kid`.
        kid: String,
    },
    /// It names no key, and the issuer has more than one, or none.
    #[error("the token's header has no `kid`, and the issuer does not publish exactly one key")]
    NoKeyNamed,
    /// The issuer has the key, but not for this.
    #[error("the issuer's key {kid:?} is not for this token: {why}")]
    UnsuitableKey {
        /// The text of its `kid`.
        kid: String,
        /// What does not fit.
        why: &'static str,
    },
    /// The issuer's keys could not be had so far, so that nothing can be said about the token.
    #[error("the issuer's keys are not known yet, because their source does not answer")]
    KeySourceDown,
    /// Not signed by the key that it names.
    #[error("the token's signature is wrong")]
    BadSignature,
    /// Its time is over.
    #[error("the token expired at {at}")]
    Expired {
        /// Its `exp`.
        at: Timestamp,
    },
    /// Its time has not come.
    #[error("the token is not valid before {from}")]
    NotYetValid {
        /// Its `nbf`.
        from: Timestamp,
    },
    /// It says that it was made later than now.
    #[error("the token was issued at {at}, which is in the future: compare the clocks")]
    IssuedInFuture {
        /// Its `iat`.
        at: Timestamp,
    },
    /// It is valid for longer than the issuer's tokens may be.
    #[error("the token lives {life:?}, and `max_token_life` is {max:?}")]
    LivesTooLong {
        /// `exp` minus `iat`.
        life: Duration,
        /// The limit.
        max: Duration,
    },
    /// It is meant for someone else.
    #[error("the token's aud has none of the issuer's `audiences`")]
    WrongAudience,
    /// A service account token that outlives all pods.
    #[error("the token is bound to no pod, and `allow_without_pod` is not set")]
    BoundToNoPod,
    /// Its subject is another service account than the one it is bound to, or none.
    #[error("the token's sub is not the service account that its kubernetes.io names")]
    OtherServiceAccount,
    /// The API server does not take the token for a good one, e.g. since its pod is gone.
    #[error("the API server does not vouch for the token: {why:?}")]
    NotVouchedFor {
        /// What it says.
        why: String,
    },
    /// The API server takes the token for another one than it says that it is.
    #[error("the API server says something else than the token: {0}")]
    ReviewDisagrees(&'static str),
    /// The API server could not be asked, so that nothing can be said about the token.
    #[error("the API server cannot be asked about the token")]
    ReviewUnavailable,
    /// Its SPIFFE ID is none.
    #[error("{id:?} is not the SPIFFE ID of a workload: {why}")]
    BadSpiffeId {
        /// The text.
        id: String,
        /// What is wrong with it.
        why: SpiffeIdError,
    },
    /// Of another trust domain than those we know.
    #[error("no issuer is configured for the trust domain {claimed:?}")]
    NoSuchTrustDomain {
        /// Its name.
        claimed: String,
    },
    /// The trust domain's workloads prove themselves otherwise.
    #[error("the issuer's `svid` does not have {0}")]
    SvidNotAccepted(SvidKind),
    /// Not one of the workloads that may come from the trust domain.
    #[error("the path {path:?} is not among the issuer's `paths`")]
    PathNotAccepted {
        /// The path of its SPIFFE ID.
        path: String,
    },
    /// The client's certificate is not such a one as an X.509-SVID must be.
    #[error("the client certificate is not an X.509-SVID: {0}")]
    NotAnSvid(&'static str),
    /// Not signed by an authority of its own trust domain.
    #[error("the client certificate does not lead to an authority of its trust domain: {why}")]
    UntrustedCertificate {
        /// What the search for a path came to.
        why: String,
    },
    /// Its time is over.
    #[error("the client certificate expired at {at}")]
    CertificateExpired {
        /// Its last moment.
        at: Timestamp,
    },
    /// Its time has not come.
    #[error("the client certificate is not valid before {from}")]
    CertificateNotYetValid {
        /// Its first moment.
        from: Timestamp,
    },
    /// An API key with a typing error: its checksum does not fit.
    #[error("the API key is mistyped: its checksum does not fit")]
    MistypedApiKey,
    /// Not one of our API keys.
    #[error("the API key is not among the configured ones")]
    UnknownApiKey,
    /// One of our API keys, too late.
    #[error("the API key expired at {at}")]
    ExpiredApiKey {
        /// Its `expires_at`.
        at: Timestamp,
    },
}

impl Refusal {
    /// A word for it, for the audit and for counting.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::Malformed(_) => "malformed",
            Self::CriticalHeader => "critical_header",
            Self::NoSuchIssuer { .. } => "no_such_issuer",
            Self::WrongAlgorithm { .. } => "wrong_algorithm",
            Self::UnknownKey { .. } => "unknown_key",
            Self::NoKeyNamed => "no_key_named",
            Self::UnsuitableKey { .. } => "unsuitable_key",
            Self::KeySourceDown => "key_source_down",
            Self::BadSignature => "bad_signature",
            Self::Expired { .. } => "expired",
            Self::NotYetValid { .. } => "not_yet_valid",
            Self::IssuedInFuture { .. } => "issued_in_future",
            Self::LivesTooLong { .. } => "lives_too_long",
            Self::WrongAudience => "wrong_audience",
            Self::BoundToNoPod => "bound_to_no_pod",
            Self::OtherServiceAccount => "other_service_account",
            Self::NotVouchedFor { .. } => "not_vouched_for",
            Self::ReviewDisagrees(_) => "review_disagrees",
            Self::ReviewUnavailable => "review_unavailable",
            Self::BadSpiffeId { .. } => "bad_spiffe_id",
            Self::NoSuchTrustDomain { .. } => "no_such_trust_domain",
            Self::SvidNotAccepted(_) => "svid_not_accepted",
            Self::PathNotAccepted { .. } => "path_not_accepted",
            Self::NotAnSvid(_) => "not_an_svid",
            Self::UntrustedCertificate { .. } => "untrusted_certificate",
            Self::CertificateExpired { .. } => "certificate_expired",
            Self::CertificateNotYetValid { .. } => "certificate_not_yet_valid",
            Self::MistypedApiKey => "mistyped_api_key",
            Self::UnknownApiKey => "unknown_api_key",
            Self::ExpiredApiKey { .. } => "expired_api_key",
        }
    }
}

/// As much of an unverified text as belongs into a log.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(200).collect()
}
