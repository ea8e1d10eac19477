//! `dsn-broker check`

use std::process::ExitCode;
use std::sync::Arc;

use crate::app::{Current, Ground};
use crate::cli::{File, count};
use crate::config::Config;
use crate::engine::Site;
use crate::entropy::{Entropy, SystemEntropy};
use crate::ledger::{As, Offline};
use crate::telemetry::Metrics;
use crate::time::{Clock, SystemClock};

pub(super) async fn run(file: &File, live: bool) -> anyhow::Result<ExitCode> {
    let config = Arc::new(file.load()?);
    for warning in config.warnings() {
        println!("warning: {warning}");
    }
    let counted = [
        count(config.issuers.len(), "issuer"),
        count(config.databases.len(), "database"),
        count(config.roles.len(), "role"),
        count(config.bindings.len(), "binding"),
    ];
    let counted = counted.join(", ");
    println!("{}: the configuration is right: {counted}", file.config.display());
    if !live {
        return Ok(ExitCode::SUCCESS);
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let ground = Ground::new(&config, clock, entropy, Metrics::new())?;
    let (current, sites) = Current::build(config, None, &ground)?;
    let config = &current.config;
    let mut report = Report::default();
    check_issuers(&current, &mut report).await;
    check_ledger(config, &mut report).await;
    for site in sites.values() {
        check_site(config, site, &mut report).await;
    }
    println!("{}, {}", count(report.mistakes, "mistake"), count(report.warnings, "warning"));
    Ok(if report.mistakes == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[derive(Default)]
struct Report {
    mistakes: usize,
    warnings: usize,
}

impl Report {
    fn mistake(&mut self, text: impl std::fmt::Display) {
        self.mistakes += 1;
        println!("  MISTAKE: {text}");
    }

    fn warning(&mut self, text: impl std::fmt::Display) {
        self.warnings += 1;
        println!("  warning: {text}");
    }
}

async fn check_issuers(current: &Current, report: &mut Report) {
    let mut reviews = current.identity.try_reviews().await;
    for (name, keys) in current.identity.load_keys().await {
        println!("issuer {name}");
        match keys {
            Ok(count) => println!("  has {count} keys"),
            Err(error) => report.mistake(error),
        }
        match reviews.remove(&name) {
            Some(Ok(())) => println!("  can review tokens"),
            Some(Err(error)) => report.mistake(error),
            None => {}
        }
    }
}

async fn check_ledger(config: &Config, report: &mut Report) {
    println!("ledger");
    let probed = async { Offline::connect(&config.ledger, As::Writer).await?.probe().await };
    match probed.await {
        Ok(version) => println!("  is there: {version}"),
        Err(error) => report.mistake(error),
    }
}

async fn check_site(config: &Config, site: &Site, report: &mut Report) {
    println!("database {}", site.name);
    match site.call(site.engine.inspection.server()).await {
        Ok(server) => println!("  is there: {}", server.version),
        Err(error) => return report.mistake(error),
    }
    for (name, role) in config.roles.iter().filter(|(_, role)| role.database == site.name) {
        println!(" role {name}");
        match site.call(site.engine.inspection.role(&role.credential)).await {
            Err(error) => report.mistake(error),
            Ok(info) => {
                info.can.iter().for_each(|can| println!("  can {can}"));
                info.warnings.iter().for_each(|warning| report.warning(warning));
                info.mistakes.iter().for_each(|mistake| report.mistake(mistake));
            }
        }
    }
}
