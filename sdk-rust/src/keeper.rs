use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

use crate::dsn::now;
use crate::{Dsn, Error, Request};

/// A DSN that stays good: it is asked for again when its time has come, and again and again where that fails.
///
/// After the first there is always one, without waiting, for as long as it lives: a broker that is away is noticed only by
/// [`Keeper::last_error`], until the present credential ends. One that was revoked is noticed within a minute: see
/// [`Request::check_every`]. Clones are the same keeper. When the last of them is dropped, the asking ends.
///
/// ```
/// # fn main() -> std::process::ExitCode { devstack::Scene::play(async {
/// # use dsn_broker_sdk::Broker;
/// let keeper = Broker::from_env()?.keep("orders-request").await?;
/// let first = keeper.current()?;
/// let mut changes = keeper.changes();
/// // In good time it asks by itself; this is for when the database lets nobody in any more.
/// keeper.refresh();
/// let next = changes.next().await.expect("the keeper lives");
/// assert_ne!(next.user(), first.user());
/// assert!(keeper.last_error().is_none());
/// keeper.revoke().await?;
/// # Ok::<_, dsn_broker_sdk::Error>(()) }) }
/// ```
#[derive(Clone)]
pub struct Keeper {
    inner: Arc<Inner>,
}

struct Inner {
    request: Request,
    state: watch::Receiver<State>,
    order: watch::Sender<Order>,
    hurry: Arc<Notify>,
    task: JoinHandle<()>,
}

/// What is known.
#[derive(Clone)]
pub(crate) struct State {
    dsn: Arc<Dsn>,
    /// Since when connections are opened with it.
    since: Instant,
    /// How long one that was being opened with the one before may have taken from then on.
    opening: Duration,
    /// Those before that nobody shares, and that may live.
    before: Vec<Arc<Dsn>>,
    last_error: Option<Arc<Error>>,
}

/// What a keeper's task is told.
#[derive(Clone, Copy, PartialEq)]
enum Order {
    Go,
    /// To end with what it knows.
    Stop,
    /// To end with what comes of a question that is under way.
    Finish,
}

/// The DSNs that come after the one that was there: see [`Keeper::changes`].
pub struct Changes {
    pub(crate) state: watch::Receiver<State>,
    seen: Arc<Dsn>,
}

impl Keeper {
    pub(crate) async fn start(request: Request) -> Result<Self, Error> {
        let (sender, state) = watch::channel(State::new(Arc::new(request.get().await?)));
        let (order, orders) = watch::channel(Order::Go);
        let hurry = Arc::new(Notify::new());
        let task = tokio::spawn(run(request.clone(), sender, orders, Arc::clone(&hurry)));
        Ok(Self { inner: Arc::new(Inner { request, state, order, hurry, task }) })
    }

    /// The present DSN, without waiting.
    ///
    /// # Errors
    ///
    /// [`Error::Expired`], if it has ended and no other could be had: one that has ended is never given.
    pub fn current(&self) -> Result<Arc<Dsn>, Error> {
        let state = self.inner.state.borrow();
        if state.dsn.remaining().is_zero() {
            return Err(Error::Expired {
                role: self.inner.request.role().to_owned(),
                ended: state.dsn.expires_at(),
                last: self.failure(&state),
            });
        }
        Ok(Arc::clone(&state.dsn))
    }

    /// What the last attempt to get another DSN came to; nothing when all is well.
    pub fn last_error(&self) -> Option<Arc<Error>> {
        self.failure(&self.inner.state.borrow())
    }

    fn failure(&self, state: &State) -> Option<Arc<Error>> {
        match self.inner.task.is_finished() {
            true => Some(Arc::new(Error::Ended)),
            false => state.last_error.clone(),
        }
    }

    /// What comes after the present one.
    pub fn changes(&self) -> Changes {
        let state = self.inner.state.clone();
        let seen = Arc::clone(&state.borrow().dsn);
        Changes { state, seen }
    }

    /// Asks for another now, once: for when the database does not let in the present one, which may have been revoked.
    ///
    /// Returns at once; what comes of it is among the [`Keeper::changes`]. While the broker does not answer, it is asked
    /// again in due time whatever is said here.
    pub fn refresh(&self) {
        self.inner.hurry.notify_one();
    }

