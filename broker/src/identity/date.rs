//! The dates of a token, against our own clock.

use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use serde_json::{Map, Value};

use crate::config::Span;
use crate::identity::Refusal;
use crate::time::Timestamp;

/// When a token is valid (RFC 7519 §4.1.4 to §4.1.6).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Dates {
    pub(super) expires: Timestamp,
    not_before: Option<Timestamp>,
    issued: Option<Timestamp>,
}

/// What an issuer's tokens may be like.
#[derive(Clone, Copy, Debug)]
pub(super) struct DateRules {
    /// By how much clocks may differ.
    pub(super) leeway: Duration,
    /// The longest life of a token.
    pub(super) max_life: Option<Duration>,
}

impl DateRules {
    pub(super) fn new(leeway: Span, max_life: Option<Span>) -> Self {
        Self { leeway: leeway.0, max_life: max_life.map(|span| span.0) }
    }
}

impl Dates {
    /// Reads `exp`, which must be there, `nbf` and `iat`.
    pub(super) fn read(claims: &Map<String, Value>) -> Result<Self, Refusal> {
        let date = |name| claims.get(name).map(numeric_date).transpose();
        Ok(Self {
            expires: date("exp")?.ok_or(Refusal::Malformed("it has no exp"))?,
            not_before: date("nbf")?,
            issued: date("iat")?,
        })
    }

    /// Whether the token is valid at `now`.
    pub(super) fn check(&self, rules: DateRules, now: Timestamp) -> Result<(), Refusal> {
        let latest_now = after(now, rules.leeway);
        if after(self.expires, rules.leeway) <= now {
            return Err(Refusal::Expired { at: self.expires });
        }
        if let Some(from) = self.not_before.filter(|from| *from > latest_now) {
            return Err(Refusal::NotYetValid { from });
        }
        if let Some(at) = self.issued.filter(|at| *at > latest_now) {
            return Err(Refusal::IssuedInFuture { at });
        }
        let Some(max) = rules.max_life else { return Ok(()) };
        let issued = self.issued.ok_or(Refusal::Malformed("it has no iat, which `max_token_life` needs"))?;
        // Not negative in earnest: then it expired before it was issued, and has no life at all.
        let life = (self.expires - issued).to_std().unwrap_or_default();
        if life > max { Err(Refusal::LivesTooLong { life, max }) } else { Ok(()) }
    }
}

/// `by` after `at`, or the end of time.
pub(super) fn after(at: Timestamp, by: Duration) -> Timestamp {
    TimeDelta::from_std(by)
        .ok()
        .and_then(|by| at.checked_add_signed(by))
        .unwrap_or(DateTime::<chrono::Utc>::MAX_UTC)
}

/// Seconds since 1970, possibly with a fraction (RFC 7519 §2).
fn numeric_date(value: &Value) -> Result<Timestamp, Refusal> {
    let date = match value.as_i64() {
        Some(seconds) => DateTime::from_timestamp(seconds, 0),
        None => value.as_f64().filter(|seconds| seconds.abs() <= YEAR_9999).and_then(|seconds| {
            #[expect(clippy::cast_possible_truncation, reason = "within a few thousand years, so it fits")]
            DateTime::from_timestamp_micros((seconds * 1e6) as i64)
        }),
    };
    date.filter(|date| date.timestamp() <= YEAR_9999 as i64)
        .ok_or(Refusal::Malformed("one of exp, nbf and iat is not a date: expected seconds since 1970"))
}

/// The last second that has four digits for its year.
const YEAR_9999: f64 = 253_402_300_799.0;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn check(claims: Value, max_life: Option<u64>, now: i64) -> Result<(), Refusal> {
        let rules =
            DateRules { leeway: Duration::from_secs(60), max_life: max_life.map(Duration::from_secs) };
        Dates::read(claims.as_object().unwrap())?.check(rules, at(now))
    }

    #[test]
    fn a_token_is_valid_from_nbf_to_exp_and_a_leeway_around() {
        let token = || json!({"iat": 1_000, "nbf": 1_000, "exp": 2_000});
        assert_eq!(check(token(), None, 939), Err(Refusal::NotYetValid { from: at(1_000) }));
        for now in [940, 1_000, 1_500, 2_000, 2_059] {
            assert_eq!(check(token(), None, now), Ok(()), "{now}");
        }
        assert_eq!(check(token(), None, 2_060), Err(Refusal::Expired { at: at(2_000) }));
        let future = json!({"iat": 1_000, "exp": 2_000});
        assert_eq!(check(future.clone(), None, 939), Err(Refusal::IssuedInFuture { at: at(1_000) }));
        assert_eq!(check(future, None, 940), Ok(()));
    }

    #[test]
    fn a_life_above_the_maximum_is_refused_however_much_of_it_is_over() {
        let token = || json!({"iat": 1_000, "exp": 4_600});
        assert_eq!(check(token(), Some(3_600), 4_500), Ok(()));
        let (life, max) = (Duration::from_secs(3_600), Duration::from_secs(3_599));
        assert_eq!(check(token(), Some(3_599), 4_500), Err(Refusal::LivesTooLong { life, max }));
        assert!(matches!(check(json!({"exp": 4_600}), Some(3_600), 4_500), Err(Refusal::Malformed(_))));
    }

    #[test]
    fn dates_are_numbers_of_seconds() {
        for good in [json!(2_000), json!(2000.5), json!(2e3), json!(253_402_300_799_i64)] {
            assert_eq!(check(json!({ "exp": good }), None, 1_999), Ok(()), "{good}");
        }
        for bad in [
            json!("2000"),
            json!(null),
            json!([2_000]),
            json!(1e300),
            json!(253_402_300_800_i64),
            json!(u64::MAX),
        ] {
            let refusal = check(json!({ "exp": bad }), None, 1_999);
            assert!(matches!(refusal, Err(Refusal::Malformed(_))), "{bad}: {refusal:?}");
        }
        assert!(matches!(check(json!({"iat": 1}), None, 1), Err(Refusal::Malformed(_))));
        assert!(matches!(check(json!({"exp": 9, "nbf": "1"}), None, 1), Err(Refusal::Malformed(_))));
        assert_eq!(
            check(json!({"exp": i64::MIN}), None, 1),
            Err(Refusal::Malformed("one of exp, nbf and iat is not a date: expected seconds since 1970"))
        );
        assert_eq!(check(json!({"exp": -5}), None, 1_999), Err(Refusal::Expired { at: at(-5) }));
    }

    #[test]
    fn an_absurd_leeway_does_not_overflow() {
        assert_eq!(after(at(0), Duration::MAX), DateTime::<chrono::Utc>::MAX_UTC);
    }
}
