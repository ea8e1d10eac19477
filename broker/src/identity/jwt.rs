//! Tokens of an issuer that publishes its keys.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::Algorithm;

use crate::config::{self, ClaimPath, JwksSource, KubernetesIssuer, OidcIssuer};
use crate::identity::date::DateRules;
use crate::identity::jwks::Jwks;
use crate::identity::rule::{Rules, Verified};
use crate::identity::token::UnverifiedToken;
use crate::identity::{AuthenticationError, IdentityError, KeySourceError};
use crate::model::IssuerName;
use crate::time::Clock;

/// Verifies the tokens of one issuer.
pub(super) struct JwtVerifier {
    name: IssuerName,
    algorithms: Vec<Algorithm>,
    rules: Rules,
    jwks: Arc<Jwks>,
    clock: Arc<dyn Clock>,
}

/// What the configurations of such issuers have in common.
pub(super) struct Settings<'a> {
    pub(super) issuer: &'a str,
    pub(super) audiences: &'a [String],
    pub(super) algorithms: &'a [config::Algorithm],
    pub(super) dates: DateRules,
    pub(super) instance: Option<&'a ClaimPath>,
    pub(super) jwks: &'a JwksSource,
    pub(super) ca: Option<&'a Path>,
    pub(super) token_file: Option<&'a Path>,
    pub(super) refresh_every: Duration,
    pub(super) cool_down: Duration,
}

impl<'a> From<&'a OidcIssuer> for Settings<'a> {
    fn from(issuer: &'a OidcIssuer) -> Self {
        Self {
            issuer: &issuer.issuer,
            audiences: &issuer.audiences,
            algorithms: &issuer.algorithms,
            dates: DateRules::new(issuer.leeway, issuer.max_token_life),
            instance: issuer.instance.as_ref(),
            jwks: &issuer.jwks,
            ca: issuer.ca.as_deref(),
            token_file: None,
            refresh_every: issuer.refresh_every.0,
            cool_down: issuer.cool_down.0,
        }
    }
}

impl<'a> From<&'a KubernetesIssuer> for Settings<'a> {
    fn from(cluster: &'a KubernetesIssuer) -> Self {
        Self {
            issuer: &cluster.issuer,
            audiences: &cluster.audiences,
            algorithms: &cluster.algorithms,
            dates: DateRules::new(cluster.leeway, cluster.max_token_life),
            instance: cluster.instance.as_ref(),
            jwks: &cluster.jwks,
            ca: cluster.ca.as_deref(),
            token_file: cluster.token_file.as_deref(),
            refresh_every: cluster.refresh_every.0,
            cool_down: cluster.cool_down.0,
        }
    }
}

impl JwtVerifier {
    pub(super) fn new(
        name: &IssuerName,
        settings: &Settings<'_>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, IdentityError> {
        Ok(Self {
            name: name.clone(),
            algorithms: algorithms(name, settings.algorithms)?,
            rules: Rules::new(name, settings.audiences, settings.dates, settings.instance)?,
            jwks: Arc::new(Jwks::new(name, settings, Arc::clone(clock))?),
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

/// The algorithms that an issuer's tokens may be signed with; at least one.
pub(super) fn algorithms(
    name: &IssuerName,
    configured: &[config::Algorithm],
) -> Result<Vec<Algorithm>, IdentityError> {
    if configured.is_empty() {
        return Err(IdentityError::NoAlgorithm { issuer: name.clone() });
    }
    Ok(configured.iter().copied().map(algorithm).collect())
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
