//! A DSN that stays good.

use tokio::time::timeout;

use super::*;
use crate::stand::Answer;

#[test]
fn it_changes_in_time_and_outlives_a_broker_that_is_away() {
    run(async {
        let restarting = Restarting::start(settings().await, "30s").await;
        let broker = client(
            &restarting.url(),
            &restarting.process.settings,
            application(&restarting.process.settings),
        );
        let keeper = broker.keep("orders-request").await.unwrap();
        let mut changes = keeper.changes();
        let first = keeper.current().unwrap();
        let second = timeout(Duration::from_secs(30), changes.next()).await.expect("in time").unwrap();
        assert_ne!(second.user(), first.user());
        assert!(!first.remaining().is_zero(), "the one before lives on");

        let (port, settings) = restarting.kill().await;
        until(async || keeper.last_error().is_some()).await;
        assert!(matches!(&*keeper.last_error().unwrap(), Error::Unreachable(_)));
        let held = keeper.current().unwrap();
        assert_eq!(held.user(), second.user(), "what is good is given on");
        until(async || keeper.current().is_err()).await;
        let ended = keeper.current().unwrap_err();
        assert!(matches!(ended, Error::Expired { last: Some(_), .. }), "{ended}");
        assert!(held.remaining().is_zero(), "and not before");

        let restarting = Restarting::again(port, settings).await;
        until(async || keeper.current().is_ok()).await;
        assert!(keeper.last_error().is_none());
        keeper.stop().await;
        assert!(timeout(Duration::from_secs(1), changes.next()).await.is_ok_and(|next| next.is_some()));
        assert!(timeout(Duration::from_secs(1), changes.next()).await.expect("the keeper is gone").is_none());
        restarting.process.stop().await;
    });
}

#[test]
fn it_revokes_all_that_is_its_own_and_nothing_that_is_shared() {
    run(async {
        let stand = Stand::start().await;
        let broker = client(&stand.url, &stand.settings, application(&stand.settings));
        let keeper = broker.keep("orders-reader").await.unwrap();
        let shared = keeper.current().unwrap().user().to_owned();
        keeper.revoke().await.unwrap();
        assert_eq!(stand.users().await, [shared]);

        let keeper = broker.keep("orders-request").await.unwrap();
        let (mut changes, other) = (keeper.changes(), keeper.clone());
        keeper.refresh();
        changes.next().await.unwrap();
        assert_eq!(stand.users().await.len(), 3, "what was replaced lives on");
        keeper.revoke().await.unwrap();
        assert_eq!(stand.users().await.len(), 1, "and ends with the rest");
        assert!(matches!(*other.last_error().unwrap(), Error::Ended), "clones are the same");
        assert!(changes.next().await.is_none());
        stand.stop().await;
    });
}

#[test]
fn what_was_revoked_by_another_is_replaced_when_it_is_told_so() {
    run(async {
        let stand = Stand::start().await;
        let broker = client(&stand.url, &stand.settings, application(&stand.settings));
        let keeper = broker.keep("orders-reader").await.unwrap();
        let (first, mut changes) = (keeper.current().unwrap(), keeper.changes());
        broker.revoke(first.lease_id()).await.unwrap();
        keeper.refresh();
        let next = timeout(Duration::from_secs(20), changes.next()).await.expect("it asks").unwrap();
        assert_ne!(next.user(), first.user());
        keeper.stop().await;
        stand.stop().await;
    });
}

#[test]
fn what_an_incident_revokes_is_replaced_soon_if_its_lease_is_the_callers_own() {
    run(async {
        let process = Process::ready(settings().await).await;
        let broker = client(&process.url, &process.settings, application(&process.settings));
        let often = |role: &str| broker.request(role).check_every(Duration::from_millis(20)).keep();
        // Somebody else asked first, so that its lease is shown to somebody else.
        process.get("app-other", &process.dsn("orders-everyone")).await.ok();
        let blind = often("orders-everyone").await.unwrap();
        let keeper = often("orders-reader").await.unwrap();
        let checks = async |status: &str| {
            let begins =
                format!(r#"dsn_broker_requests_total{{route="/v1/leases/{{id}}",status="{status}"}} "#);
            process.metric(&begins).await.unwrap_or_default()
        };
        until(async || checks("200").await > 5.0 && checks("404").await > 0.0).await;
        assert_eq!(checks("404").await, 1.0, "it is not asked again for what is not shown");
        let (first, mut changes) = (keeper.current().unwrap(), keeper.changes());

        let incident = json!({ "subject": "app-sdk", "reason": "leaked" });
        let url = format!("{}/v1/revocations", process.url);
        let request = process.client.post(url).bearer_auth(process.token("operator")).json(&incident);
        assert!(Answer::of(request).await.ok()["revoked"].as_u64() > Some(0));
        let next = timeout(Duration::from_secs(20), changes.next()).await.expect("it asks").unwrap();
        assert_ne!(next.user(), first.user());
        keeper.stop().await;
        blind.stop().await;
        process.stop().await;
    });
}

#[test]
fn the_first_is_asked_for_once_and_where_it_is_wanted_until_the_broker_is_there() {
    run(async {
        let restarting = Restarting::start(settings().await, "1h").await;
        let of = |settings: &Settings, url: &str| client(url, settings, application(settings));
        let broker = of(&restarting.process.settings, &restarting.url());
        assert_eq!(requests(&restarting.process).await, 0);
        broker.dsn("orders-reader").await.unwrap();
        assert_eq!(requests(&restarting.process).await, 1, "nothing is asked but for the DSN");

        let url = restarting.url();
        let (port, settings) = restarting.kill().await;
        let broker = of(&settings, &url);
        broker.dsn("orders-reader").await.expect_err("it is away, and nothing was said of patience");
        let patient = broker.request("orders-reader").patience(Duration::from_secs(60));
        let waiting = tokio::spawn(async move { patient.keep().await });
        let restarting = Restarting::again(port, settings).await;
        let keeper = waiting.await.unwrap().unwrap();
        keeper.current().unwrap();
        let impatient = of(&restarting.process.settings, &url);
        let refused = impatient.request("orders-unbound").patience(Duration::from_secs(600)).get().await;
        assert_eq!(refused.unwrap_err().kind(), Some("forbidden"), "at once: it will not pass");
        restarting.process.stop().await;
    });
}

/// How many requests it has answered, of any kind.
async fn requests(process: &Process) -> u64 {
    let metrics = Answer::of(process.client.get(format!("{}/metrics", process.admin_url))).await.text;
    let counts = metrics.lines().filter(|line| line.starts_with("dsn_broker_requests_total"));
    counts.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}
