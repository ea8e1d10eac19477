//! A broker's view of one issuer, whose keys are known.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use chrono::DateTime;
use dsn_broker::config::{Algorithm, ApiKey, ApiKeyIssuer, Issuer, JwksSource, OidcIssuer, Span};
use dsn_broker::entropy::Entropy;
use dsn_broker::identity::{AuthenticationError, Identity, IdentityError, generate_api_key};
use dsn_broker::model::Workload;
use dsn_broker::secret::Secret;
use dsn_broker::time::ManualClock;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::identity::encode;

/// What the clock shows, in Unix seconds.
pub(super) const NOW: i64 = 1_800_000_000;
pub(super) const ISSUER: &str = "https://idp.example";
pub(super) const AUDIENCE: &str = "dsn-broker";

/// With keys of each kind, and with one API key.
pub(super) static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let [ed, p256] = [KeyOf::Ed25519, KeyOf::P256].map(KeyOf::jwk);
    // An odd number of the right length: nobody knows what fits it.
    let rsa = json!({ "kty": "RSA", "kid": "rsa", "n": encode([0xb5; 256]), "e": "AQAB" });
    Fixture::with_keys(&json!({ "keys": [ed, p256, rsa] }).to_string()).unwrap()
});

/// Believes tokens with these keys, and one API key.
pub(super) struct Fixture {
    identity: Identity,
    pub(super) api_key: Secret,
    _folder: tempfile::TempDir,
}

impl Fixture {
    pub(super) fn with_keys(jwks: &str) -> Result<Self, IdentityError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("jwks.json");
        std::fs::write(&file, jwks).unwrap();
        let oidc = OidcIssuer {
            issuer: ISSUER.to_owned(),
            audiences: vec![AUDIENCE.to_owned()],
            algorithms: vec![Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA],
            jwks: JwksSource::File(file),
            ca: None,
            leeway: Span(Duration::from_secs(60)),
            max_token_life: None,
            instance: None,
            refresh_every: Span(Duration::from_secs(600)),
            cool_down: Span(Duration::from_secs(30)),
        };
        let new = generate_api_key(&Same);
        let key = ApiKey { sha256: new.sha256, expires_at: None, claims: BTreeMap::new() };
        let keys = ApiKeyIssuer { keys: [("ci".to_owned(), key)].into() };
        let issuers = [("idp", Issuer::Oidc(oidc)), ("keys", Issuer::ApiKey(keys))];
        let issuers = issuers.map(|(name, issuer)| (name.parse().unwrap(), issuer)).into();
        let clock = ManualClock::new(DateTime::from_timestamp(NOW, 0).unwrap());
        let identity = Identity::new(&issuers, Arc::new(clock))?;
        Ok(Self { identity, api_key: new.key, _folder: folder })
    }

    /// Whose proof this is.
    pub(super) fn ask(&self, proof: &str) -> Result<Arc<Workload>, AuthenticationError> {
        static RUNTIME: LazyLock<Runtime> =
            LazyLock::new(|| tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap());
        RUNTIME.block_on(self.identity.authenticate(&Secret::new(proof)))
    }
}

/// The issuer's keys. Anyone can read here what they are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyOf {
    Ed25519,
    P256,
}

impl KeyOf {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed",
            Self::P256 => "p",
        }
    }

    /// The name of its algorithm in a token.
    pub(super) fn algorithm(self) -> &'static str {
        match self {
            Self::Ed25519 => "EdDSA",
            Self::P256 => "ES256",
        }
    }

    /// The public half: its coordinates as a JWK has them.
    pub(super) fn public(self) -> Vec<String> {
        match self {
            Self::Ed25519 => vec![encode(ED25519.public_key())],
            Self::P256 => P256.public_key().as_ref()[1..].chunks(32).map(encode).collect(),
        }
    }

    fn jwk(self) -> serde_json::Value {
        let public = self.public();
        match self {
            Self::Ed25519 => json!({ "kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": public[0] }),
            Self::P256 => json!({ "kty": "EC", "crv": "P-256", "kid": "p", "x": public[0], "y": public[1] }),
        }
    }

    /// A token with this header and these claims.
    pub(super) fn sign(self, header: &[u8], claims: &[u8]) -> String {
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature = match self {
            Self::Ed25519 => encode(ED25519.sign(signed.as_bytes())),
            Self::P256 => encode(P256.sign(&SystemRandom::new(), signed.as_bytes()).unwrap()),
        };
        format!("{signed}.{signature}")
    }

    /// A token that is right in everything.
    pub(super) fn good_token(self, kid: Option<&str>, subject: &str) -> String {
        let mut header = json!({ "alg": self.algorithm() });
        if let Some(kid) = kid {
            header["kid"] = kid.into();
        }
        let claims = json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": subject, "iat": NOW, "exp": NOW + 600 });
        self.sign(header.to_string().as_bytes(), claims.to_string().as_bytes())
    }
}

static ED25519: LazyLock<Ed25519KeyPair> =
    LazyLock::new(|| Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap());

/// The private half is the number one, so that the public half is the point from which the curve counts (SEC 2 §2.4.2).
static P256: LazyLock<EcdsaKeyPair> = LazyLock::new(|| {
    let mut one = [0; 32];
    one[31] = 1;
    let (x, y) = (0x6b17d1f2_e12c4247_f8bce6e5_63a440f2_u128, 0x77037d81_2deb33a0_f4a13945_d898c296_u128);
    let (z, w) = (0x4fe342e2_fe1a7f9b_8ee7eb4a_7c0f9e16_u128, 0x2bce3357_6b315ece_cbb64068_37bf51f5_u128);
    let halves = [x, y, z, w].map(u128::to_be_bytes).concat();
    let point = [&[4], halves.as_slice()].concat();
    let random = SystemRandom::new();
    EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, &one, &point, &random)
        .unwrap()
});

/// No chance: the key is the same in each run.
struct Same;

impl Entropy for Same {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(9);
    }
}
