//! A database that is away costs its own callers, and nobody else, however many ask.

use std::time::Duration;

use devstack::Link;
use tokio::time::Instant;

use super::USUAL;
use crate::stand::{Callers, Load, Noted, Process, Settings, Target, role, run, unique, until, world};

/// Callers of the database that is broken.
const DOOMED: Callers = Callers { role: "doomed", count: 12, every: Duration::from_millis(200) };

/// What happens to the database.
#[derive(Clone, Copy, Debug)]
enum Outage {
    Killed,
    Hanging,
    CutOff,
}

impl Outage {
    const ALL: [Self; 3] = [Self::Killed, Self::Hanging, Self::CutOff];

    async fn begin(self, target: &Target, link: &Link) {
        match self {
            Self::Killed => target.server.kill().await.unwrap(),
            Self::Hanging => target.server.pause().await.unwrap(),
            Self::CutOff => link.cut(),
        }
    }

    async fn end(self, target: &Target, link: &Link) {
        match self {
            Self::Killed => target.server.restart().await.unwrap(),
            Self::Hanging => target.server.resume().await.unwrap(),
            Self::CutOff => link.mend(),
        }
    }
}

/// The median and the 95th of 100 of the times of the other database's callers from this moment on.
async fn others(load: &Load, from: Instant) -> (Duration, Duration) {
    let times = || -> Vec<_> {
        let all = load.since(from);
        all.iter().filter(|noted| noted.role != DOOMED.role).map(Noted::took).collect()
    };
    until(async || times().len() >= 200).await;
    let mut times = times();
    times.sort();
    (times[times.len() / 2], times[times.len() * 95 / 100])
}

fn is_refused(noted: &Noted) -> bool {
    (noted.status, noted.problem.as_str(), noted.retry_after.as_deref())
        == (503, "engine-unavailable", Some("2"))
}

#[test]
fn without_a_database_its_callers_hear_503_and_the_others_are_as_fast_as_before() {
    run(async {
        let target = Target::start().await;
        let link = Link::to(target.server.port()).await.unwrap();
        let mut settings = Settings::new(world().await, &unique()).await;
        settings.config["databases"]["doomed"] = target.config(&settings);
        settings.config["databases"]["doomed"]["endpoints"]["primary"]["port"] = link.port().into();
        settings.config["databases"]["doomed"]["timeout"] = "2s".into();
        let mut doomed = role("request");
        doomed["database"] = "doomed".into();
        settings.config["roles"]["doomed"] = doomed;
        settings.config["bindings"][0]["roles"].as_array_mut().unwrap().push("doomed".into());
        let process = Process::ready(settings).await;
        let [a, b, c, d] = USUAL;
        let load = Load::on(&[&process], &[a, b, c, d, DOOMED]).await;
        for outage in Outage::ALL {
            let from = Instant::now();
            load.until(3, "before", Noted::is_served).await;
            let before = others(&load, from).await;
            outage.begin(&target, &link).await;
            let begun = Instant::now();
            load.until(12, "meanwhile", |noted| is_refused(noted) || noted.role != DOOMED.role).await;
            let during = others(&load, begun).await;
            for noted in load.since(begun) {
                assert_eq!(is_refused(&noted), noted.role == DOOMED.role, "{outage:?}: {noted:?}");
            }
            // Far less than the two seconds that who waits for the database waits.
            assert!(
                during.0 < before.0 * 5 + Duration::from_millis(100),
                "{outage:?}: {before:?} {during:?}"
            );
            assert!(
                during.1 < before.1 * 5 + Duration::from_millis(500),
                "{outage:?}: {before:?} {during:?}"
            );
            outage.end(&target, &link).await;
            let healed = Instant::now();
            load.until(4, "after", Noted::is_served).await;
            // However many failed, the pause is in proportion to the outage and not to the load.
            let most = (healed - begun) * 2 + Duration::from_secs(10);
            assert!(healed.elapsed() < most, "{outage:?}: {:?} > {most:?}", healed.elapsed());
        }
        let all = load.end().await;
        assert!(all.iter().all(|noted| noted.is_served() || is_refused(noted)));
        process.settings.assert_recorded(&all).await;
        let (settings, _) = process.stop().await;
        assert_eq!(settings.flaws().await, [""; 0]);
        target.server.end().await.unwrap();
    });
}
