//! Who calls: turns a proof of identity into a [`Workload`].
//!
//! A proof is a token of a configured issuer (OpenID Connect, a Kubernetes cluster, a SPIFFE trust domain), one of the
//! broker's own API keys, or a client certificate of a SPIFFE trust domain. The types say how far it is trusted: an
//! `UnverifiedToken` tells only which issuer and key to ask for, `VerifiedClaims` are well signed, and only the issuer's
//! rules make a [`Workload`] of them.
//!
//! A proof is verified once and then remembered by its hash, never longer than it is valid nor longer than the
//! keys that it was verified with are fresh. Revocation before that is not seen, but where a Kubernetes API server is asked:
//! tokens are meant to be short.

mod api_key;
mod date;
mod error;
mod json;
mod jwks;
mod jwt;
mod kubernetes;
mod memory;
mod refusal;
mod ring_provider;
mod rule;
mod spiffe;
mod token;
mod web;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use futures_util::future::join_all;

pub use api_key::{NewApiKey, generate as generate_api_key};
pub use error::IdentityError;
pub use refusal::{AuthenticationError, Refusal};
pub use spiffe::ClientCertificates;
pub use web::KeySourceError;

use crate::config::Issuer;
use crate::identity::api_key::ApiKeys;
use crate::identity::jwt::{JwtVerifier, Settings};
use crate::identity::kubernetes::KubernetesVerifier;
use crate::identity::memory::{Fingerprint, Memory};
use crate::identity::refusal::shown;
use crate::identity::rule::Verified;
use crate::identity::spiffe::SpiffeVerifier;
use crate::identity::token::UnverifiedToken;
use crate::model::{IssuerName, SpiffeId, TrustDomain, Workload};
use crate::secret::Secret;
use crate::time::Clock;

/// How many verified proofs are remembered.
const REMEMBERED: usize = 10_000;

/// All configured issuers.
pub struct Identity {
    /// By the exact text of the `iss` claim.
    tokens: HashMap<String, TokenIssuer>,
    trust_domains: HashMap<TrustDomain, SpiffeVerifier>,
    api_keys: ApiKeys,
    memory: Arc<Memory>,
    clock: Arc<dyn Clock>,
}

/// An issuer whose tokens name it.
enum TokenIssuer {
    Oidc(JwtVerifier),
    Kubernetes(Box<KubernetesVerifier>),
}

impl Identity {
    /// Prepares all issuers. Reads CA, key and bundle files; nothing is fetched before the first proof comes.
    ///
    /// # Errors
    ///
    /// If an issuer can never work as it is configured.
    pub fn new(issuers: &BTreeMap<IssuerName, Issuer>, clock: Arc<dyn Clock>) -> Result<Self, IdentityError> {
        let memory = Arc::new(Memory::new(REMEMBERED));
        let mut identity = Self {
            tokens: HashMap::new(),
            trust_domains: HashMap::new(),
            api_keys: ApiKeys::default(),
            memory,
            clock,
        };
        for (name, issuer) in issuers {
            identity.add(name, issuer)?;
        }
        Ok(identity)
    }

    fn add(&mut self, name: &IssuerName, issuer: &Issuer) -> Result<(), IdentityError> {
        let clock = &self.clock;
        let (iss, verifier) = match issuer {
            Issuer::ApiKey(issuer) => return self.api_keys.add(name, issuer),
            Issuer::Spiffe(issuer) => {
                let verifier = SpiffeVerifier::new(name, issuer, &self.memory, clock)?;
                return match self.trust_domains.insert(issuer.trust_domain.clone(), verifier) {
                    None => Ok(()),
                    Some(other) => {
                        let (first, second) = (other.name().clone(), name.clone());
                        Err(IdentityError::SameTrustDomain { first, second })
                    }
                };
            }
            Issuer::Oidc(oidc) => {
                (&oidc.issuer, TokenIssuer::Oidc(JwtVerifier::new(name, &Settings::from(oidc), clock)?))
            }
            Issuer::Kubernetes(cluster) => {
                let verifier = KubernetesVerifier::new(name, cluster, clock)?;
                (&cluster.issuer, TokenIssuer::Kubernetes(Box::new(verifier)))
            }
        };
        match self.tokens.insert(iss.clone(), verifier) {
            None => Ok(()),
            Some(other) => {
                let (first, second) = (other.name().clone(), name.clone());
                Err(IdentityError::SameIssuer { first, second })
            }
        }
    }

