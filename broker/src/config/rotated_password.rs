//! A pair of users whose passwords are rotated in turn.

use std::time::Duration;

use chrono::{Datelike as _, NaiveTime, Weekday};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::mistake::{Key, Mistakes};
use crate::config::{Access, Database, SecretRef, Span, check};
use crate::model::EngineKind;
use crate::time::Timestamp;

/// A pair of users whose passwords are rotated in turn: one is handed out, the other rests until the next rotation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RotatedPassword {
    /// The two users, which exist already, with the same privileges. Nobody else changes their passwords. At PlanetScale the names of two roles (Postgres), or the names that the broker gives its passwords (MySQL): of these there need be none, and others of the same name are removed.
    pub users: [String; 2],
    /// When they are rotated: `{every: 24h}`, `{at: [\"sun 03:00\"]}` (UTC) or `manual`. Never sooner than a `ttl` after the last time. Default: every `ttl`.
    #[serde(default)]
    pub rotate: Option<Rotate>,
    /// One of the two whose present password is to be used until the first rotation. Default: none, and there is a rotation at once.
    #[serde(default)]
    #[serde(skip_serializing)]
    pub adopt: Option<Adopt>,
    /// What it may do in the branch (PlanetScale MySQL). Default: none, and it must be said.
    #[serde(default)]
    pub access: Option<Access>,
    /// Whether it only ever reads, from replicas (PlanetScale MySQL). Default: `false`.
    #[serde(default)]
    pub replica: bool,
    /// The addresses that it may be used from (PlanetScale MySQL): `10.0.0.0/8`. Default: all.
    #[serde(default)]
    pub cidrs: Vec<String>,
}

/// When passwords are rotated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rotate {
    /// So long after the last time.
    Every(Span),
    /// At these moments, UTC: `03:00` each day, `sun 03:00` each week.
    At(Vec<String>),
    /// When an operator says so.
    Manual,
}

/// A user whose present password is known.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Adopt {
    /// Which of the two.
    pub username: String,
    /// Its password.
    pub password: SecretRef,
}

/// A moment of a day, or of a week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Moment {
    day: Option<Weekday>,
    time: NaiveTime,
}

impl RotatedPassword {
    /// When the password that was set at `last` is due to be rotated; `None` when an operator says so.
    pub fn next(&self, last: Timestamp, ttl: Duration) -> Option<Timestamp> {
        match &self.rotate {
            None => Some(last + ttl),
            Some(Rotate::Every(span)) => Some(last + span.0),
            // What would come too soon is left out.
            Some(Rotate::At(moments)) => {
                let from = last + ttl - Duration::from_secs(1);
                moments.iter().filter_map(|text| Some(Moment::parse(text)?.after(from))).min()
            }
            Some(Rotate::Manual) => None,
        }
    }

