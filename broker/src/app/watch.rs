//! Loads a changed configuration without a restart: on SIGHUP, and when the file, or one that it names, changes.
//!
//! Files are compared by content, at intervals: that works on every file system, and with the symbolic
//! links that Kubernetes swaps when it updates a mounted ConfigMap or Secret.

use std::path::PathBuf;
use std::sync::Arc;

use ring::digest::{Context, SHA256};
use tokio::signal::unix::{SignalKind, signal};

use crate::app::App;

/// Watches until the application stops. `reloaded` is called after each load that succeeded.
pub async fn watch(app: Arc<App>, reloaded: impl Fn(&App) + Send) {
    let mut hangup = match signal(SignalKind::hangup()) {
        Ok(hangup) => hangup,
        Err(error) => return tracing::error!(%error, "SIGHUP cannot be watched for"),
    };
    let mut seen = fingerprint(&app).await;
    loop {
        let config = app.current.load().config.clone();
        let asked = tokio::select! {
            () = app.stop.cancelled() => return,
            _ = hangup.recv() => true,
            () = tokio::time::sleep(config.server.reload_every.0) => false,
        };
        let present = fingerprint(&app).await;
        if !asked && present == seen {
            continue;
        }
        if app.reload().await.is_ok() {
            reloaded(&app);
            // The new configuration may name other files. Those that both name may have changed since they were read.
            let same = app.current.load().config.files() == config.files();
            seen = if same { present } else { fingerprint(&app).await };
        } else {
            seen = present;
        }
    }
}

/// A digest of the contents of the file and of all files that it names. One that cannot be read counts as empty.
async fn fingerprint(app: &App) -> Vec<u8> {
    let named = app.current.load().config.files();
    let files: Vec<PathBuf> = std::iter::once(app.file.clone()).chain(named).collect();
    let read = move || {
        let mut digest = Context::new(&SHA256);
        for file in files {
            let content = std::fs::read(&file).unwrap_or_default();
            digest.update(&(content.len() as u64).to_be_bytes());
            digest.update(&content);
        }
        digest.finish().as_ref().to_vec()
    };
    tokio::task::spawn_blocking(read).await.unwrap_or_default()
}
