//! Tokens of RDS, which are computed: by the engine in this process and on one core, beside their hashes alone.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use devstack::Provider;
use dsn_broker::config::Config;
use dsn_broker::engine::{self, ConnectTokens, KeptPasswords, Tools};
use dsn_broker::entropy::SystemEntropy;
use dsn_broker::secret::Secret;
use dsn_broker::time::SystemClock;
use futures_util::future::BoxFuture;
use ring::{digest, hmac};
use tokio::time::Instant;

use super::Plan;
use super::report::{Mark, Report};
use super::rig::Rig;
use super::site::Site;

pub(super) async fn measure(rig: &Rig, plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let site = Site::start(rig, Provider::Rds).await?;
    let config = Config::load(&site.configuration.file())?;
    let name = "rds".parse().context("no name")?;
    let database = config.databases.get(&name).context("no such database")?;
    let tools =
        Tools { clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy), kept: Arc::new(Nothing) };
    let tokens = engine::build(database, &tools)?.connect_tokens.context("the engine makes no tokens")?;
    let time = Duration::from_secs(plan.seconds.min(SECONDS));
    let (mut ours, mut theirs) = (vec![], vec![]);
    for round in 0..=plan.rounds {
        let (engine, hashes) = (by_the_engine(&*tokens, time).await?, hashes_alone(time));
        // The first warms up.
        if round > 0 {
            ours.push(engine);
            theirs.push(hashes);
        }
    }
    report.compare(
        "tokens of RDS through the engine, and their hashes",
        "tokens/s on a core",
        ours,
        theirs,
        Some(Mark::AtLeast(20_000.0)),
    );
    site.end().await
}

/// One for each endpoint is made at a time.
async fn by_the_engine(tokens: &dyn ConnectTokens, time: Duration) -> anyhow::Result<f64> {
    let (begun, mut made) = (Instant::now(), 0);
    while begun.elapsed() < time {
        made += tokens.token("orders_app").await?.credential.places.len();
    }
    Ok(made as f64 / begun.elapsed().as_secs_f64())
}

/// What no signer can do without: SHA-256 of the request, and its HMAC with a key that is there.
fn hashes_alone(time: Duration) -> f64 {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
    let (begun, mut made) = (Instant::now(), 0_u64);
    while begun.elapsed() < time {
        let hash = digest::digest(&digest::SHA256, &[b'r'; REQUEST]);
        let mut signing = hmac::Context::with_key(&key);
        signing.update(&[b's'; STRING_TO_SIGN]);
        signing.update(hash.as_ref());
        std::hint::black_box(signing.sign());
        made += 1;
    }
    made as f64 / begun.elapsed().as_secs_f64()
}

/// Nothing was changed.
struct Nothing;

impl KeptPasswords for Nothing {
    fn of<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Vec<Secret>> {
        Box::pin(async { Vec::new() })
    }
}

const SECONDS: u64 = 2;

/// How long they are, about.
const REQUEST: usize = 360;
const STRING_TO_SIGN: usize = 110;
