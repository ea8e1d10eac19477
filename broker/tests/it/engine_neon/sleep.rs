//! Computes that sleep, and wake slowly or not at once.

use super::Site;
use crate::stand::{lets_in, psql, run, text};

#[test]
fn a_sleeping_compute_is_waited_for() {
    run(async {
        let site = Site::start().await;
        let answer = site.dsn("neon-reader").await;
        let dsn = text(&answer, "dsn").to_owned();
        let session = tokio::spawn({
            let dsn = dsn.clone();
            async move { psql(&dsn, "select pg_sleep(600)").await }
        });
        site.until_sessions(1).await;
        assert!(site.neon.suspend() >= 2, "also ours");
        let ended = session.await.unwrap();
        assert!(ended.stderr.contains("terminating connection due to administrator command"), "{ended:?}");
        assert!(lets_in(text(&site.dsn("neon-request").await, "dsn")).await, "the broker waits");
        site.neon.suspend();
        assert!(lets_in(&dsn).await, "and so do workloads");
        site.stop().await;
    });
}

#[test]
fn a_compute_that_refuses_while_it_wakes_is_tried_again() {
    run(async {
        let site = Site::start().await;
        site.neon.refuse_connections(3);
        assert!(lets_in(text(&site.dsn("neon-request").await, "dsn")).await);
        assert!(site.asked("/endpoints") > 1, "it is asked anew where the branch is");
        site.stop().await;
    });
}
