//! What is done to the broker and to its servers, by chance, but the same chance for the same seed.

mod replica;
mod servers;

use std::sync::Arc;

use devstack::Program;
use fastrand::Rng;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::journal::Journal;
use crate::output::Output;
use crate::setting::Setting;

/// Which kinds of mischief.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Mix {
    /// Everything, to the replicas and to the servers.
    All,
    /// Replicas are killed, at any moment and at each fail point.
    Kills,
    /// Replicas are cut off from Redis and from the ledger, and now and then one is killed.
    Partitions,
}

/// The steps at which a debug build of the broker can be told to die.
pub const POINTS: [&str; 9] = [
    "mint.start",
    "mint.pending",
    "mint.created",
    "mint.active",
    "mint.cached",
    "delivery.recorded",
    "end.claimed",
    "end.disabled",
    "end.removed",
];

/// Mischief at work.
pub(crate) struct Mischief {
    stop: CancellationToken,
    replicas: Vec<JoinHandle<anyhow::Result<Program>>>,
    servers: Option<JoinHandle<anyhow::Result<()>>>,
}

/// What all of it shares.
#[derive(Clone)]
struct Scene {
    setting: Arc<Setting>,
    journal: Arc<Journal>,
    output: Arc<Output>,
    mix: Mix,
    stop: CancellationToken,
}

impl Mischief {
    /// Starts the replicas, and torments them from then on.
    pub(crate) fn start(
        setting: &Arc<Setting>,
        journal: &Arc<Journal>,
        output: &Arc<Output>,
        mix: Mix,
        seed: u64,
    ) -> Self {
        let stop = CancellationToken::new();
        let scene = Scene {
            setting: setting.clone(),
            journal: journal.clone(),
            output: output.clone(),
            mix,
            stop: stop.clone(),
        };
        let mut rng = Rng::with_seed(seed);
        let replicas = setting.replicas.iter().map(|replica| {
            let torment = replica::torment(scene.clone(), replica.clone(), rng.fork());
            tokio::spawn(torment)
        });
        let replicas = replicas.collect();
        let servers = (mix == Mix::All).then(|| tokio::spawn(servers::torment(scene, rng.fork())));
        Self { stop, replicas, servers }
    }

    /// Whether some of it has failed, so that there is no point in going on.
    pub(crate) fn has_failed(&self) -> bool {
        self.replicas.iter().any(JoinHandle::is_finished)
    }

    /// Undoes all of it; answers the replicas, which all run again.
    pub(crate) async fn heal(self) -> anyhow::Result<Vec<Program>> {
        self.stop.cancel();
        if let Some(servers) = self.servers {
            servers.await??;
        }
        let mut programs = Vec::new();
        for replica in self.replicas {
            programs.push(replica.await??);
        }
        Ok(programs)
    }
}

/// A span of so many milliseconds, by chance.
fn millis(rng: &mut Rng, range: std::ops::Range<u64>) -> std::time::Duration {
    std::time::Duration::from_millis(rng.u64(range))
}
