//! A DSN that stays good.

use tokio::time::timeout;

use super::*;

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
fn it_revokes_what_is_its_own_and_nothing_that_is_shared() {
    run(async {
        let stand = Stand::start().await;
        let broker = client(&stand.url, &stand.settings, application(&stand.settings));
        for (role, lives) in [("orders-reader", true), ("orders-request", false)] {
            let keeper = broker.keep(role).await.unwrap();
            let user = keeper.current().unwrap().user().to_owned();
            keeper.revoke().await.unwrap();
            assert_eq!(stand.users().await.contains(&user), lives, "{role}");
        }
        stand.stop().await;
    });
}
