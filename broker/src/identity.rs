//! Who calls: turns a proof of identity into a [`Workload`].
//!
//! A proof is a JWT of a configured issuer or one of the broker's own API keys. The types say how far it is
//! trusted: an `UnverifiedToken` tells only which issuer and key to ask for, `VerifiedClaims` are well
//! signed, and only the issuer's rules make a [`Workload`] of them.
//!
//! A token is verified once and then remembered by its hash, never longer than it is valid nor longer than the
//! keys that it was verified with are fresh. Revocation before that is not seen: tokens are meant to be short.

mod api_key;
mod date;
mod error;
mod json;
mod jwks;
mod memory;
mod oidc;
mod refusal;
mod ring_provider;
mod rule;
mod token;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use futures_util::future::join_all;

pub use api_key::{NewApiKey, generate as generate_api_key};
pub use error::IdentityError;
pub use jwks::KeySourceError;
pub use refusal::{AuthenticationError, Refusal};

use crate::config::Issuer;
use crate::identity::api_key::ApiKeys;
use crate::identity::memory::{Fingerprint, Memory};
use crate::identity::oidc::OidcVerifier;
use crate::identity::token::UnverifiedToken;
use crate::model::{IssuerName, Workload};
use crate::secret::Secret;
use crate::time::Clock;

/// How many verified tokens are remembered.
const REMEMBERED: usize = 10_000;

/// All configured issuers.
pub struct Identity {
    /// By the exact text of the `iss` claim.
    oidc: HashMap<String, OidcVerifier>,
    api_keys: ApiKeys,
    memory: Memory,
    clock: Arc<dyn Clock>,
}

impl Identity {
    /// Prepares all issuers. Reads CA and key files; nothing is fetched before the first token comes.
    ///
    /// # Errors
    ///
    /// If an issuer can never work as it is configured.
    pub fn new(issuers: &BTreeMap<IssuerName, Issuer>, clock: Arc<dyn Clock>) -> Result<Self, IdentityError> {
        let mut oidc: HashMap<String, OidcVerifier> = HashMap::new();
        let mut api_keys = ApiKeys::default();
        for (name, issuer) in issuers {
            match issuer {
                Issuer::Oidc(issuer) => {
                    let verifier = OidcVerifier::new(name, issuer, &clock)?;
                    if let Some(other) = oidc.insert(issuer.issuer.clone(), verifier) {
                        let (first, second) = (other.name().clone(), name.clone());
                        return Err(IdentityError::SameIssuer { first, second });
                    }
                }
                Issuer::ApiKey(issuer) => api_keys.add(name, issuer)?,
            }
        }
        Ok(Self { oidc, api_keys, memory: Memory::new(REMEMBERED), clock })
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
        let Some(issuer) = self.oidc.get(token.issuer()) else {
            return Err(Refusal::NoSuchIssuer { claimed: refusal::shown(token.issuer()) }.into());
        };
        let verified = issuer.verify(token).await?;
        let workload = Arc::new(verified.workload);
        self.memory.remember(fingerprint, Arc::clone(&workload), verified.until);
        Ok(workload)
    }

    /// Fetches the keys of all issuers now, so that the first caller need not wait and an operator learns what
    /// cannot be reached. The answer: how many keys each has that can be used.
    pub async fn load_keys(&self) -> BTreeMap<IssuerName, Result<usize, KeySourceError>> {
        let loads = self.oidc.values().map(async |issuer| (issuer.name().clone(), issuer.load_keys().await));
        join_all(loads).await.into_iter().collect()
    }
}