    /// Whether a connection that was opened so long ago may be of another credential than the present one: a pool closes it
    /// instead of giving it out again. For pools that this library has nothing for: bb8 asks in `is_valid`, those of deadpool
    /// in a hook, as those of diesel-async do:
    ///
    /// ```
    /// # fn hook(keeper: dsn_broker_sdk::Keeper) -> deadpool_postgres::Hook {
    /// use deadpool_postgres::{Hook, HookError};
    ///
    /// Hook::sync_fn(move |_, about| match keeper.is_outdated(about.age()) {
    ///     true => Err(HookError::message("it has the credential of before")),
    ///     false => Ok(()),
    /// })
    /// # }
    /// ```
    pub fn is_outdated(&self, age: Duration) -> bool {
        self.inner.state.borrow().is_outdated(age)
    }

    /// Ends the asking, for all clones. The credential lives on to its end.
    pub async fn stop(self) {
        self.end(Order::Stop).await;
    }

    /// Ends the asking, for all clones, and each credential that it brought and that nobody shares. Shared ones live on.
    ///
    /// # Errors
    ///
    /// If the broker does not revoke one: it then lives until its end. All are tried.
    pub async fn revoke(self) -> Result<(), Error> {
        self.end(Order::Finish).await;
        let State { dsn, before, .. } = self.inner.state.borrow().clone();
        let mut revoked = Ok(());
        for dsn in before.iter().chain([&dsn]).filter(|dsn| is_own(dsn)) {
            match self.inner.request.broker().revoke(dsn.lease_id()).await {
                Err(error) if error.kind() != Some("lease-not-found") => revoked = revoked.and(Err(error)),
                _ => {}
            }
        }
        revoked
    }

    async fn end(&self, order: Order) {
        self.inner.order.send_replace(order);
        // It fails when the task, which tells it the news, has ended.
        let mut state = self.inner.state.clone();
        while state.changed().await.is_ok() {}
    }

    /// What a pool's hooks look at. It keeps no keeper.
    #[cfg(any(feature = "deadpool-postgres", feature = "sqlx-postgres", feature = "sqlx-mysql"))]
    pub(crate) fn state(&self) -> watch::Receiver<State> {
        self.inner.state.clone()
    }

