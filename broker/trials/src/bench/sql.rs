//! The statements that the broker sends to a target, learnt from the target's own log, and sent without the broker.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use ring::pbkdf2;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection as _};
use tokio::time::Instant;

use super::rig::Rig;

/// What makes a user, and what removes it.
#[derive(Clone, Debug)]
pub(super) struct Statements {
    create: Template,
    remove: Template,
}

/// What is sent instead of the password.
#[derive(Clone, Copy, Debug)]
pub(super) enum Verifier {
    /// One that was computed before.
    Ready,
    /// One for each user, as SCRAM has it computed.
    Computed,
}

/// A statement about one user.
#[derive(Clone, Debug)]
struct Template {
    text: String,
    user: String,
}

impl Template {
    fn about(&self, user: &str) -> String {
        self.text.replace(&self.user, user)
    }
}

impl Statements {
    /// Has the broker make and remove one user, and reads in the log what it said to the server.
    pub(super) async fn learn(rig: &Rig) -> anyhow::Result<Self> {
        let (program, _) = rig.broker().await?;
        let log_all =
            |value: &str| format!("alter system set log_statement = '{value}'; select pg_reload_conf()");
        let server = rig.world.orders();
        server.execute("postgres", &log_all("all")).await?;
        // Until the sessions that are there have heard of it, nothing is to be learnt.
        let mut looks = tokio::time::interval(Duration::from_millis(50));
        loop {
            looks.tick().await;
            let learnt = Self::learn_now(rig, &program).await?;
            if let Some(learnt) = learnt {
                server.execute("postgres", &log_all("none")).await?;
                rig.stop(program).await?;
                return Ok(learnt);
            }
        }
    }

    async fn learn_now(rig: &Rig, program: &devstack::Program) -> anyhow::Result<Option<Self>> {
        let url = rig.dsn(program, "orders-request");
        let answer = rig.client.get(&url).bearer_auth(&rig.token).send().await?.error_for_status()?;
        let answer: serde_json::Value = serde_json::from_str(&answer.text().await?)?;
        let text =
            |pointer: &str| answer.pointer(pointer).and_then(|value| value.as_str()).map(str::to_owned);
        let (lease, user) = text("/lease_id").zip(text("/parameters/user")).context("not an answer")?;
        let lease = format!("{}/v1/leases/{lease}", program.url());
        rig.client.delete(lease).bearer_auth(&rig.token).send().await?.error_for_status()?;
        let log = rig.world.orders().log();
        let said =
            |word: &str| statement(&log, &[&user, word]).map(|text| Template { text, user: user.clone() });
        let learnt = said("CREATE ROLE").zip(said("DROP ROLE"));
        Ok(learnt.map(|(create, remove)| Self { create, remove }))
    }

    /// How many users a second come of the same statements from so many connections; each with what its password
    /// costs whoever computes the verifier, or with the same verifier for all.
    pub(super) async fn creations(
        &self,
        rig: &Rig,
        connections: usize,
        time: Duration,
        verifier: Verifier,
    ) -> anyhow::Result<f64> {
        let until = Instant::now() + time;
        let next = AtomicU64::new(0);
        let work = |_| {
            if Instant::now() >= until {
                return None;
            }
            if matches!(verifier, Verifier::Computed) {
                std::hint::black_box(salted_password());
            }
            Some(self.create.about(&format!("bare_{}", next.fetch_add(1, Ordering::Relaxed))))
        };
        run(rig, connections, work).await
    }

    /// How many users a second are removed by the same statements from so many connections.
    pub(super) async fn removals(&self, rig: &Rig, connections: usize, users: u64) -> anyhow::Result<f64> {
        let next = AtomicU64::new(0);
        let work = |_| {
            let user = next.fetch_add(1, Ordering::Relaxed);
            (user < users).then(|| self.remove.about(&format!("bench_{user}")))
        };
        run(rig, connections, work).await
    }

    /// Makes users named `bench_0`, `bench_1`, …
    pub(super) async fn make(&self, rig: &Rig, connections: usize, users: u64) -> anyhow::Result<()> {
        let next = AtomicU64::new(0);
        let work = |_| {
            let user = next.fetch_add(1, Ordering::Relaxed);
            (user < users).then(|| self.create.about(&format!("bench_{user}")))
        };
        run(rig, connections, work).await.map(drop)
    }
}

/// Runs statements until there are no more, over so many connections; answers how many a second.
async fn run(rig: &Rig, connections: usize, work: impl Fn(usize) -> Option<String>) -> anyhow::Result<f64> {
    let options: PgConnectOptions = rig.world.orders_admin_url().parse()?;
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(PgConnection::connect_with(&options).await?);
    }
    let done = Arc::new(AtomicU64::new(0));
    let begun = Instant::now();
    let workers = open.into_iter().enumerate().map(|(number, mut connection)| {
        let (work, done) = (&work, done.clone());
        async move {
            while let Some(sql) = work(number) {
                sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
                done.fetch_add(1, Ordering::Relaxed);
            }
            anyhow::Ok(())
        }
    });
    futures_util::future::try_join_all(workers).await?;
    Ok(done.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64())
}

/// What is costly of a verifier (RFC 5802 §3: `Hi`), with as many iterations as Postgres takes.
fn salted_password() -> [u8; 32] {
    let mut salted = [0; 32];
    let iterations = NonZeroU32::new(4096).unwrap_or(NonZeroU32::MIN);
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, &[7; 16], &[b'p'; 32], &mut salted);
    salted
}

/// The last statement in the log of a server with all of these words in it.
fn statement(log: &str, words: &[&str]) -> Option<String> {
    // What goes on over a line is indented with a tab, which is not the statement's.
    let joined = log.replace("\n\t", "\u{1}");
    let found = joined
        .lines()
        .rev()
        .find(|line| line.contains("LOG:  statement: ") && words.iter().all(|word| line.contains(word)))?;
    Some(found.split_once("LOG:  statement: ")?.1.replace('\u{1}', "\n"))
}
