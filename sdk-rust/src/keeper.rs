use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

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
                last: state.last_error.clone(),
            });
        }
        Ok(Arc::clone(&state.dsn))
    }

    /// What the last attempt to get another DSN came to; nothing when all is well.
    pub fn last_error(&self) -> Option<Arc<Error>> {
        self.state.borrow().last_error.clone()
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
        loop {
            self.state.changed().await.ok()?;
            let dsn = Arc::clone(&self.state.borrow_and_update().dsn);
            if !Arc::ptr_eq(&dsn, &self.seen) {
                self.seen = Arc::clone(&dsn);
                return Some(dsn);
            }
        }
    }
}

async fn run(request: Request, state: watch::Sender<State>, mut stopped: watch::Receiver<bool>) {
    let mut failures = 0;
    loop {
        let dsn = Arc::clone(&state.borrow().dsn);
        let pause = match &state.borrow().last_error {
            None => until_refresh(&dsn),
            Some(error) => pause(failures, error.retry_after()),
        };
        tokio::select! {
            // Also when the keeper is gone.
            _ = stopped.wait_for(|stopped| *stopped) => return,
            () = tokio::time::sleep(pause) => {}
        }
        // A machine that slept, or waited only a part: see `LONGEST`.
        if failures == 0 && !dsn.until_refresh().is_zero() {
            continue;
        }
        let asked = tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return,
            asked = request.get() => asked,
        };
        match asked {
            Ok(next) => {
                failures = 0;
                let is_same = next.lease_id() == dsn.lease_id() && next.text() == dsn.text();
                let dsn = if is_same && next.expires_at() == dsn.expires_at() { dsn } else { Arc::new(next) };
                state.send_replace(State { dsn, last_error: None });
            }
            Err(error) => {
                failures += 1;
                state.send_modify(|state| state.last_error = Some(Arc::new(error)));
            }
        }
    }
}

/// How long to wait before asking for a successor. Those who got the same at the same time do not all come at once.
fn until_refresh(dsn: &Dsn) -> Duration {
    let (until, remaining) = (dsn.until_refresh(), dsn.remaining());
    // It may be the same as before: another asks for its successor now.
    let after = remaining.saturating_sub(until);
    (until + after.mul_f64(fastrand::f64() / 10.0)).max(SHORTEST.min(remaining / 4)).min(LONGEST)
}

/// How long to wait after this many failures, one after the other: a second, doubled each time, less up to a quarter.
fn pause(failures: u32, wanted: Option<Duration>) -> Duration {
    let doubled = SHORTEST.saturating_mul(1 << failures.saturating_sub(1).min(5));
    let pause = doubled.mul_f64(1.0 - fastrand::f64() / 4.0);
    pause.max(wanted.unwrap_or_default()).min(LONGEST)
}

const SHORTEST: Duration = Duration::from_secs(1);

/// A machine that slept must not wait on for what passed meanwhile.
const LONGEST: Duration = Duration::from_secs(30);

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
