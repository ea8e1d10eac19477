//! Rotates passwords when it is time, also where nobody asks for them.

use std::sync::Arc;
use std::time::Duration;

use crate::app::App;
use crate::time::sleep;

/// How often it is looked whether it is time.
const TICK: Duration = Duration::from_secs(15);

pub(super) async fn run(app: Arc<App>) {
    loop {
        for permit in app.current.load().policy.rotated() {
            let (broker, name) = (app.broker.clone(), permit.name().clone());
            // Each in a task of its own: one that hangs keeps nobody. The broker makes one at a time of each.
            app.broker.tasks.spawn(async move {
                if let Err(error) = broker.keep_rotating(&permit).await {
                    tracing::warn!(role = %name, %error, "a password could not be rotated; it is tried again");
                }
            });
        }
        tokio::select! {
            () = app.stop.cancelled() => return,
            () = sleep(&*app.clock, TICK) => {}
        }
    }
}