    /// Whose proof this is: the text after `Bearer`.
    ///
    /// # Errors
    ///
    /// If it proves nothing, or (see [`AuthenticationError::is_our_fault`]) it cannot be verified at present.
    pub async fn authenticate(&self, proof: &Secret) -> Result<Arc<Workload>, AuthenticationError> {
        if api_key::is_meant(proof) {
            return self.api_keys.authenticate(proof, self.clock.now());
        }
        token::check_size(proof)?;
        let fingerprint = Fingerprint::of(proof);
        if let Some(workload) = self.memory.recall(&fingerprint, self.clock.now()) {
            return Ok(workload);
        }
        let token = UnverifiedToken::parse(proof)?;
        let Some(issuer) = token.issuer().and_then(|iss| self.tokens.get(iss)) else {
            return self.authenticate_svid(token, proof).await;
        };
        let verified = issuer.verify(token, proof).await?;
        let workload = Arc::new(verified.workload);
        self.memory.remember(fingerprint, Arc::clone(&workload), verified.until);
        Ok(workload)
    }

    /// A JWT-SVID need not say who issued it, and if it does, then in any words: its subject says whose it is.
    async fn authenticate_svid(
        &self,
        token: UnverifiedToken<'_>,
        proof: &Secret,
    ) -> Result<Arc<Workload>, AuthenticationError> {
        let nobody = || match token.issuer() {
            Some(claimed) => Refusal::NoSuchIssuer { claimed: shown(claimed) },
            None => Refusal::Malformed("it has no iss"),
        };
        let Some(subject) = token.subject().filter(|_| !self.trust_domains.is_empty()) else {
            return Err(nobody().into());
        };
        let id = match subject.parse::<SpiffeId>() {
            Ok(id) => id,
            Err(why) if subject.starts_with("spiffe:") => {
                return Err(Refusal::BadSpiffeId { id: shown(subject), why }.into());
            }
            Err(_) => return Err(nobody().into()),
        };
        self.trust_domain(&id)?.verify_token(token, proof, &id).await
    }

    /// Whose certificates these are, which the caller showed in the TLS handshake and has the key of.
    ///
    /// To be asked for each request: what was true when the connection was made need not be true any more.
    ///
    /// # Errors
    ///
    /// As with [`Self::authenticate`].
    pub async fn authenticate_certificates(
        &self,
        shown: &ClientCertificates,
    ) -> Result<Arc<Workload>, AuthenticationError> {
        let id = shown.id()?;
        self.trust_domain(&id)?.verify_certificates(shown, &id).await
    }

    fn trust_domain(&self, id: &SpiffeId) -> Result<&SpiffeVerifier, Refusal> {
        let domain = id.trust_domain();
        let claimed = || Refusal::NoSuchTrustDomain { claimed: shown(domain.as_str()) };
        self.trust_domains.get(domain).ok_or_else(claimed)
    }

    /// Fetches the keys of all issuers now, so that the first caller need not wait and an operator learns what
    /// cannot be reached. The answer: how many keys each has that can be used.
    pub async fn load_keys(&self) -> BTreeMap<IssuerName, Result<usize, KeySourceError>> {
        let tokens =
            self.tokens.values().map(async |issuer| (issuer.name().clone(), issuer.load_keys().await));
        let domains =
            self.trust_domains.values().map(async |issuer| (issuer.name().clone(), issuer.load_keys().await));
        let (tokens, domains) = tokio::join!(join_all(tokens), join_all(domains));
        tokens.into_iter().chain(domains).collect()
    }

    /// Looks whether bundles of trust domains have changed. To be called again and again.
    pub async fn look_again(&self) {
        join_all(self.trust_domains.values().map(SpiffeVerifier::look_again)).await;
    }

    /// Whether the API servers that are to be asked about tokens let the broker do that.
    pub async fn try_reviews(&self) -> BTreeMap<IssuerName, Result<(), KeySourceError>> {
        let clusters = self.tokens.values().filter_map(|issuer| match issuer {
            TokenIssuer::Kubernetes(cluster) => Some(cluster),
            TokenIssuer::Oidc(_) => None,
        });
        let tries = clusters.map(async |cluster| Some((cluster.name().clone(), cluster.try_review().await?)));
        join_all(tries).await.into_iter().flatten().collect()
    }
}

impl TokenIssuer {
    fn name(&self) -> &IssuerName {
        match self {
            Self::Oidc(issuer) => issuer.name(),
            Self::Kubernetes(issuer) => issuer.name(),
        }
    }

    async fn verify(
        &self,
        token: UnverifiedToken<'_>,
        proof: &Secret,
    ) -> Result<Verified, AuthenticationError> {
        match self {
            Self::Oidc(issuer) => issuer.verify(token).await,
            Self::Kubernetes(issuer) => issuer.verify(token, proof).await,
        }
    }

    async fn load_keys(&self) -> Result<usize, KeySourceError> {
        match self {
            Self::Oidc(issuer) => issuer.load_keys().await,
            Self::Kubernetes(issuer) => issuer.load_keys().await,
        }
    }
}
