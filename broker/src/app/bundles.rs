//! Keeps what issuers are trusted by up to date where that changes without the configuration.

use std::sync::Arc;

use crate::app::App;

/// Looks until stopped, as often as for a new configuration.
pub(super) async fn run(app: Arc<App>) {
    loop {
        let current = app.current.load_full();
        let look_then_wait = async {
            current.identity.look_again().await;
            tokio::time::sleep(current.config.server.reload_every.0).await;
        };
        tokio::select! {
            () = app.stop.cancelled() => return,
            () = look_then_wait => {}
        }
    }
}
