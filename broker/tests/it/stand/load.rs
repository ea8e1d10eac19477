//! Callers who go on asking, whatever happens meanwhile, and note every answer.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{Answer, Process, Settings, until};

/// Some callers of one role, who are one workload.
#[derive(Clone, Copy)]
pub struct Callers {
    pub role: &'static str,
    pub count: usize,
    /// How often each of them asks.
    pub every: Duration,
}

/// Callers at work. They stop when this is dropped.
pub struct Load {
    noted: Arc<Mutex<Vec<Noted>>>,
    stop: CancellationToken,
    callers: JoinSet<()>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Noted {
    pub role: &'static str,
    /// Which of the processes answered.
    pub process: usize,
    pub began: Instant,
    pub ended: Instant,
    pub status: u16,
    /// The name of the kind of problem; empty for a DSN.
    pub problem: String,
    pub retry_after: Option<String>,
    /// The request's identifier.
    pub request: String,
    /// The lease that was received; empty if none was.
    pub lease: String,
}

impl Load {
    /// Begins to ask these processes, in turn; returns when every caller has been answered.
    pub async fn on(processes: &[&Process], groups: &[Callers]) -> Self {
        Self::proven(processes, groups, |subject| processes[0].token(subject)).await
    }

    /// The same with such proofs of identity.
    pub async fn proven(processes: &[&Process], groups: &[Callers], proof: impl Fn(&str) -> String) -> Self {
        let mut load =
            Self { noted: Arc::default(), stop: CancellationToken::new(), callers: JoinSet::new() };
        for group in groups {
            for number in 0..group.count {
                let process = number % processes.len();
                load.callers.spawn(call(load.noted.clone(), load.stop.clone(), *group, process, {
                    let target = processes[process];
                    let url = format!("{}{}", target.url, target.dsn(group.role));
                    let proof = proof(&format!("app-{}", group.role));
                    target.client.get(url).bearer_auth(proof).header("dsn-instance", number)
                }));
            }
        }
        let callers = load.callers.len();
        until(async || load.all().len() >= 2 * callers).await;
        load
    }

    /// Every answer so far.
    pub fn all(&self) -> Vec<Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Every answer to a request that was made after this moment.
    pub fn since(&self, moment: Instant) -> Vec<Noted> {
        self.all().into_iter().filter(|noted| noted.began >= moment).collect()
    }

    /// Waits for answers to requests that are made from now on: so many of each role, of which this holds.
    pub async fn until(&self, count: usize, what: &str, holds: impl Fn(&Noted) -> bool) -> Instant {
        let from = Instant::now();
        let roles: Vec<_> = counted(&self.all(), |_| true).into_keys().collect();
        let reached = async || {
            let counts = counted(&self.since(from), &holds);
            roles.iter().all(|role| counts.get(role).is_some_and(|seen| *seen >= count))
        };
        let waiting = tokio::time::timeout(Duration::from_secs(40), async {
            let mut looks = interval(Duration::from_millis(10));
            while !reached().await {
                looks.tick().await;
            }
        });
        if waiting.await.is_err() {
            let last: Vec<_> = self.since(from).into_iter().rev().take(20).collect();
            panic!("{what}: {:?} {last:#?}", counted(&self.since(from), &holds));
        }
        Instant::now()
    }

    /// Stops the callers, and waits for their last answers.
    pub async fn end(mut self) -> Vec<Noted> {
        self.stop.cancel();
        while let Some(ended) = self.callers.join_next().await {
            ended.unwrap();
        }
        self.all()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Noted {
    pub fn is_served(&self) -> bool {
        self.status == 200
    }

    pub fn took(&self) -> Duration {
        self.ended - self.began
    }

    /// Asked and answered within this time.
    pub fn is_between(&self, from: Instant, to: Instant) -> bool {
        self.began >= from && self.ended <= to
    }
}

/// Asks until stopped. Whatever is not an answer ends the test.
async fn call(
    noted: Arc<Mutex<Vec<Noted>>>,
    stop: CancellationToken,
    group: Callers,
    process: usize,
    request: reqwest::RequestBuilder,
) {
    let mut times = interval(group.every);
    times.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !stop.is_cancelled() {
        times.tick().await;
        let began = Instant::now();
        let asked = Answer::of(request.try_clone().unwrap());
        let answer = tokio::time::timeout(PATIENCE, asked).await.expect("a caller is not answered");
        let text = |name: &str| answer.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        let (served, ended) = (answer.status == 200, Instant::now());
        let lease =
            if served { answer.json()["lease_id"].as_str().unwrap().to_owned() } else { String::new() };
        noted.lock().unwrap_or_else(PoisonError::into_inner).push(Noted {
            role: group.role,
            process,
            began,
            ended,
            status: answer.status.as_u16(),
            problem: if served { String::new() } else { answer.problem() },
            retry_after: text("retry-after"),
            request: text("x-request-id").unwrap(),
            lease,
        });
    }
}

/// How many answers of each role it holds for.
pub fn counted(all: &[Noted], holds: impl Fn(&Noted) -> bool) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for noted in all.iter().filter(|noted| holds(noted)) {
        *counts.entry(noted.role).or_default() += 1;
    }
    counts
}

impl Settings {
    /// Every DSN that was received is on record, under the request that received it.
    pub async fn assert_recorded(&self, all: &[Noted]) {
        let query = "select request, lease from audit_events where action = 'lease.delivered'";
        let rows = self.ask_ledger(query).await;
        let recorded: HashMap<&str, &str> = rows.lines().filter_map(|row| row.split_once('|')).collect();
        let received: Vec<_> = all.iter().filter(|noted| noted.is_served()).collect();
        assert!(!received.is_empty());
        for noted in received {
            let lease = recorded.get(noted.request.as_str());
            assert_eq!(lease, Some(&noted.lease.as_str()), "it is not on record: {noted:?}");
        }
    }
}

/// How long a caller waits for an answer: longer than the broker lets any request take.
const PATIENCE: Duration = Duration::from_secs(40);
