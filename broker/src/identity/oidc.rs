//! One OpenID Connect issuer.

use std::sync::Arc;

use jsonwebtoken::Algorithm;

use crate::config::{self, OidcIssuer};
use crate::identity::jwks::Jwks;
use crate::identity::rule::{Rules, Verified};
use crate::identity::token::UnverifiedToken;
use crate::identity::{AuthenticationError, IdentityError, KeySourceError};
use crate::model::IssuerName;
use crate::time::Clock;

/// Verifies the tokens of one issuer.
pub(super) struct OidcVerifier {
    name: IssuerName,
    algorithms: Vec<Algorithm>,
    rules: Rules,
    jwks: Arc<Jwks>,
    clock: Arc<dyn Clock>,
}

impl OidcVerifier {
    pub(super) fn new(
        name: &IssuerName,
        issuer: &OidcIssuer,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, IdentityError> {
        if issuer.audiences.is_empty() {
            return Err(IdentityError::NoAudience { issuer: name.clone() });
        }
        if issuer.algorithms.is_empty() {
            return Err(IdentityError::NoAlgorithm { issuer: name.clone() });
        }
        Ok(Self {
            name: name.clone(),
            algorithms: issuer.algorithms.iter().copied().map(algorithm).collect(),
            rules: Rules::new(name, issuer),
            jwks: Arc::new(Jwks::new(name, issuer, Arc::clone(clock))?),
            clock: Arc::clone(clock),
        })
    }

    pub(super) fn name(&self) -> &IssuerName {
        &self.name
    }

    /// Who this token is about. Cheap checks come first: a token that cannot be right causes no fetch.
    pub(super) async fn verify(&self, token: UnverifiedToken<'_>) -> Result<Verified, AuthenticationError> {
        self.verified(token).await.map_err(|error| error.by(&self.name))
    }

    async fn verified(&self, token: UnverifiedToken<'_>) -> Result<Verified, AuthenticationError> {
        let algorithm = token.algorithm_among(&self.algorithms)?;
        let key = self.jwks.key(token.kid(), algorithm).await?;
        let claims = token.verify(algorithm, &key.key)?;
        let verified = self.rules.accept(claims, self.clock.now())?;
        // Beyond that, the key might have been withdrawn.
        Ok(Verified { until: verified.until.min(key.fresh_until), ..verified })
    }

    /// Fetches its keys now: how many there are that can be used.
    pub(super) async fn load_keys(&self) -> Result<usize, KeySourceError> {
        self.jwks.load().await
    }
}

fn algorithm(configured: config::Algorithm) -> Algorithm {
    match configured {
        config::Algorithm::RS256 => Algorithm::RS256,
        config::Algorithm::RS384 => Algorithm::RS384,
        config::Algorithm::RS512 => Algorithm::RS512,
        config::Algorithm::PS256 => Algorithm::PS256,
        config::Algorithm::PS384 => Algorithm::PS384,
        config::Algorithm::PS512 => Algorithm::PS512,
        config::Algorithm::ES256 => Algorithm::ES256,
        config::Algorithm::ES384 => Algorithm::ES384,
        config::Algorithm::EdDSA => Algorithm::EdDSA,
    }
}
