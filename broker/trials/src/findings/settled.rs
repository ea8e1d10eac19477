//! The state that everything comes to when nothing is done to it any more.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use crate::journal::now;
use crate::setting::Setting;

/// Waits until no work is left and the users are those of live leases; answers what is wrong if that takes too long.
pub(crate) async fn settle(setting: &Setting) -> anyhow::Result<Vec<String>> {
    wait(async || unsettled(setting).await).await
}

/// Waits until every lease has ended and no user is left. Passwords are rotated on and on.
pub(crate) async fn settle_empty(setting: &Setting) -> anyhow::Result<Vec<String>> {
    let look = async || {
        let mut wrong = unsettled(setting).await?;
        for lease in setting.live().await?.iter().filter(|lease| !lease.rotated) {
            wrong.push(format!("lease {} should have ended and is {}: {lease:?}", lease.id, lease.state));
        }
        Ok(wrong)
    };
    wait(look).await
}

async fn wait(look: impl AsyncFn() -> anyhow::Result<Vec<String>>) -> anyhow::Result<Vec<String>> {
    let deadline = Instant::now() + LIMIT;
    let mut looks = tokio::time::interval(Duration::from_millis(250));
    loop {
        looks.tick().await;
        let wrong = look().await?;
        if wrong.is_empty() || Instant::now() > deadline {
            return Ok(wrong);
        }
    }
}

async fn unsettled(setting: &Setting) -> anyhow::Result<Vec<String>> {
    // What is being ended between two looks is in order at the next one.
    let users = setting.users().await?;
    let live = setting.live().await?;
    let accounted: BTreeSet<String> = live.iter().map(|lease| lease.username.clone()).collect();
    let mut wrong = Vec::new();
    for user in users.difference(&accounted) {
        wrong.push(format!("user {user} has no live lease"));
    }
    for lease in &live {
        let (id, state) = (&lease.id, &lease.state);
        if lease.claimed {
            wrong.push(format!("lease {id} is claimed, and nobody works on it: {lease:?}"));
        }
        if state == "pending" || lease.due_at.is_some_and(|due| due <= now()) {
            let error = lease.last_error.as_deref().unwrap_or("nothing");
            wrong.push(format!(
                "lease {id} is {state} and due at {:?}; what went wrong: {error}",
                lease.due_at
            ));
        } else if !lease.rotated && !users.contains(&lease.username) {
            wrong.push(format!("lease {id} is {state}, and its user {} is lost", lease.username));
        }
    }
    Ok(wrong)
}

/// How long it may take: a pending lease has 32 s, a claim as much after that, and a database that was away is left
/// alone for a while.
const LIMIT: Duration = Duration::from_secs(120);
