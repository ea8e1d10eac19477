//! Without the ledger nothing is delivered: everyone hears 503 and when to come back, and is served once it is back.

use std::time::Duration;

use devstack::{Link, World};
use tokio::time::Instant;

use super::{USUAL, end, own_world};
use crate::stand::{Load, Noted, Process, Settings, run, until};

/// What happens to the ledger.
#[derive(Clone, Copy, Debug)]
enum Outage {
    Stopped,
    Killed,
    Hanging,
    CutOff,
}

impl Outage {
    const ALL: [Self; 4] = [Self::Stopped, Self::Killed, Self::Hanging, Self::CutOff];

    async fn begin(self, settings: &Settings, link: &Link) {
        let server = settings.world.ledger();
        match self {
            Self::Stopped => server.stop().await.unwrap(),
            Self::Killed => server.kill().await.unwrap(),
            Self::Hanging => server.pause().await.unwrap(),
            Self::CutOff => link.cut(),
        }
    }

    async fn end(self, settings: &Settings, link: &Link) {
        let server = settings.world.ledger();
        match self {
            Self::Stopped | Self::Killed => server.restart().await.unwrap(),
            Self::Hanging => server.resume().await.unwrap(),
            Self::CutOff => link.mend(),
        }
    }
}

pub(super) fn is_refused(noted: &Noted) -> bool {
    (noted.status, noted.problem.as_str(), noted.retry_after.as_deref())
        == (503, "ledger-unavailable", Some("2"))
}

#[test]
fn without_the_ledger_all_callers_hear_503_and_all_are_served_when_it_is_back() {
    run(async {
        let mut settings = own_world(World::builder()).await;
        let port = settings.world.ledger().port();
        let link = Link::to(port).await.unwrap();
        let url = settings.writer_url.replace(&format!(":{port}/"), &format!(":{}/", link.port()));
        settings.config["ledger"]["url"] = settings.secret("ledger", &url);
        let process = Process::ready(settings).await;
        let load = Load::on(&[&process], &USUAL).await;
        let mut quiet = Vec::new();
        for outage in Outage::ALL {
            load.until(3, "before", Noted::is_served).await;
            outage.begin(&process.settings, &link).await;
            let begun = Instant::now();
            load.until(4, &format!("{outage:?}"), is_refused).await;
            until(async || process.readyz().await == 503).await;
            let over = Instant::now();
            outage.end(&process.settings, &link).await;
            quiet.push((outage, begun, over));
            load.until(3, &format!("after {outage:?}"), Noted::is_served).await;
            until(async || process.readyz().await == 200).await;
        }
        assert!(process.metric("dsn_broker_ledger_failures_total").await.unwrap() >= 4.0);
        let all = load.end().await;
        for noted in &all {
            let times = quiet.iter().find(|(_, begun, over)| noted.is_between(*begun, *over));
            match times {
                Some((outage, ..)) => assert!(is_refused(noted), "{outage:?}: {noted:?}"),
                None => assert!(noted.is_served() || is_refused(noted), "{noted:?}"),
            }
            assert!(noted.took() < Duration::from_secs(8), "{noted:?}");
        }
        process.settings.assert_recorded(&all).await;
        end(process.stop().await.0).await;
    });
}
