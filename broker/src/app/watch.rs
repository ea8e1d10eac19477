//! Loads a changed configuration without a restart: on SIGHUP, and when the file, or one that it names, changes.
//!
//! Files are compared by content, at intervals: that works on every file system, and with the symbolic
//! links that Kubernetes swaps when it updates a mounted ConfigMap or Secret.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ring::digest::{Context, SHA256};
use tokio::signal::unix::Signal;

use crate::app::App;
use crate::config::Config;

/// Watches until the application stops. `reloaded` is called after each load that succeeded. What came since `hangup`
/// was made, or was changed since the configuration was read, counts as well.
pub async fn watch(app: Arc<App>, mut hangup: Signal, reloaded: impl Fn(&App) + Send) {
    let mut seen = app.read.load().as_ref().clone();
    loop {
        let config = app.current.load().config.clone();
        let asked = tokio::select! {
            () = app.stop.cancelled() => return,
            _ = hangup.recv() => true,
            () = tokio::time::sleep(config.server.reload_every.0) => false,
        };
        let (file, named) = (app.file.clone(), config.files());
        let read = move || fingerprint(&content(&file), &named);
        let present = tokio::task::spawn_blocking(read).await.unwrap_or_default();
        if !asked && present == seen {
            continue;
        }
        seen = match app.reload().await {
            Ok(()) => {
                reloaded(&app);
                app.read.load().as_ref().clone()
            }
            Err(_) => present,
        };
    }
}

/// What `config` was read from, and what the files that it names hold at present.
pub(super) fn read(config: &Config) -> Vec<u8> {
    fingerprint(config.text(), &config.files())
}

fn fingerprint(text: &[u8], named: &[PathBuf]) -> Vec<u8> {
    let mut digest = Context::new(&SHA256);
    let mut add = |content: &[u8]| {
        digest.update(&(content.len() as u64).to_be_bytes());
        digest.update(content);
    };
    add(text);
    named.iter().for_each(|file| add(&content(file)));
    digest.finish().as_ref().to_vec()
}

/// Of what cannot be read: nothing.
fn content(file: &Path) -> Vec<u8> {
    std::fs::read(file).unwrap_or_default()
}
