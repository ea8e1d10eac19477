//! Proofs of identity, on real issuers with TLS.

mod dispatch;
mod flipped;
mod keys;
mod kubernetes;
mod odd_servers;
mod spiffe;
mod svid_rotation;
mod tokens;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use devstack::{Ca, Claims, Oidc};
use dsn_broker::config::{Algorithm, Issuer, JwksSource, OidcIssuer, Span};
use dsn_broker::identity::{Identity, IdentityError, Refusal};
use dsn_broker::model::{IssuerName, Workload};
use dsn_broker::secret::Secret;
use dsn_broker::time::{Clock, ManualClock};

use crate::stand::{Answer, Stand, log, record};

/// When the tests begin, in Unix seconds.
const START: u64 = 1_800_000_000;
const LEEWAY: Duration = Duration::from_secs(60);
const REFRESH_EVERY: Duration = Duration::from_secs(600);
const COOL_DOWN: Duration = Duration::from_secs(30);

/// As devstack mints them.
const ALGORITHMS: [(devstack::Algorithm, Algorithm); 9] = [
    (devstack::Algorithm::Rs256, Algorithm::RS256),
    (devstack::Algorithm::Rs384, Algorithm::RS384),
    (devstack::Algorithm::Rs512, Algorithm::RS512),
    (devstack::Algorithm::Ps256, Algorithm::PS256),
    (devstack::Algorithm::Ps384, Algorithm::PS384),
    (devstack::Algorithm::Ps512, Algorithm::PS512),
    (devstack::Algorithm::Es256, Algorithm::ES256),
    (devstack::Algorithm::Es384, Algorithm::ES384),
    (devstack::Algorithm::EdDsa, Algorithm::EdDSA),
];

/// An issuer, and a clock that stands still.
struct Fixture {
    oidc: Oidc,
    clock: ManualClock,
    ca: PathBuf,
    _folder: tempfile::TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let ca = Ca::generate().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::new(DateTime::from_timestamp(START.try_into().unwrap(), 0).unwrap());
        let path = ca.write_to(folder.path()).unwrap();
        Self { oidc: Oidc::start(&ca).await.unwrap(), clock, ca: path, _folder: folder }
    }

    /// Accepts everything that the issuer can sign with.
    fn issuer(&self) -> OidcIssuer {
        OidcIssuer {
            issuer: self.oidc.issuer().to_owned(),
            audiences: vec!["dsn-broker".to_owned()],
            algorithms: ALGORITHMS.map(|(_, ours)| ours).to_vec(),
            jwks: JwksSource::Discovery,
            ca: Some(self.ca.clone()),
            leeway: Span(LEEWAY),
            max_token_life: None,
            instance: None,
            refresh_every: Span(REFRESH_EVERY),
            cool_down: Span(COOL_DOWN),
        }
    }

    /// Believes this issuer alone, as `idp`.
    fn identity(&self, issuer: OidcIssuer) -> Identity {
        self.identity_of([("idp", Issuer::Oidc(issuer))]).unwrap()
    }

    fn identity_of<const N: usize>(&self, issuers: [(&str, Issuer); N]) -> Result<Identity, IdentityError> {
        let issuers: BTreeMap<IssuerName, Issuer> =
            issuers.into_iter().map(|(name, issuer)| (name.parse().unwrap(), issuer)).collect();
        Identity::new(&issuers, Arc::new(self.clock.clone()))
    }

    /// About the subject `web`, minted now.
    fn claims(&self) -> Claims {
        Claims::of("web").now(self.clock.now().timestamp().try_into().unwrap())
    }

    fn token(&self) -> Secret {
        self.mint(&self.claims())
    }

    fn mint(&self, claims: &Claims) -> Secret {
        let token = self.oidc.mint(claims).unwrap();
        record::secret(&token);
        Secret::new(token)
    }
}

async fn accepted(identity: &Identity, proof: &Secret) -> Arc<Workload> {
    identity.authenticate(proof).await.unwrap()
}

async fn refused(identity: &Identity, proof: &Secret) -> Refusal {
    let error = identity.authenticate(proof).await.unwrap_err();
    record::secret(proof.expose());
    record::said("refusals", &format!("{error} {error:?}"));
    error.refusal
}

/// Waits for what happens in the background; asks again and again, without a pause.
async fn eventually(mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("it never came to be");
}

/// One body for every cause; the log alone has the reason.
#[track_caller]
fn assert_refused(answer: &Answer, unproven: &Answer, reason: &str) {
    assert_eq!(answer.shape(), unproven.shape(), "{reason}");
    assert_eq!(answer.status, reqwest::StatusCode::UNAUTHORIZED);
    assert_reason(answer, reason);
}

#[track_caller]
fn assert_reason(answer: &Answer, reason: &str) {
    let lines = log::of_request(answer.headers["x-request-id"].to_str().unwrap());
    let said = lines.last().unwrap_or_else(|| panic!("nothing is logged: {reason}"))["reason"].to_string();
    assert!(said.contains(reason), "{said} is not because {reason}");
}

/// The answer to who proves nothing at all.
async fn unproven(stand: &Stand) -> Answer {
    Answer::of(stand.request(reqwest::Method::GET, "/v1/whoami")).await
}
