//! Service account tokens of a Kubernetes cluster.
//!
//! A token is verified here, by the cluster's published keys. It must say of whom it is (namespace, service account,
//! pod) and agree with itself. What it does not say is whether the pod is still there: for that, the API server can
//! be asked.

mod review;

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use crate::config::KubernetesIssuer;
use crate::identity::jwt::{JwtVerifier, Settings};
use crate::identity::kubernetes::review::Reviewer;
use crate::identity::rule::{Verified, is_name};
use crate::identity::token::UnverifiedToken;
use crate::identity::{AuthenticationError, IdentityError, KeySourceError, Refusal};
use crate::model::{Claims, IssuerName};
use crate::secret::Secret;
use crate::time::Clock;

/// Verifies the tokens of one cluster.
pub(super) struct KubernetesVerifier {
    jwt: JwtVerifier,
    allow_without_pod: bool,
    reviewer: Option<Reviewer>,
}

/// Whose token it is, as the API server says in the claim `kubernetes.io`.
#[derive(Debug, Deserialize)]
struct Bound {
    namespace: String,
    serviceaccount: Named,
    pod: Option<Named>,
    node: Option<Named>,
}

#[derive(Debug, Deserialize)]
struct Named {
    name: String,
    uid: String,
}

impl KubernetesVerifier {
    pub(super) fn new(
        name: &IssuerName,
        cluster: &KubernetesIssuer,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, IdentityError> {
        let reviewer = cluster.token_review.as_ref();
        Ok(Self {
            jwt: JwtVerifier::new(name, &Settings::from(cluster), clock)?,
            allow_without_pod: cluster.allow_without_pod,
            reviewer: reviewer.map(|review| Reviewer::new(name, cluster, review, clock)).transpose()?,
        })
    }

    pub(super) fn name(&self) -> &IssuerName {
        self.jwt.name()
    }

    /// Who this token is about. The API server is asked about good ones alone.
    pub(super) async fn verify(
        &self,
        token: UnverifiedToken<'_>,
        proof: &Secret,
    ) -> Result<Verified, AuthenticationError> {
        let mut verified = self.jwt.verify(token).await?;
        let subject = verified.workload.principal.subject.clone();
        let said = |refusal| AuthenticationError::from(refusal).by(self.name()).about(&subject);
        let bound = Bound::read(&verified.workload.claims, &subject).map_err(said)?;
        if bound.pod.is_none() && !self.allow_without_pod {
            return Err(said(Refusal::BoundToNoPod));
        }
        if let Some(reviewer) = &self.reviewer {
            let until = reviewer.vouch(proof, &subject, &bound).await.map_err(said)?;
            verified.until = verified.until.min(until);
        }
        bound.tell(&mut verified.workload.claims);
        Ok(verified)
    }

    pub(super) async fn load_keys(&self) -> Result<usize, KeySourceError> {
        self.jwt.load_keys().await
    }

    /// Whether the API server lets the broker ask about tokens; `None` if it is not to.
    pub(super) async fn try_review(&self) -> Option<Result<(), KeySourceError>> {
        match &self.reviewer {
            Some(reviewer) => Some(reviewer.try_once().await),
            None => None,
        }
    }
}

impl Bound {
    /// The API server makes the subject of the same words.
    fn read(claims: &Claims, subject: &str) -> Result<Self, Refusal> {
        let claim = claims.at(["kubernetes.io"]).ok_or(Refusal::Malformed("it has no kubernetes.io"))?;
        let bound = Self::deserialize(claim).map_err(|_| {
            Refusal::Malformed(
                "its kubernetes.io does not have the names and uids of its namespace, service account and pod",
            )
        })?;
        let named = [Some(&bound.serviceaccount), bound.pod.as_ref(), bound.node.as_ref()];
        let texts = named.into_iter().flatten().flat_map(|named| [&named.name, &named.uid]);
        if !texts.chain([&bound.namespace]).all(|text| is_name(text)) {
            return Err(Refusal::Malformed("a name or uid in its kubernetes.io is none"));
        }
        let expected = format!("system:serviceaccount:{}:{}", bound.namespace, bound.serviceaccount.name);
        if subject == expected { Ok(bound) } else { Err(Refusal::OtherServiceAccount) }
    }

    /// What bindings look at, under short names of its own.
    fn tell(self, claims: &mut Claims) {
        let short = [
            ("namespace", Some(self.namespace)),
            ("service_account", Some(self.serviceaccount.name)),
            ("pod", self.pod.map(|pod| pod.name)),
            ("node", self.node.map(|node| node.name)),
        ];
        for (name, value) in short {
            // Also what a token says under such a name and the API server never would.
            claims.0.remove(name);
            claims.0.extend(value.map(|value| (name.to_owned(), Value::from(value))));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(bound: &Value) -> Claims {
        Claims(json!({ "kubernetes.io": bound, "node": "forged" }).as_object().unwrap().clone())
    }

    #[test]
    fn claims_and_subject_must_name_the_same_service_account() {
        let good = json!({"namespace": "shop", "serviceaccount": {"name": "web", "uid": "u"}, "secret": 1});
        let mut told = claims(&good);
        Bound::read(&told, "system:serviceaccount:shop:web").unwrap().tell(&mut told);
        assert_eq!(told.at(["namespace"]), Some(&json!("shop")));
        assert_eq!(told.at(["service_account"]), Some(&json!("web")));
        assert_eq!((told.at(["pod"]), told.at(["node"])), (None, None));
        for subject in [
            "system:serviceaccount:shop:other",
            "system:serviceaccount:other:web",
            "system:serviceaccount:shop:web:",
            "system:node:web",
            "shop:web",
            "",
        ] {
            assert_eq!(
                Bound::read(&claims(&good), subject).unwrap_err(),
                Refusal::OtherServiceAccount,
                "{subject}"
            );
        }
    }

    #[test]
    fn what_is_missing_or_no_name_is_malformed() {
        for bad in [
            json!(null),
            json!("shop"),
            json!({"namespace": "shop"}),
            json!({"namespace": "shop", "serviceaccount": {"name": "web"}}),
            json!({"namespace": ["shop"], "serviceaccount": {"name": "web", "uid": "u"}}),
            json!({"namespace": "shop", "serviceaccount": {"name": "web", "uid": ""}}),
            json!({"namespace": "shop", "serviceaccount": {"name": "web", "uid": "u"}, "pod": {}}),
            json!({"namespace": "shop", "serviceaccount": {"name": "web", "uid": "u"}, "pod": {"name": "a\n", "uid": "u"}}),
        ] {
            let refusal = Bound::read(&claims(&bad), "system:serviceaccount:shop:web").unwrap_err();
            assert!(matches!(refusal, Refusal::Malformed(_)), "{bad}: {refusal}");
        }
        assert!(matches!(Bound::read(&Claims::default(), "a"), Err(Refusal::Malformed(_))));
    }
}