    /// The present DSN, even if it has ended.
    #[cfg(feature = "deadpool-postgres")]
    pub(crate) fn last(&self) -> Arc<Dsn> {
        Arc::clone(&self.inner.state.borrow().dsn)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl State {
    fn new(dsn: Arc<Dsn>) -> Self {
        Self { dsn, since: Instant::now(), opening: Duration::ZERO, before: Vec::new(), last_error: None }
    }

    /// What is known once this has come.
    fn then(self, next: Dsn) -> Self {
        let next = Arc::new(next);
        if next.is_same(&self.dsn) {
            return Self { dsn: next, last_error: None, ..self };
        }
        let mut before = self.before;
        before.push(Arc::clone(&self.dsn));
        before.retain(|before| is_own(before) && before.lease_id() != next.lease_id());
        let opening = OPENING.min(self.dsn.remaining() / 2);
        Self { before, opening, ..Self::new(next) }
    }

    pub(crate) fn is_outdated(&self, age: Duration) -> bool {
        // What was being opened when it changed was finished later, and seems new: in the end it is not.
        let sure = self.since + self.opening;
        age > Instant::now().checked_duration_since(sure).unwrap_or_else(|| self.since.elapsed())
    }
}

/// Whether it lives, and nobody shares it.
fn is_own(dsn: &Dsn) -> bool {
    !dsn.is_shared() && !dsn.remaining().is_zero()
}

impl Changes {
    /// The next one that is another than before; nothing when the keeper has ended. Who was slow gets the newest.
    pub async fn next(&mut self) -> Option<Arc<Dsn>> {
        loop {
            self.state.changed().await.ok()?;
            let dsn = Arc::clone(&self.state.borrow_and_update().dsn);
            let before = std::mem::replace(&mut self.seen, Arc::clone(&dsn));
            // The same may have come again, to live for longer.
            if !dsn.is_same(&before) {
                return Some(dsn);
            }
        }
    }

    /// What the changes come after.
    #[cfg(any(feature = "sqlx-postgres", feature = "sqlx-mysql"))]
    pub(crate) fn seen(&self) -> &Dsn {
        &self.seen
    }
}

async fn run(
    request: Request,
    state: watch::Sender<State>,
    mut orders: watch::Receiver<Order>,
    hurry: Arc<Notify>,
) {
    let (mut failures, mut asked_at) = (0, Instant::now());
    loop {
        let State { dsn, last_error, .. } = state.borrow().clone();
        let hurried = async {
            hurry.notified().await;
            // However many say so.
            sleep_until(asked_at + SHORTEST).await;
        };
        let its_time = async {
            match &last_error {
                None => tokio::select! {
                    () = refresh(&dsn) => {}
                    () = revoked(&request, &dsn) => {}
                    () = hurried => {}
                },
                Some(error) => wait(pause(failures, &dsn, error.retry_after())).await,
            }
        };
        tokio::select! {
            // Also when the keeper is gone.
            _ = orders.wait_for(|order| *order != Order::Go) => return,
            () = its_time => {}
        }
        asked_at = Instant::now();
        let asked = tokio::select! {
            _ = orders.wait_for(|order| *order == Order::Stop) => return,
            asked = request.ask() => asked,
        };
        match asked {
            Ok(next) => {
                failures = 0;
                // Who was in a hurry has it now.
                let _ = hurry.notified().now_or_never();
                state.send_modify(|state| *state = state.clone().then(next));
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
    sleep(SHORTEST.min(remaining / 4).max(LEAST)).await;
    loop {
        let left = dsn.remaining().saturating_sub(rest);
        if left.is_zero() {
            return;
        }
        sleep(left.min(LONGEST)).await;
    }
}

/// Waits until the broker says that the lease does not stand any more.
async fn revoked(request: &Request, dsn: &Dsn) {
    while let Some(interval) = request.checks() {
        sleep(interval.mul_f64(1.0 - fastrand::f64() / 4.0)).await;
        match request.broker().lease(dsn.lease_id()).await {
            Ok(lease) if lease.get("state").is_none_or(|state| state != "active") => return,
            Err(error) if error.kind() == Some("lease-not-found") => break,
            // It stands, or nobody knows.
            _ => {}
        }
    }
    std::future::pending().await
}

/// How long to wait after this many failures, one after the other: a second, doubled each time, less up to a quarter; and
/// as long as the broker wants, and up to a quarter more.
fn pause(failures: u32, dsn: &Dsn, wanted: Option<Duration>) -> Duration {
    // A broker that is back before the end is asked before the end, and soon when it was away for longer.
    let most = match dsn.ended_for() {
        Duration::ZERO => SHORTEST.max(dsn.remaining() / 4),
        ended => ENDED.max(ended / 4),
    };
    pause_of(failures, most, wanted)
}

/// The same, of at most so long unless the broker wants more.
fn pause_of(failures: u32, most: Duration, wanted: Option<Duration>) -> Duration {
    let doubled = SHORTEST.saturating_mul(1 << failures.saturating_sub(1).min(5));
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
        sleep(left.min(LONGEST)).await;
    }
}

/// Asks for the first until it comes, what is wrong will not pass, or there is no time left for another attempt.
pub(crate) async fn first(request: &Request, patience: Duration) -> Result<Dsn, Error> {
    let (began, mut failures) = (Instant::now(), 0);
    loop {
        let error = match request.ask().await {
            Err(error) if error.is_transient() => error,
            asked => return asked,
        };
        failures += 1;
        let pause = pause_of(failures, LONGEST, error.retry_after());
        if began.elapsed().saturating_add(pause) > patience {
            return Err(error);
        }
        sleep(pause).await;
    }
}

/// How long it may take to open a connection.
const OPENING: Duration = Duration::from_secs(30);

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
        let state = self.inner.state.borrow();
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