    /// The keys that say something.
    fn keys(&self) -> Vec<&'static str> {
        let keys = [
            ("adopt", self.adopt.is_some()),
            ("access", self.access.is_some()),
            ("replica", self.replica),
            ("cidrs", !self.cidrs.is_empty()),
        ];
        keys.into_iter().filter_map(|(name, said)| said.then_some(name)).collect()
    }

    pub(super) fn check_against(&self, database: &Database, key: &Key, mistakes: &mut Mistakes) {
        let (engine, known) = (database.engine.as_str(), database.engine.facts().rotated_password);
        for name in self.keys().into_iter().filter(|name| !known.contains(name)) {
            let message = if name == "adopt" {
                format!(
                    "at `{engine}` a password is not changed but replaced by a new one, so that none can be adopted: \
                     remove it, and the broker makes the first one"
                )
            } else {
                format!("the engine `{engine}` has no `{name}`; it has {}", check::list(known))
            };
            mistakes.add(key.at(name), message);
        }
        if database.engine == EngineKind::PlanetscaleMysql && self.access.is_none() {
            mistakes.add(key.at("access"), Access::MISSING);
        }
    }

    pub(super) fn check(&self, ttl: Span, key: &Key, mistakes: &mut Mistakes) {
        let [first, second] = &self.users;
        for (index, user) in self.users.iter().enumerate() {
            check::not_blank(user, key.at("users").index(index), mistakes);
        }
        if first == second {
            mistakes.add(
                key.at("users").index(1),
                "it is the same user twice: one rests while the other is used",
            );
        }
        match &self.rotate {
            Some(Rotate::Every(every)) if *every < ttl => {
                let message = format!(
                    "{every} is shorter than `ttl`, {ttl}: a password would end sooner than promised"
                );
                mistakes.add(key.at("rotate").at("every"), message);
            }
            Some(Rotate::At(moments)) => {
                if moments.is_empty() {
                    mistakes
                        .add(key.at("rotate").at("at"), "there is no moment: say `manual` if that is meant");
                }
                for (index, text) in moments.iter().enumerate() {
                    if Moment::parse(text).is_none() {
                        let message = format!(
                            "{text:?} is not a moment: `03:00` is each day, `sun 03:00` each week (UTC)"
                        );
                        mistakes.add(key.at("rotate").at("at").index(index), message);
                    }
                }
            }
            _ => {}
        }
        if let Some(adopt) = &self.adopt {
            if !self.users.contains(&adopt.username) {
                let message = format!("`{}` is not one of {}", adopt.username, check::list(&self.users));
                mistakes.add(key.at("adopt").at("username"), message);
            }
            check::secret(&adopt.password, &key.at("adopt").at("password"), mistakes);
        }
    }
}

impl Moment {
    fn parse(text: &str) -> Option<Self> {
        let (day, time) = match text.split_once(' ') {
            Some((day, time)) => (Some(day.parse().ok()?), time),
            None => (None, text),
        };
        Some(Self { day, time: NaiveTime::parse_from_str(time, "%H:%M").ok()? })
    }

    /// The first time that it comes after `from`.
    fn after(self, from: Timestamp) -> Timestamp {
        let mut day = from.date_naive();
        loop {
            let moment = day.and_time(self.time).and_utc();
            if moment > from && self.day.is_none_or(|wanted| wanted == day.weekday()) {
                return moment;
            }
            match day.succ_opt() {
                Some(next) => day = next,
                None => return moment,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn next(rotate: Rotate, last: &str) -> Option<Timestamp> {
        let pair = RotatedPassword {
            users: ["a".to_owned(), "b".to_owned()],
            rotate: Some(rotate),
            adopt: None,
            access: None,
            replica: false,
            cidrs: Vec::new(),
        };
        pair.next(at(last), Duration::from_secs(3600))
    }

    #[test]
    fn a_schedule_never_comes_sooner_than_a_ttl_after_the_last_time() {
        let daily = || Rotate::At(vec!["03:00".to_owned()]);
        assert_eq!(next(daily(), "2026-11-20T01:59:00Z"), Some(at("2026-11-20T03:00:00Z")));
        assert_eq!(next(daily(), "2026-11-20T02:00:00Z"), Some(at("2026-11-20T03:00:00Z")), "just a ttl");
        assert_eq!(next(daily(), "2026-11-20T02:30:00Z"), Some(at("2026-11-21T03:00:00Z")));
        assert_eq!(next(daily(), "2026-11-20T03:00:00Z"), Some(at("2026-11-21T03:00:00Z")));
        // 2026-11-22 is a Sunday.
        let weekly = Rotate::At(vec!["sun 03:00".to_owned(), "wed 12:30".to_owned()]);
        assert_eq!(next(weekly.clone(), "2026-11-20T00:00:00Z"), Some(at("2026-11-22T03:00:00Z")));
        assert_eq!(next(weekly, "2026-11-22T03:00:00Z"), Some(at("2026-11-25T12:30:00Z")));
        assert_eq!(next(Rotate::Manual, "2026-11-20T00:00:00Z"), None);
    }

    #[test]
    fn what_is_no_moment_is_not_taken_for_one() {
        for text in ["", "3", "25:00", "03:00:00", "someday 03:00", "sun", "sun03:00"] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
    }
}
