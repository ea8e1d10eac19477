//! Callers who use the broker all the time, in every way.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::call::{Caller, Dsn};
use crate::journal::{Journal, Kind, LockedOut, now};
use crate::login::login;
use crate::setting::{DATABASES, PAIR, SHARED, Setting};

/// The callers, until they are told to stop.
pub(crate) struct Load {
    callers: JoinSet<()>,
    stop: CancellationToken,
}

impl Load {
    /// So many callers, of four workloads with two instances each, and an operator.
    pub(crate) fn start(setting: &Arc<Setting>, journal: &Arc<Journal>, callers: u64, seed: u64) -> Self {
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        for number in 0..callers {
            let (workload, instance) = (number % WORKLOADS, number / WORKLOADS % 2);
            let caller =
                Caller::new(setting, journal, &format!("app-{workload}"), &format!("instance-{instance}"));
            let user = User {
                caller,
                setting: setting.clone(),
                journal: journal.clone(),
                rng: Rng::with_seed(seed.wrapping_add(number)),
                own: Vec::new(),
            };
            tasks.spawn(user.call_until(stop.clone()));
        }
        let operator = Caller::new(setting, journal, "operator", "none");
        let rng = Rng::with_seed(seed.wrapping_add(callers));
        tasks.spawn(operate(operator, setting.clone(), journal.clone(), rng, stop.clone()));
        Self { callers: tasks, stop }
    }

    /// Lets every caller finish what it does, and stop.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        while self.callers.join_next().await.is_some() {}
    }
}

struct User {
    caller: Caller,
    setting: Arc<Setting>,
    journal: Arc<Journal>,
    rng: Rng,
    /// Received a while ago.
    own: Vec<Dsn>,
}

impl User {
    async fn call_until(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            self.call().await;
            tokio::time::sleep(Duration::from_millis(self.rng.u64(10..80))).await;
        }
    }

    async fn call(&mut self) {
        let Some(replica) = self.rng.choice(&self.setting.replicas).cloned() else { return };
        let replica = &*replica;
        let database = self.rng.choice(DATABASES).unwrap_or_default();
        let role = |kind: &str| format!("{database}-{kind}");
        let received = match self.rng.u32(0..100) {
            0..50 => {
                let kind = self.rng.choice(SHARED).unwrap_or_default();
                self.caller.dsn(replica, &role(kind)).await
            }
            50..58 => self.caller.dsn(replica, &role("request")).await,
            58..66 => self.caller.fresh(replica, &role("reader")).await,
            66..68 => self.caller.dsn(replica, &role("long")).await,
            68..72 => {
                // It is everyone's: it is used, and nobody takes it from all the others.
                if let Some(dsn) = self.caller.dsn(replica, PAIR).await {
                    self.log_in(&dsn).await;
                }
                None
            }
            72..80 => {
                let Some(dsn) = self.rng.choice(&self.own) else { return };
                let path = format!("/v1/leases/{}/renew", dsn.lease);
                self.caller.call(replica, "renew", Method::POST, &path, Some(json!({}))).await;
                None
            }
            80..92 => {
                if self.own.is_empty() {
                    return;
                }
                let dsn = self.own.swap_remove(self.rng.usize(0..self.own.len()));
                // Now and then somebody takes a shared one from all the others.
                if !dsn.shared || self.rng.u32(0..4) == 0 {
                    let path = format!("/v1/leases/{}", dsn.lease);
                    self.caller.call(replica, "revoke", Method::DELETE, &path, None).await;
                }
                None
            }
            _ => {
                self.caller.call(replica, "list", Method::GET, "/v1/leases?limit=20", None).await;
                None
            }
        };
        if let Some(dsn) = received {
            if self.rng.u32(0..5) == 0 {
                self.log_in(&dsn).await;
            }
            if self.own.len() == OWN {
                self.own.remove(0);
            }
            self.own.push(dsn);
        }
    }

    async fn log_in(&self, dsn: &Dsn) {
        let from = now();
        let outcome = login(dsn, self.setting.world.ca_path()).await;
        let mut notes = self.journal.notes();
        match outcome {
            Ok(()) => *notes.logins.entry(dsn.engine.clone()).or_default() += 1,
            Err(failure) => notes.locked_out.push(LockedOut {
                lease: dsn.lease.clone(),
                user: dsn.user.clone(),
                from,
                until: now(),
                refused: failure.refused,
                error: failure.error,
            }),
        }
    }
}

/// Now and then there is an incident.
async fn operate(
    mut operator: Caller,
    setting: Arc<Setting>,
    journal: Arc<Journal>,
    mut rng: Rng,
    stop: CancellationToken,
) {
    loop {
        let pause = Duration::from_millis(rng.u64(1500..5000));
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        let Some(replica) = rng.choice(&setting.replicas) else { return };
        let subject = format!("app-{}", rng.u64(0..WORKLOADS));
        let (database, kind) = rng.choice(DATABASES).zip(rng.choice(SHARED)).unwrap_or_default();
        let asked = json!({ "subject": subject, "role": format!("{database}-{kind}"), "reason": "a trial" });
        let from = now();
        operator.call(replica, "incident", Method::POST, "/v1/revocations", Some(asked)).await;
        journal.trouble(Kind::Incident, from);
    }
}

const WORKLOADS: u64 = 4;

/// How many leases a caller remembers.
const OWN: usize = 20;
