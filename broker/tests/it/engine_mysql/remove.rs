//! The end of a user.

use sqlx::Connection as _;

use super::*;
use crate::stand::{run, until};

#[test]
fn disabling_ends_logins_and_not_sessions() {
    run(async {
        let server = server().await;
        let made = server.create(&username(), &member("shop_ro")).await;
        let mut session = server.connect(&made).await.unwrap();
        server.users().disable(&made.handle).await.unwrap();
        server.users().disable(&made.handle).await.unwrap();
        assert_eq!(number(server.connect(&made).await), LOCKED);
        run_in(&mut session, "select id from orders").await.unwrap();
        server.users().remove(&made.handle).await.unwrap();
        server.users().disable(&made.handle).await.unwrap();
    });
}

#[test]
fn removing_ends_all_sessions_whatever_they_do() {
    run(async {
        let server = server().await;
        let name = username();
        let spec = privileges(json!([{ "in": "shop.*", "can": ["select", "insert", "update"] }]));
        let made = server.create(&name, &spec).await;
        let mut idle = server.connect(&made).await.unwrap();
        let mut open = server.connect(&made).await.unwrap();
        run_in(&mut open, "begin; insert into items values (99)").await.unwrap();
        let mut busy = server.connect(&made).await.unwrap();
        let sleeping = tokio::spawn(async move { run_in(&mut busy, "select sleep(600)").await });
        let query = format!(
            "select count(*) from information_schema.processlist where user = '{name}' and state = 'User sleep'"
        );
        until(async || server.see(&query).await == "1").await;
        assert_eq!(server.sessions(&made).await, 3);
        server.users().remove(&made.handle).await.unwrap();
        assert_eq!(server.sessions(&made).await, 0);
        assert!(sleeping.await.unwrap().is_err());
        assert!(idle.ping().await.is_err() && open.ping().await.is_err());
        assert_eq!(number(server.connect(&made).await), ACCESS_DENIED);
        assert!(!server.exists(&name).await);
        assert_eq!(server.see("select count(*) from shop.items where id = 99").await, "0");
        // There is none any more, and there was never one.
        server.users().remove(&made.handle).await.unwrap();
        server.users().remove(&Handle::of("dsn_test_never")).await.unwrap();
    });
}

#[test]
fn who_sees_no_sessions_makes_and_removes_nobody() {
    run(async {
        let server = server().await;
        let (admin, name) = (unique(), username());
        let grants = "grant create user, connection admin on *.* to";
        let sees = format!("create user {admin} identified by 'blind' require ssl; {grants} {admin}");
        server.see(&sees).await;
        let made = server.create(&name, &member("shop_ro")).await;
        let _session = server.connect(&made).await.unwrap();
        let mut database = database(server.mariadb);
        database.admin.as_mut().unwrap().username = admin;
        let blind = Server { mariadb: server.mariadb, engine: engine(&database, "blind") };
        assert!(refused(blind.users().remove(&made.handle).await).contains("PROCESS"));
        assert!(refused(blind.try_create(&username(), &member("shop_ro")).await).contains("PROCESS"));
        assert_eq!(server.sessions(&made).await, 1);
        server.users().remove(&made.handle).await.unwrap();
        assert_eq!(server.sessions(&made).await, 0);
    });
}

#[test]
fn many_are_removed_at_once() {
    run(async {
        let server = server().await;
        let makings = (0..12).map(|_| async {
            let made = server.create(&username(), &member("shop_ro")).await;
            let session = server.connect(&made).await.unwrap();
            (made, session)
        });
        let made = futures_util::future::join_all(makings).await;
        let removals = made.iter().flat_map(|(made, _)| [&made.handle, &made.handle]);
        let removed =
            futures_util::future::join_all(removals.map(|handle| server.users().remove(handle))).await;
        assert!(removed.iter().all(Result::is_ok), "{removed:?}");
        for (made, _) in &made {
            assert!(!server.exists(&made.credential.username).await);
        }
    });
}

#[test]
fn users_are_listed_by_the_beginning_of_their_names() {
    run(async {
        let server = server().await;
        let tag = unique();
        let names = [format!("dsn_{tag}_a"), format!("dsn_{tag}_b"), format!("dsn_{tag}xc")];
        for name in &names {
            server.create(name, &member("shop_ro")).await;
        }
        let listed = server.users().list(&format!("dsn_{tag}_")).await.unwrap();
        assert_eq!(listed, names[..2]);
        for name in &names {
            server.users().renew(&Handle::of(name), Duration::from_secs(60)).await.unwrap();
            server.users().remove(&Handle::of(name)).await.unwrap();
            let gone = server.users().renew(&Handle::of(name), Duration::from_secs(60)).await;
            assert!(refused(gone).contains("there is no user"));
        }
    });
}
