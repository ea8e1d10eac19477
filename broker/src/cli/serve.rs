//! `dsn-broker serve`

use std::sync::Arc;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use crate::app::App;
use crate::cli::{File, migrate};
use crate::entropy::SystemEntropy;
use crate::http::{Listeners, serve};
use crate::telemetry::start_log;
use crate::time::SystemClock;

pub(super) async fn run(file: File) -> anyhow::Result<()> {
    // From here on no signal ends us without order, and none is missed.
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    let hangup = signal(SignalKind::hangup()).context("cannot wait for SIGHUP")?;
    let config = file.load()?;
    start_log(config.server.log);
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    if config.ledger.migrate_at_start {
        migrate::run(&config.ledger).await?;
    }
    let app = App::start(file.config, config, Arc::new(SystemClock), Arc::new(SystemEntropy)).await?;
    let listeners = Listeners::open(&app)?;
    let (public, admin) = listeners.addresses()?;
    let tls = app.current.load().config.server.tls.is_some();
    tracing::info!(%public, %admin, tls, version = env!("CARGO_PKG_VERSION"), "listening");
    let mut serving = tokio::spawn(serve(app.clone(), listeners, hangup));
    let ended = tokio::select! {
        ended = &mut serving => Some(ended),
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
    };
    tracing::info!("stopping: requests in flight are finished first");
    let deadline = Instant::now() + app.current.load().config.server.grace.0;
    app.stop.cancel();
    let ended = match ended {
        Some(ended) => ended,
        None => serving.await,
    };
    app.shut_down(deadline).await;
    tracing::info!("stopped");
    Ok(ended.context("a listener failed")??)
}
