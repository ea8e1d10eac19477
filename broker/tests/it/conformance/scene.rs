//! A broker, a subject, and a role of one kind of credential there.

use std::time::Duration;

use dsn_broker::model::CredentialKind;
use dsn_broker::time::{ManualClock, SystemClock, Timestamp};
use serde_json::{Value, json};

use super::kind::abilities;
use super::{Session, Subject};
use crate::stand::{Answer, Settings, Stand};

/// The role.
pub const ROLE: &str = "subject";

/// Past the deadline of what is pending and past every claim, and not past the life of what is good.
pub const LATER: Duration = Duration::from_secs(200);

pub struct Scene<S> {
    pub subject: S,
    pub stand: Stand,
    pub kind: CredentialKind,
}

/// A configuration for the subject with [`ROLE`], and a ledger of its own.
pub async fn configured<S: Subject>(
    subject: &S,
    kind: CredentialKind,
    change: impl FnOnce(&mut Value),
) -> Settings {
    let mut settings = subject.settings().await;
    let credential = subject.credential(kind, &settings).await;
    let mut role = json!({ "database": S::DATABASE, "credential": credential, "ttl": "15m" });
    if abilities(kind).renews {
        (role["ttl"], role["max_ttl"]) = ("1h".into(), "4h".into());
    }
    if abilities(kind).drains {
        role["drain"] = "0s".into();
    }
    let config = &mut settings.config;
    config["roles"][ROLE] = role;
    config["bindings"][0]["roles"].as_array_mut().unwrap().push(ROLE.into());
    config["operators"][0]["may"] = json!(["leases", "revoke", "audit", "rotate"]);
    change(config);
    settings
}

impl<S: Subject> Scene<S> {
    pub async fn start(kind: CredentialKind) -> Self {
        Self::with(kind, |_| {}).await
    }

    /// With a changed configuration.
    pub async fn with(kind: CredentialKind, change: impl FnOnce(&mut Value)) -> Self {
        let subject = S::start().await;
        let settings = configured(&subject, kind, change).await;
        let stand = Stand::on(settings).await;
        let scene = Self { subject, stand, kind };
        scene.pass(Duration::ZERO).await;
        scene
    }

    /// What somebody gets who asks for [`ROLE`].
    pub async fn ask(&self, subject: &str) -> Answer {
        let caller = self.stand.caller(subject);
        caller.get(&caller.dsn_path(ROLE)).await
    }

    pub async fn dsn(&self) -> Value {
        self.ask("app-one").await.ok()
    }

    /// What whoever may revoke it hears.
    pub async fn revoke(&self, answer: &Value) -> Answer {
        let who = if abilities(self.kind).is_own { "app-one" } else { "operator" };
        self.stand.caller(who).delete(&format!("/v1/leases/{}", text(answer, "lease_id"))).await
    }

    /// What an operator hears who wants another one now.
    pub async fn rotate(&self) -> Answer {
        let path = format!("/v1/databases/{}/rotate", S::DATABASE);
        self.stand.caller("operator").post(&path, &json!({ "role": ROLE })).await
    }

    /// Another one than this, whenever it is there.
    pub async fn next(&self, first: &Value) -> Value {
        if abilities(self.kind).rotates {
            self.rotate().await.ok();
        } else {
            let half = (time(first, "refresh_after") - self.stand.now()).to_std().unwrap();
            self.pass(half).await;
        }
        // Whoever asks gets the present one while the next is being made.
        self.stand
            .until(|| async {
                let next = self.dsn().await["lease_id"].clone();
                if next == first["lease_id"] { Err(next.to_string()) } else { Ok(()) }
            })
            .await;
        self.dsn().await
    }

    /// Time goes by for all.
    pub async fn pass(&self, by: Duration) {
        self.subject.pass(by, self.stand.now() + by).await;
        self.stand.clock.advance(by);
    }

    /// The users that this broker made and that are still there.
    pub async fn users(&self) -> Vec<String> {
        users(&self.subject, &self.stand.settings).await
    }

    /// Waits until nothing is pending or ending, and there is a user for each lease and no other.
    pub async fn until_settled(&self) {
        self.stand
            .until(|| async {
                self.stand.clock.advance(Duration::from_secs(1));
                let open =
                    "select state, due_at, last_error from leases where state in ('pending', 'draining')";
                let open = self.stand.at_ledger(open).await;
                let (users, accounted) = (self.users().await, self.accounted().await);
                match open.is_empty() && users == accounted {
                    true => Ok(()),
                    false => Err(format!("{open} {users:?} {accounted:?}")),
                }
            })
            .await;
    }

    /// The users that active leases account for.
    async fn accounted(&self) -> Vec<String> {
        let active =
            "select handle ->> 'username' from leases where state = 'active' and database = '{}' order by 1";
        let active = self.stand.at_ledger(&active.replace("{}", S::DATABASE)).await;
        let has_user = abilities(self.kind).has_user;
        active.lines().filter(|_| has_user).map(str::to_owned).collect()
    }

    /// The number of credentials that were made so far.
    pub async fn issued(&self) -> usize {
        self.stand.count("lease.issued").await
    }

    pub async fn state(&self, answer: &Value) -> String {
        let query = format!("select state from leases where id = '{}'", text(answer, "lease_id"));
        self.stand.at_ledger(&query).await
    }

    /// Lets time go by until it is in this state: what fails at first is tried again.
    pub async fn until_state(&self, answer: &Value, state: &str) {
        self.stand
            .until(|| async {
                self.stand.clock.advance(Duration::from_secs(1));
                let present = self.state(answer).await;
                let error = self.stand.at_ledger("select last_error from leases").await;
                if present == state { Ok(()) } else { Err(format!("{present} {error}")) }
            })
            .await;
    }

    /// The chain of what happened is whole, and nothing is left running.
    pub async fn end(self) {
        let settings = self.stand.stop().await;
        assert_eq!(settings.flaws().await, [""; 0]);
        self.subject.end().await;
    }
}

/// The users of [`ROLE`] in an installation.
pub async fn users<S: Subject>(subject: &S, settings: &Settings) -> Vec<String> {
    let tag = settings.ask_ledger("select tag from installation").await;
    let mut users = subject.users(&format!("dsn_{tag}_{ROLE}_")).await;
    users.sort();
    users
}

/// A session that may do what the role may.
pub async fn works<S: Subject>(answer: &Value) -> Session {
    let mut session = Session::open(text(answer, "dsn")).await.unwrap();
    session.run(S::WORDS.may).await.unwrap();
    session
}

/// It lets in nobody any more.
pub async fn is_locked_out<S: Subject>(dsn: &str) {
    is_refused::<S>(Session::open(dsn).await);
}

/// The login is refused.
pub fn is_refused<S: Subject>(login: Result<Session, String>) {
    let refusal = login.err().unwrap_or_else(|| panic!("it lets in"));
    assert!(S::WORDS.locked_out.iter().any(|word| refusal.starts_with(word)), "{refusal}");
}

/// A clock that is so much ahead.
pub fn ahead(by: Duration) -> ManualClock {
    use dsn_broker::time::Clock as _;
    ManualClock::new(SystemClock.now() + by)
}

#[track_caller]
pub fn text<'a>(answer: &'a Value, member: &str) -> &'a str {
    answer[member].as_str().unwrap_or_else(|| panic!("no {member}: {answer}"))
}

#[track_caller]
pub fn time(answer: &Value, member: &str) -> Timestamp {
    text(answer, member).parse().unwrap()
}
