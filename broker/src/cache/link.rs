//! The one connection to Redis, kept up in the background.
//!
//! While it is up, commands go through it; at the first sign of trouble it counts as down and every command
//! fails at once, until the background task has a new one that listens, has paid what was owed, and answers.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use redis::{Cmd, ErrorKind, FromRedisValue, Msg, PushInfo, PushKind, RedisError, ServerErrorKind};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{Notify, watch};
use tokio::time::{MissedTickBehavior, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::cache::CacheError;
use crate::cache::connection::{Connection, Dialer};
use crate::cache::evictions::Evictions;
use crate::cache::pause::Pause;
use crate::entropy::Entropy;

/// Which connection it is, counted from the first.
pub(super) type Generation = u64;

/// The connection, while there is one.
pub(super) struct Link {
    line: Arc<Line>,
    _keeper: AbortOnDropHandle<()>,
}

/// What the background task and the callers share.
pub(super) struct Line {
    live: ArcSwapOption<Live>,
    generations: AtomicU64,
    timeout: Duration,
}

/// One connection.
pub(super) struct Live {
    connection: Connection,
    generation: Generation,
    lost: Notify,
}

impl Link {
    /// Starts to keep a connection up, and returns when the first attempt has ended, either way.
    pub(super) async fn start(
        dialer: Dialer,
        evictions: Arc<Evictions>,
        timeout: Duration,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let line = Arc::new(Line { live: ArcSwapOption::empty(), generations: AtomicU64::new(0), timeout });
        let (tried, mut first) = watch::channel(false);
        let keeper = tokio::spawn(keep_up(Arc::clone(&line), dialer, evictions, entropy, tried));
        // An error means that the task has ended, and then nothing is worth waiting for.
        let _ = first.wait_for(|tried| *tried).await;
        Self { line, _keeper: AbortOnDropHandle::new(keeper) }
    }

    pub(super) fn line(&self) -> &Arc<Line> {
        &self.line
    }
}

impl Line {
    /// The present connection's number, or `None` while there is none.
    pub(super) fn generation(&self) -> Option<Generation> {
        self.live.load().as_ref().map(|live| live.generation)
    }

    /// Sends a command and returns the answer.
    pub(super) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, CacheError> {
        let live = self.live.load_full().ok_or(CacheError::Unavailable)?;
        self.ask_on(&live, command).await
    }

    /// The same on a connection that is perhaps not open to everyone yet.
    pub(super) async fn ask_on<T: FromRedisValue>(
        &self,
        live: &Live,
        command: &Cmd,
    ) -> Result<T, CacheError> {
        let answer = timeout(self.timeout, live.connection.clone().ask(command)).await;
        let failure = match answer {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) if is_refusal(&error) => {
                return Err(CacheError::Refused { answer: error.to_string() });
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        self.give_up(live, &failure);
        Err(CacheError::Unavailable)
    }

    fn give_up(&self, live: &Live, failure: &str) {
        // Many callers fail together; the first one says so, and none may take down the next connection.
        let before = self.live.rcu(|now| now.clone().filter(|now| now.generation != live.generation));
        if before.is_some_and(|before| before.generation == live.generation) {
            tracing::warn!(error = failure, "the cache is down: credentials are not shared until it is back");
        }
        live.lost.notify_one();
    }

    /// The connection, while there is one.
    pub(super) fn live(&self) -> Option<Arc<Live>> {
        self.live.load_full()
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("generation", &self.line.generation()).finish_non_exhaustive()
    }
}

async fn keep_up(
    line: Arc<Line>,
    dialer: Dialer,
    evictions: Arc<Evictions>,
    entropy: Arc<dyn Entropy>,
    tried: watch::Sender<bool>,
) {
    let mut pause = fresh_pause();
    // A long outage is one line in the log, not one per attempt.
    let mut said = false;
    loop {
        match timeout(SET_UP, set_up(&line, &dialer, &evictions)).await {
            Ok(Ok((live, pushes))) => {
                tried.send_replace(true);
                tracing::info!("the cache is up");
                (pause, said) = (fresh_pause(), false);
                let failure = listen(&line, &live, &evictions, pushes).await;
                line.give_up(&live, failure);
            }
            Ok(Err(error)) if !said => {
                tracing::warn!(%error, "the cache cannot be reached; trying on and on");
                said = true;
            }
            Ok(Err(error)) => tracing::debug!(%error, "the cache still cannot be reached"),
            Err(_) => tracing::warn!("the cache does not answer; trying on and on"),
        }
        tried.send_replace(true);
        tokio::time::sleep(pause.next(entropy.as_ref())).await;
    }
}

/// A connection that listens and that has been told of every eviction, open to everyone.
async fn set_up(
    line: &Line,
    dialer: &Dialer,
    evictions: &Evictions,
) -> Result<(Arc<Live>, UnboundedReceiver<PushInfo>), DialError> {
    let (connection, pushes) = dialer.dial(&evictions.channel()).await?;
    let generation = line.generations.fetch_add(1, Ordering::SeqCst) + 1;
    let live = Arc::new(Live { connection, generation, lost: Notify::new() });
    evictions.pay_all(line, &live).await?;
    line.live.store(Some(Arc::clone(&live)));
    Ok((live, pushes))
}

/// Hears evictions until the connection is lost, and says how that showed.
async fn listen(
    line: &Line,
    live: &Live,
    evictions: &Evictions,
    mut pushes: UnboundedReceiver<PushInfo>,
) -> &'static str {
    let mut heartbeat = tokio::time::interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            push = pushes.recv() => match push {
                Some(push) if push.kind == PushKind::Disconnection => return "the connection was closed",
                Some(push) => {
                    if let Some(message) = Msg::from_push_info(push) {
                        evictions.hear(message.get_payload_bytes());
                    }
                }
                None => return "the connection ended",
            },
            () = live.lost.notified() => return "a command failed",
            _ = heartbeat.tick() => {
                if beat(line, live, evictions).await.is_err() {
                    return "a heartbeat failed";
                }
            }
        }
    }
}

async fn beat(line: &Line, live: &Live, evictions: &Evictions) -> Result<(), CacheError> {
    line.ask_on::<()>(live, &redis::cmd("PING")).await?;
    evictions.pay_all(line, live).await
}

#[derive(Debug, thiserror::Error)]
enum DialError {
    #[error(transparent)]
    Dial(#[from] RedisError),
    #[error(transparent)]
    Evictions(#[from] CacheError),
}

/// Whether this is Redis' answer to the command, with nothing wrong about the connection.
fn is_refusal(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::Extension | ErrorKind::UnexpectedReturnType => true,
        // These are what a server says that is not, or not any more, the one to ask.
        ErrorKind::Server(kind) => !matches!(
            kind,
            ServerErrorKind::ReadOnly
                | ServerErrorKind::MasterDown
                | ServerErrorKind::BusyLoading
                | ServerErrorKind::ClusterDown
        ),
        _ => false,
    }
}

fn fresh_pause() -> Pause {
    Pause::new(Duration::from_millis(50), Duration::from_secs(2))
}

/// How long all of setting up may take.
const SET_UP: Duration = Duration::from_secs(15);

/// How often a silent connection is tried: a dead one is noticed after this and the timeout.
const HEARTBEAT: Duration = Duration::from_secs(1);
