//! SVIDs of a SPIFFE trust domain: tokens (JWT-SVID) and client certificates (X.509-SVID).
//!
//! Both name a workload by its SPIFFE ID. The trust domain in it says whose bundle to verify with, and no other bundle
//! is ever tried: who holds the keys of one domain can say nothing about another.
//!
//! What was verified is remembered together with the bundle that it was verified by, so that a new bundle counts from
//! the next request on, also on connections that are open.

mod bundle;
mod certificate;
mod keeper;

use std::sync::Arc;

use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

pub use certificate::ClientCertificates;

use crate::config::{Glob, SpiffeIssuer, SvidKind};
use crate::identity::date::DateRules;
use crate::identity::jwt::algorithms;
use crate::identity::memory::{Fingerprint, Memory};
use crate::identity::refusal::shown;
use crate::identity::rule::{Rules, Verified};
use crate::identity::spiffe::bundle::Bundle;
use crate::identity::spiffe::keeper::Keeper;
use crate::identity::token::UnverifiedToken;
use crate::identity::{AuthenticationError, IdentityError, KeySourceError, Refusal};
use crate::model::{Claims, IssuerName, Principal, SpiffeId, Workload};
use crate::secret::Secret;
use crate::time::{Clock, Timestamp};

/// Verifies the SVIDs of one trust domain.
pub(super) struct SpiffeVerifier {
    name: IssuerName,
    keeper: Keeper,
    kinds: Vec<SvidKind>,
    paths: Vec<Glob>,
    algorithms: Vec<Algorithm>,
    /// For tokens; none if they are not accepted.
    rules: Option<Rules>,
    memory: Arc<Memory>,
    clock: Arc<dyn Clock>,
}

impl SpiffeVerifier {
    pub(super) fn new(
        name: &IssuerName,
        issuer: &SpiffeIssuer,
        memory: &Arc<Memory>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, IdentityError> {
        let dates = DateRules::new(issuer.leeway, issuer.max_token_life);
        let rules = || Rules::new(name, &issuer.audiences, dates, None);
        Ok(Self {
            name: name.clone(),
            keeper: Keeper::new(name, issuer, clock)?,
            rules: issuer.svid.contains(&SvidKind::Jwt).then(rules).transpose()?,
            kinds: issuer.svid.clone(),
            paths: issuer.paths.clone(),
            algorithms: algorithms(name, &issuer.algorithms)?,
            memory: Arc::clone(memory),
            clock: Arc::clone(clock),
        })
    }

    pub(super) fn name(&self) -> &IssuerName {
        &self.name
    }

    /// Who this JWT-SVID is about, which claims to be of this trust domain (JWT-SVID standard §4 and §5).
    pub(super) async fn verify_token(
        &self,
        token: UnverifiedToken<'_>,
        proof: &Secret,
        id: &SpiffeId,
    ) -> Result<Arc<Workload>, AuthenticationError> {
        let verified = async {
            let bundle = self.bundle().await?;
            let fingerprint = Fingerprint::of_bytes([bundle.digest(), proof.expose().as_bytes()]);
            if let Some(workload) = self.memory.recall(&fingerprint, self.clock.now()) {
                return Ok(workload);
            }
            let rules = self.rules.as_ref().ok_or(Refusal::SvidNotAccepted(SvidKind::Jwt))?;
            if !token.kind().is_none_or(|kind| matches!(kind.as_str(), Some("JWT" | "JOSE"))) {
                return Err(Refusal::Malformed("its typ is neither JWT nor JOSE").into());
            }
            let algorithm = token.algorithm_among(&self.algorithms)?;
            let key = bundle.keys().find(token.kid(), algorithm)?;
            let claims = token.verify(algorithm, key)?.into_map();
            let about = |refusal| AuthenticationError::from(refusal).about(id.as_str());
            let until = rules.until(&claims, self.clock.now()).map_err(about)?;
            self.check_path(id).map_err(about)?;
            let verified = self.workload(id, SvidKind::Jwt, until);
            Ok(self.remember(fingerprint, verified))
        };
        verified.await.map_err(|error: AuthenticationError| error.by(&self.name))
    }

    /// Who showed this X.509-SVID, which claims to be of this trust domain (X.509-SVID standard §5).
    pub(super) async fn verify_certificates(
        &self,
        shown: &ClientCertificates,
        id: &SpiffeId,
    ) -> Result<Arc<Workload>, AuthenticationError> {
        let verified = async {
            if !self.kinds.contains(&SvidKind::X509) {
                return Err(Refusal::SvidNotAccepted(SvidKind::X509).into());
            }
            let bundle = self.bundle().await?;
            let fingerprint = Fingerprint::of_bytes([bundle.digest(), shown.fingerprint()]);
            if let Some(workload) = self.memory.recall(&fingerprint, self.clock.now()) {
                return Ok(workload);
            }
            let until = shown.verify(bundle.authorities(), self.clock.now())?;
            self.check_path(id).map_err(|refusal| AuthenticationError::from(refusal).about(id.as_str()))?;
            Ok(self.remember(fingerprint, self.workload(id, SvidKind::X509, until)))
        };
        verified.await.map_err(|error: AuthenticationError| error.by(&self.name))
    }

    /// Looks whether the bundle has changed.
    pub(super) async fn look_again(&self) {
        self.keeper.look().await;
    }

    /// Has the bundle now: how many authorities and keys there are that can be used.
    pub(super) async fn load_keys(&self) -> Result<usize, KeySourceError> {
        self.keeper.load().await
    }

    async fn bundle(&self) -> Result<Arc<Bundle>, Refusal> {
        self.keeper.bundle().await.ok_or(Refusal::KeySourceDown)
    }

    fn check_path(&self, id: &SpiffeId) -> Result<(), Refusal> {
        if self.paths.is_empty() || self.paths.iter().any(|path| path.matches(id.path())) {
            Ok(())
        } else {
            Err(Refusal::PathNotAccepted { path: shown(id.path()) })
        }
    }

    /// The attributes are ours alone: what else an SVID says is not for authorization.
    fn workload(&self, id: &SpiffeId, kind: SvidKind, until: Timestamp) -> Verified {
        let claims = [
            ("trust_domain", id.trust_domain().to_string()),
            ("path", id.path().to_owned()),
            ("svid", kind.to_string()),
        ];
        let claims: Map<_, _> =
            claims.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
        let principal = Principal { issuer: self.name.clone(), subject: id.to_string() };
        Verified { workload: Workload { principal, claims: Claims(claims), instance: None }, until }
    }

    fn remember(&self, fingerprint: Fingerprint, verified: Verified) -> Arc<Workload> {
        let workload = Arc::new(verified.workload);
        self.memory.remember(fingerprint, Arc::clone(&workload), verified.until);
        workload
    }
}
