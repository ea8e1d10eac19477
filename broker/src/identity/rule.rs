//! What an issuer's configuration demands of well-signed claims.

use serde_json::{Map, Value};

use crate::config::ClaimPath;
use crate::identity::date::{DateRules, Dates, after};
use crate::identity::token::VerifiedClaims;
use crate::identity::{AuthenticationError, IdentityError, Refusal};
use crate::model::{Claims, IssuerName, Principal, Workload};
use crate::time::Timestamp;

/// The demands of one issuer.
#[derive(Debug)]
pub(super) struct Rules {
    issuer: IssuerName,
    audiences: Vec<String>,
    dates: DateRules,
    instance: Option<ClaimPath>,
}

/// A workload, and how long its proof proves it.
#[derive(Debug)]
pub(super) struct Verified {
    pub(super) workload: Workload,
    pub(super) until: Timestamp,
}

impl Rules {
    /// An error if they would let in tokens for anyone.
    pub(super) fn new(
        name: &IssuerName,
        audiences: &[String],
        dates: DateRules,
        instance: Option<&ClaimPath>,
    ) -> Result<Self, IdentityError> {
        if audiences.is_empty() {
            return Err(IdentityError::NoAudience { issuer: name.clone() });
        }
        Ok(Self { issuer: name.clone(), audiences: audiences.to_vec(), dates, instance: instance.cloned() })
    }

    /// The workload that the claims are about, if they are for us and valid at `now`.
    pub(super) fn accept(
        &self,
        claims: VerifiedClaims,
        now: Timestamp,
    ) -> Result<Verified, AuthenticationError> {
        let subject = subject(claims.as_map())?;
        let until = self
            .until(claims.as_map(), now)
            .map_err(|refusal| AuthenticationError::from(refusal).about(&subject))?;
        let claims = Claims(claims.into_map());
        let instance = self.instance(&claims);
        let principal = Principal { issuer: self.issuer.clone(), subject };
        Ok(Verified { workload: Workload { principal, claims, instance }, until })
    }

    /// Until when the claims are valid, if they are now and for us.
    pub(super) fn until(&self, claims: &Map<String, Value>, now: Timestamp) -> Result<Timestamp, Refusal> {
        let dates = Dates::read(claims)?;
        dates.check(self.dates, now)?;
        if !self.is_for_us(claims.get("aud")) {
            return Err(Refusal::WrongAudience);
        }
        Ok(after(dates.expires, self.dates.leeway))
    }

    /// `aud` is a text or a list of them (RFC 7519 §4.1.3).
    fn is_for_us(&self, audience: Option<&Value>) -> bool {
        let is_ours =
            |value: &Value| value.as_str().is_some_and(|text| self.audiences.iter().any(|ours| ours == text));
        match audience {
            Some(Value::Array(list)) => list.iter().any(is_ours),
            Some(value) => is_ours(value),
            None => false,
        }
    }

    /// By the configured claim; else by the pod, which Kubernetes says of its own accord.
    fn instance(&self, claims: &Claims) -> Option<String> {
        let value = match &self.instance {
            Some(path) => claims.at(path.steps()),
            None => claims.at(["kubernetes.io", "pod", "uid"]),
        };
        value.and_then(Value::as_str).filter(|text| is_name(text)).map(str::to_owned)
    }
}

/// Whether a text can name someone: it goes into logs, keys and comparisons.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= 512 && !text.chars().any(char::is_control)
}

fn subject(claims: &Map<String, Value>) -> Result<String, Refusal> {
    match claims.get("sub") {
        Some(Value::String(text)) if is_name(text) => Ok(text.clone()),
        Some(_) => {
            Err(Refusal::Malformed("its sub is not a text of 1 to 512 characters without control characters"))
        }
        None => Err(Refusal::Malformed("it has no sub")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::DateTime;
    use serde_json::json;

    use super::*;

    fn rules() -> Rules {
        rules_with(None)
    }

    fn rules_with(instance: Option<&str>) -> Rules {
        Rules {
            issuer: "idp".parse().unwrap(),
            audiences: vec!["dsn-broker".to_owned(), "https://broker.example".to_owned()],
            dates: DateRules { leeway: Duration::from_secs(60), max_life: None },
            instance: instance.map(|path| path.parse().unwrap()),
        }
    }

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn one_of_the_audiences_must_be_ours_exactly() {
        let is_for_us = |audience: Value| rules().is_for_us(Some(&audience));
        for good in [json!("dsn-broker"), json!(["x", "https://broker.example"]), json!([1, "dsn-broker"])] {
            assert!(is_for_us(good.clone()), "{good}");
        }
        for bad in [
            json!("DSN-broker"),
            json!("dsn-broker "),
            json!("https://broker.example/"),
            json!([]),
            json!([["dsn-broker"]]),
            json!({"dsn-broker": true}),
            json!(null),
            json!("*"),
        ] {
            assert!(!is_for_us(bad.clone()), "{bad}");
        }
        assert!(!rules().is_for_us(None));
    }

    #[test]
    fn a_proof_is_good_until_its_expiry_and_the_leeway() {
        let now = DateTime::from_timestamp(1_000, 0).unwrap();
        let until = rules().until(&object(json!({"exp": 2_000, "aud": "dsn-broker"})), now);
        assert_eq!(until, Ok(DateTime::from_timestamp(2_060, 0).unwrap()));
    }

    #[test]
    fn subjects_are_short_printable_texts() {
        for good in ["a", "system:serviceaccount:shop:web", "ä", &"ä".repeat(512)] {
            assert_eq!(subject(&object(json!({ "sub": good }))).as_deref(), Ok(good));
        }
        for bad in [
            json!(""),
            json!("a\nb"),
            json!("a\u{7f}"),
            json!("a\0"),
            json!("a".repeat(513)),
            json!(1),
            json!(null),
        ] {
            assert!(subject(&object(json!({ "sub": bad }))).is_err(), "{bad}");
        }
        assert!(subject(&Map::new()).is_err());
    }

    #[test]
    fn the_instance_is_the_pod_unless_another_claim_is_configured() {
        let claims = |claims: Value| Claims(object(claims));
        let pod = claims(json!({"kubernetes.io": {"pod": {"name": "web-1", "uid": "u-1"}}}));
        assert_eq!(rules().instance(&pod).as_deref(), Some("u-1"));
        for configured in ["jti", r#""kubernetes.io".node.name"#] {
            let pod = claims(
                json!({"jti": "n-1", "kubernetes.io": {"node": {"name": "n-1"}, "pod": {"uid": "u-1"}}}),
            );
            assert_eq!(rules_with(Some(configured)).instance(&pod).as_deref(), Some("n-1"));
        }
        assert_eq!(rules_with(Some("jti")).instance(&pod), None, "the pod does not stand in for it");
        for none in [json!({}), json!({"kubernetes.io": "u"}), json!({"kubernetes.io": {"pod": {"uid": 7}}})]
        {
            assert_eq!(rules().instance(&claims(none)), None);
        }
    }
}
