//! The process dies between the steps; nothing is left at DB9.

use std::time::Duration;

use dsn_broker::time::{Clock as _, ManualClock, SystemClock};
use reqwest::Method;

use super::{Site, db9, settings};
use crate::stand::{Process, Stand, made, run};

#[test]
fn a_crash_leaves_no_user() {
    run(async {
        let db9 = db9().await;
        let mut settings =
            settings(&db9, |config| config["roles"]["ninth-user"]["share"] = "request".into()).await;
        settings.migrate().await;
        for point in ["mint.pending", "mint.created", "mint.active", "end.claimed", "end.removed"] {
            let process = Process::again(settings, &[("DSN_BROKER_FAIL", point)]).await;
            let proof = process.token("app-orders");
            let path = process.dsn("ninth-user");
            let first = process.call(Method::GET, &path, &proof).await;
            if let Ok(answer) = &first {
                let lease = answer.ok()["lease_id"].as_str().unwrap().to_owned();
                let _ = process.call(Method::DELETE, &format!("/v1/leases/{lease}"), &proof).await;
            }
            (_, settings, _) = process.ended().await;
        }
        assert!(!made(db9.postgres()).await.is_empty(), "it died with something in its hands");
        let clock = ManualClock::new(SystemClock.now() + Duration::from_secs(7200));
        let site = Site { stand: Stand::at(settings, clock).await, db9 };
        site.until_made(site.db9.postgres(), 0).await;
        site.stop().await;
    });
}
