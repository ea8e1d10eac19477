use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::dsn::now;
use crate::{Dsn, Error, Request};

/// A DSN that stays good: it is asked for again when its time has come, and again and again where that fails.
///
/// After the first there is always one, without waiting, for as long as it lives: a broker that is away is noticed only by
/// [`Keeper::last_error`], until the present credential ends. When the keeper is dropped, the asking ends.
pub struct Keeper {
    request: Request,
    state: watch::Receiver<State>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

#[derive(Clone)]
struct State {
    dsn: Arc<Dsn>,
    last_error: Option<Arc<Error>>,
}

/// The DSNs that come after the one that was there.
pub struct Changes {
    state: watch::Receiver<State>,
    seen: Arc<Dsn>,
}

impl Keeper {
    pub(crate) async fn start(request: Request) -> Result<Self, Error> {
        let dsn = Arc::new(request.get().await?);
        let (sender, state) = watch::channel(State { dsn, last_error: None });
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(run(request.clone(), sender, stopped));
        Ok(Self { request, state, stop, task })
    }

    /// The present DSN. Fails if it has ended, and never gives one that has.
    pub fn current(&self) -> Result<Arc<Dsn>, Error> {
        let state = self.state.borrow();
        if state.dsn.remaining().is_zero() {
            return Err(Error::Expired {
                role: self.request.role().to_owned(),
                ended: state.dsn.expires_at(),
                last: self.failure(&state),
            });
        }
        Ok(Arc::clone(&state.dsn))
    }

    /// What the last attempt to get another DSN came to; nothing when all is well.
    pub fn last_error(&self) -> Option<Arc<Error>> {
        self.failure(&self.state.borrow())
    }

    fn failure(&self, state: &State) -> Option<Arc<Error>> {
        match self.task.is_finished() {
            true => Some(Arc::new(Error::Ended)),
            false => state.last_error.clone(),
        }
    }

    /// What comes after the present one.
    pub fn changes(&self) -> Changes {
        let state = self.state.clone();
        let seen = Arc::clone(&state.borrow().dsn);
        Changes { state, seen }
    }

    /// Ends the asking. The credential lives on to its end.
    pub async fn stop(mut self) {
        self.end().await;
    }

    /// Ends the asking, and the credential if nobody shares it.
    pub async fn revoke(mut self) -> Result<(), Error> {
        self.end().await;
        let dsn = Arc::clone(&self.state.borrow().dsn);
        match dsn.is_shared() {
            true => Ok(()),
            false => self.request.broker().revoke(dsn.lease_id()).await,
        }
    }

    async fn end(&mut self) {
        self.stop.send_replace(true);
        // It does not fail, and nobody else ends it.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Changes {
    /// The next one that is another than before; nothing when the keeper has ended.
    pub async fn next(&mut self) -> Option<Arc<Dsn>> {
        self.change().await.map(|(_, dsn)| dsn)
    }

    /// The one before, and the next.
    pub(crate) async fn change(&mut self) -> Option<(Arc<Dsn>, Arc<Dsn>)> {
        loop {
            self.state.changed().await.ok()?;
            let dsn = Arc::clone(&self.state.borrow_and_update().dsn);
            let before = std::mem::replace(&mut self.seen, Arc::clone(&dsn));
            // The same may have come again, to live for longer.
            if dsn.lease_id() != before.lease_id() || dsn.text() != before.text() {
                return Some((before, dsn));
            }
        }
    }

    /// What the changes come after.
    #[cfg(any(feature = "sqlx-postgres", feature = "sqlx-mysql"))]
    pub(crate) fn seen(&self) -> &Dsn {
        &self.seen
    }
}

async fn run(request: Request, state: watch::Sender<State>, mut stopped: watch::Receiver<bool>) {
    let mut failures = 0;
    loop {
        let State { dsn, last_error } = state.borrow().clone();
        let its_time = async {
            match &last_error {
                None => refresh(&dsn).await,
                Some(error) => wait(pause(failures, &dsn, error.retry_after())).await,
            }
        };
        tokio::select! {
            // Also when the keeper is gone.
            _ = stopped.wait_for(|stopped| *stopped) => return,
            () = its_time => {}
        }
        let asked = tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return,
            asked = request.get() => asked,
        };
        match asked {
            Ok(next) => {
                failures = 0;
                state.send_replace(State { dsn: Arc::new(next), last_error: None });
            }
            Err(error) => {
                failures += 1;
                state.send_modify(|state| state.last_error = Some(Arc::new(error)));
            }
        }
    }
}

/// Waits until it is time to ask for a successor. Those who got the same at the same time do not all come at once.
async fn refresh(dsn: &Dsn) {
    let remaining = dsn.remaining();
    let after = remaining.saturating_sub(dsn.until_refresh());
    // So much is left of it when it is asked. It is drawn once: what is drawn again and again is always short.
    let rest = after.mul_f64(1.0 - fastrand::f64() / 10.0);
    // It may be the same as before: another asks for its successor now.
    tokio::time::sleep(SHORTEST.min(remaining / 4).max(LEAST)).await;
    loop {
        let left = dsn.remaining().saturating_sub(rest);
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(LONGEST)).await;
    }
}

/// How long to wait after this many failures, one after the other: a second, doubled each time, less up to a quarter; and
/// as long as the broker wants, and up to a quarter more.
fn pause(failures: u32, dsn: &Dsn, wanted: Option<Duration>) -> Duration {
    let doubled = SHORTEST.saturating_mul(1 << failures.saturating_sub(1).min(5));
    // A broker that is back before the end is asked before the end, and soon when it was away for longer.
    let most = match dsn.ended_for() {
        Duration::ZERO => SHORTEST.max(dsn.remaining() / 4),
        ended => ENDED.max(ended / 4),
    };
    let own = doubled.min(most).min(LONGEST).mul_f64(1.0 - fastrand::f64() / 4.0);
    // Nobody means more than a day, and the largest number cannot be made larger.
    let wanted = wanted.unwrap_or_default().min(DAY).mul_f64(1.0 + fastrand::f64() / 4.0);
    own.max(wanted)
}

/// Waits, by whichever clock goes further: one of them stands still while the machine sleeps.
async fn wait(pause: Duration) {
    let (began, at) = (Instant::now(), now());
    loop {
        let passed = began.elapsed().max((now() - at).to_std().unwrap_or_default());
        let left = pause.saturating_sub(passed);
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(LONGEST)).await;
    }
}

/// Between two questions, whatever the clocks and the broker say.
const LEAST: Duration = Duration::from_millis(250);

const SHORTEST: Duration = Duration::from_secs(1);

/// How long to wait at most when the credential has just ended.
const ENDED: Duration = Duration::from_secs(5);

/// A machine that slept must not wait on for what passed meanwhile.
const LONGEST: Duration = Duration::from_secs(30);

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.borrow();
        f.debug_struct("Keeper")
            .field("dsn", &state.dsn)
            .field("last_error", &state.last_error)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changes").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
