//! `kind: kubernetes`: a cluster, whose service account tokens are accepted.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::check;
use crate::config::issuer::{Algorithm, JwksSource, check_audiences, check_source};
use crate::config::mistake::{Key, Mistakes};
use crate::config::{ClaimPath, Span};

/// A Kubernetes cluster. The tokens that it gives to the service accounts of pods are verified here, by its published keys.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KubernetesIssuer {
    /// The exact text of the `iss` claim: the API server's `--service-account-issuer`.
    pub issuer: String,
    /// Who the tokens must be for: one of these must be in the `aud` claim. Never the API server itself.
    pub audiences: Vec<String>,
    /// The signature algorithms that are accepted. Default: RS256, ES256 and ES384.
    #[serde(default = "algorithms")]
    pub algorithms: Vec<Algorithm>,
    /// Where its keys are: `discovery`, `{url: …}` or `{file: …}`. Default: `discovery`. In the cluster itself the address
    /// is `https://kubernetes.default.svc/openid/v1/jwks`.
    #[serde(default)]
    pub jwks: JwksSource,
    /// The CA that signed the API server's certificate. Default: the system's roots. In a pod it is in
    /// `/var/run/secrets/kubernetes.io/serviceaccount/ca.crt`.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// The broker's own token for the API server, where that does not show its keys to everybody. It is read again for
    /// each request, and sent to the host of `issuer` or of `jwks` alone, wherever a discovery document points to. Default: none.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
    /// Accept tokens that are bound to no pod, as `kubectl create token` makes them: they outlive what they were made for,
    /// and have no instance. Default: `false`.
    #[serde(default)]
    pub allow_without_pod: bool,
    /// Also ask the API server about each token, so that it ends with its pod. Default: tokens are good until they expire.
    #[serde(default)]
    pub token_review: Option<TokenReview>,
    /// By how much clocks may differ. At most `10m`. Default: `1m`.
    #[serde(default = "super::leeway")]
    pub leeway: Span,
    /// The longest life (`exp` minus `iat`) that a token may have. Default: no limit.
    #[serde(default)]
    pub max_token_life: Option<Span>,
    /// The claim that tells the instances (pods, processes) of one subject apart. Default: the uid of the pod.
    #[serde(default)]
    pub instance: Option<ClaimPath>,
    /// How long fetched keys are used before they are fetched again. At least `1s`. Default: `10m`.
    #[serde(default = "super::refresh_every")]
    pub refresh_every: Span,
    /// How soon after a fetch an unknown key identifier may cause the next one. At least `1s`. Default: `30s`.
    #[serde(default = "super::cool_down")]
    pub cool_down: Span,
}

/// How the API server is asked about tokens (`TokenReview` of `authentication.k8s.io/v1`).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenReview {
    /// The API server. Default: `https://kubernetes.default.svc`.
    #[serde(default = "api_server")]
    pub url: String,
    /// The broker's own token there, read again for each request. Its service account needs the ClusterRole
    /// `system:auth-delegator`. Default: `/var/run/secrets/kubernetes.io/serviceaccount/token`.
    #[serde(default = "token_file")]
    pub token_file: PathBuf,
    /// The CA that signed its certificate. Default: `ca` of the issuer.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// For how long a token that it vouched for is not asked about again. The token of a deleted pod is good for as long,
    /// and for the 10 s that API servers themselves remember one. `1s` to `10m`. Default: `30s`.
    #[serde(default = "cache")]
    pub cache: Span,
    /// What becomes of tokens while it does not answer. Default: `refuse`.
    #[serde(default)]
    pub when_unavailable: WhenUnavailable,
}

/// What becomes of tokens about which the API server cannot be asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhenUnavailable {
    /// They are refused with 503: the fault is ours.
    #[default]
    Refuse,
    /// They are accepted if their signature and claims are right, also those of deleted pods.
    Accept,
}

impl KubernetesIssuer {
    pub(super) fn check(&self, key: &Key, mistakes: &mut Mistakes) {
        check_source(&self.issuer, &self.jwks, key, mistakes);
        check_audiences(&self.audiences, key, mistakes);
        if let Some(index) = self.audiences.iter().position(|audience| *audience == self.issuer) {
            let message = "tokens for the API server itself would be accepted, and whoever reads one here could use it \
                           there: name an audience of the broker's own, and let pods project a token for that";
            mistakes.add(key.at("audiences").index(index), message);
        }
        super::check_tokens(&self.algorithms, self.leeway, self.max_token_life, key, mistakes);
        super::check_times(self.refresh_every, self.cool_down, key, mistakes);
        if let Some(file) = &self.ca {
            check::authorities(file, &key.at("ca"), mistakes);
        }
        if self.token_file.is_some() && matches!(self.jwks, JwksSource::File(_)) {
            mistakes.add(key.at("token_file"), "`jwks` is a file: nobody is asked for keys, remove this");
        } else if let Some(file) = &self.token_file {
            check::readable(file, &key.at("token_file"), mistakes);
        }
        if let Some(review) = &self.token_review {
            review.check(&key.at("token_review"), mistakes);
        }
    }
}

impl TokenReview {
    fn check(&self, key: &Key, mistakes: &mut Mistakes) {
        check::web_address(&self.url, &key.at("url"), mistakes);
        check::readable(&self.token_file, &key.at("token_file"), mistakes);
        if let Some(file) = &self.ca {
            check::authorities(file, &key.at("ca"), mistakes);
        }
        check::at_least(Span::secs(1), self.cache, key.at("cache"), mistakes);
        if self.cache > Span::secs(600) {
            mistakes.add(key.at("cache"), format!("{} is too long: at most 10m", self.cache));
        }
    }
}

fn algorithms() -> Vec<Algorithm> {
    vec![Algorithm::RS256, Algorithm::ES256, Algorithm::ES384]
}

fn api_server() -> String {
    "https://kubernetes.default.svc".to_owned()
}

fn token_file() -> PathBuf {
    "/var/run/secrets/kubernetes.io/serviceaccount/token".into()
}

fn cache() -> Span {
    Span(Duration::from_secs(30))
}
