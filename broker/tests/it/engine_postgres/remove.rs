//! Ending users.

use futures_util::future::join_all;
use sqlx::Connection as _;

use super::*;

#[tokio::test]
async fn removing_ends_the_sessions_and_can_be_done_again() {
    for server in servers().await {
        let made = server.create("end_1", &spec(&["app_ro"])).await;
        let mut idle = server.connect(&made, "app").await.unwrap();
        let mut busy = server.connect(&made, "other").await.unwrap();
        let sleeping =
            tokio::spawn(async move { sqlx::query("SELECT pg_sleep(600)").execute(&mut busy).await });
        server.users().remove(&made.handle).await.unwrap();
        assert!(idle.ping().await.is_err());
        assert!(sleeping.await.unwrap().is_err());
        assert!(!server.exists("end_1").await);
        let left = "SELECT count(*) FROM pg_stat_activity a LEFT JOIN pg_roles r ON r.oid = a.usesysid \
                    WHERE a.usesysid IS NOT NULL AND r.oid IS NULL";
        assert_eq!(server.see("app", left).await, "0", "no session without a role");
        server.users().remove(&made.handle).await.unwrap();
        let own = "SELECT count(*) FROM pg_auth_members WHERE member = 'broker_admin'::regrole \
                   AND roleid::regrole::text LIKE 'end_1'";
        assert_eq!(server.see("app", own).await, "0");
    }
}

#[tokio::test]
async fn what_it_owns_in_two_databases_goes_to_the_owner() {
    for server in servers().await {
        let spec = DynamicUser {
            set_role: Some("app_owner".to_owned()),
            databases: vec!["other".to_owned(), "app".to_owned()],
            ..spec(&["app_ro"])
        };
        let made = server.create("own_1", &spec).await;
        assert_eq!(made.handle.databases, ["app", "other"]);
        for database in ["app", "other"] {
            let sql = "CREATE SCHEMA own_1 AUTHORIZATION app_owner; CREATE TABLE own_1.t (); ALTER TABLE own_1.t OWNER TO own_1; \
                       CREATE FUNCTION own_1.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; \
                       ALTER FUNCTION own_1.f OWNER TO own_1; GRANT USAGE ON SCHEMA own_1 TO own_1";
            server.see(database, sql).await;
        }
        let mine = "SELECT string_agg(roleid::regrole::text, ' ' ORDER BY roleid) FROM pg_auth_members \
                    WHERE member = 'broker_admin'::regrole AND roleid = 'app_owner'::regrole";
        let before = server.see("app", mine).await;
        server.users().remove(&made.handle).await.unwrap();
        assert!(!server.exists("own_1").await);
        for database in ["app", "other"] {
            let owners = "SELECT c.relowner::regrole, p.proowner::regrole FROM pg_class c, pg_proc p \
                          WHERE c.oid = 'own_1.t'::regclass AND p.oid = 'own_1.f'::regproc";
            assert_eq!(server.see(database, owners).await, "app_owner|app_owner", "{database}");
        }
        assert_eq!(server.see("app", mine).await, before, "the broker's user kept nothing it took");
    }
}

#[tokio::test]
async fn without_an_owner_what_it_owns_is_dropped() {
    for server in servers().await {
        let spec = DynamicUser { databases: vec!["other".to_owned()], ..spec(&["app_ro"]) };
        let made = server.create("drop_1", &spec).await;
        for database in ["app", "other"] {
            server.see(database, "CREATE TABLE drop_1 (); ALTER TABLE drop_1 OWNER TO drop_1").await;
        }
        server.users().remove(&made.handle).await.unwrap();
        assert!(!server.exists("drop_1").await);
        for database in ["app", "other"] {
            assert_eq!(server.see(database, "SELECT to_regclass('drop_1')").await, "", "{database}");
        }
    }
}

#[tokio::test]
async fn privileges_given_by_hand_do_not_keep_it() {
    for server in servers().await {
        let made = server.create("hand_1", &spec(&["app_ro"])).await;
        for database in ["app", "third"] {
            server
                .see(
                    database,
                    "CREATE SCHEMA hand_1 AUTHORIZATION app_owner; CREATE TABLE hand_1.t (); \
                     ALTER TABLE hand_1.t OWNER TO app_rw; GRANT SELECT ON hand_1.t TO hand_1; \
                     GRANT USAGE ON SCHEMA hand_1 TO hand_1; SET ROLE app_owner; \
                     ALTER DEFAULT PRIVILEGES IN SCHEMA hand_1 GRANT SELECT ON TABLES TO hand_1",
                )
                .await;
        }
        let mine = "SELECT roleid::regrole, grantor::regrole FROM pg_auth_members \
                    WHERE member = 'broker_admin'::regrole AND roleid::regrole::text LIKE 'app%' ORDER BY 1, 2";
        let before = server.see("app", mine).await;
        server.users().remove(&made.handle).await.unwrap();
        assert!(!server.exists("hand_1").await);
        assert_eq!(
            server.see("third", "SELECT to_regclass('hand_1.t')").await,
            "hand_1.t",
            "of another owner"
        );
        assert_eq!(server.see("app", mine).await, before, "the broker's user kept nothing it took");
    }
}

#[tokio::test]
async fn privileges_that_only_a_superuser_can_end_are_named_with_the_statement() {
    for server in servers().await {
        let made = server.create("boss_1", &spec(&["app_ro"])).await;
        server.see("app", "CREATE TABLE boss_1 (); GRANT SELECT ON boss_1 TO boss_1").await;
        let detail = refused(server.users().remove(&made.handle).await);
        assert!(detail.contains("privileges for table public.boss_1"), "{detail}");
        let statement = "DROP OWNED BY \"boss_1\";";
        assert!(detail.ends_with(statement), "{detail}");
        assert!(server.connect(&made, "app").await.is_err(), "it is disabled all the same");
        server.see("app", statement).await;
        server.users().remove(&made.handle).await.unwrap();
        assert!(!server.exists("boss_1").await);
    }
}

#[tokio::test]
async fn what_it_owns_in_a_database_not_named_is_not_dropped_in_silence() {
    for server in servers().await {
        let made = server.create("third_1", &spec(&["app_ro"])).await;
        server.see("third", "CREATE TABLE third_1 (); ALTER TABLE third_1 OWNER TO third_1").await;
        let detail = refused(server.users().remove(&made.handle).await);
        assert!(detail.contains("\"third\"") && detail.contains("REASSIGN OWNED BY \"third_1\""), "{detail}");
        assert_eq!(server.see("third", "SELECT to_regclass('third_1')").await, "third_1");
        assert!(server.connect(&made, "app").await.is_err(), "it is disabled all the same");
        server.see("third", "REASSIGN OWNED BY third_1 TO postgres").await;
        server.users().remove(&made.handle).await.unwrap();
        assert!(!server.exists("third_1").await);
    }
}

#[tokio::test]
async fn what_others_built_on_what_it_owns_is_not_dropped_and_is_named() {
    for server in servers().await {
        let made = server.create("base_1", &spec(&["app_ro"])).await;
        server
            .see(
                "app",
                "CREATE TABLE base_1 (a int); ALTER TABLE base_1 OWNER TO base_1; \
                 CREATE VIEW on_base_1 AS SELECT a FROM base_1",
            )
            .await;
        let detail = refused(server.users().remove(&made.handle).await);
        assert!(detail.contains("2BP01") && detail.contains("on_base_1"), "{detail}");
        server.see("app", "DROP VIEW on_base_1").await;
        server.users().remove(&made.handle).await.unwrap();
    }
}

#[tokio::test]
async fn a_prepared_transaction_that_blocks_is_named() {
    for server in servers().await {
        let made = server.create("twophase_1", &spec(&["app_maker"])).await;
        let mut session = server.connect(&made, "app").await.unwrap();
        for sql in ["BEGIN", "CREATE TABLE app.twophase_1 ()", "PREPARE TRANSACTION 'it''s open'"] {
            sqlx::query(sql).execute(&mut session).await.unwrap();
        }
        let mut database = database(&server.postgres);
        database.timeout = Span(Duration::from_secs(4));
        let engine = engine(&database, ADMIN_PASSWORD);
        let result = engine.dynamic_users.unwrap().remove(&made.handle).await;
        let detail = result.unwrap_err().to_string();
        assert!(detail.contains("ROLLBACK PREPARED 'it''s open'; in database app"), "{detail}");
        server.see("app", "ROLLBACK PREPARED 'it''s open'").await;
        server.users().remove(&made.handle).await.unwrap();
        assert!(!server.exists("twophase_1").await);
    }
}

#[tokio::test]
async fn many_at_once_do_not_disturb_each_other() {
    for server in servers().await {
        let mut database = database(&server.postgres);
        database.concurrency = 40;
        let [ours, theirs] = [(); 2].map(|()| engine(&database, ADMIN_PASSWORD).dynamic_users.unwrap());
        let spec = DynamicUser { set_role: Some("app_owner".to_owned()), ..spec(&["app_ro", "app_rw"]) };
        let names: Vec<_> = (0..100).map(|number| format!("many_{number}")).collect();
        let creations = names.iter().map(|name| async {
            let password = Secret::new("Password-1");
            let (parameters, ttl) = (BTreeMap::new(), Duration::from_secs(60));
            let (password, spec, parameters) = (&password, &spec, &parameters);
            ours.create(&NewUser { name, password, spec, parameters, ttl }).await
        });
        for creation in join_all(creations).await {
            creation.unwrap();
        }
        assert_eq!(ours.list("many_").await.unwrap().len(), 100);
        // Some own things, for which the broker's user has to become a member of their owner for a moment.
        let own = "SELECT format('CREATE TABLE many_%1$s (); ALTER TABLE many_%1$s OWNER TO many_%1$s;', n) \
                   FROM generate_series(1, 20) n";
        let own = server.see("app", own).await;
        server.see("app", &own).await;

        let handles: Vec<_> = names.iter().map(|name| ours.handle(name, &spec)).collect();
        // Each twice at the same time, as two reapers might.
        let ends = handles.iter().flat_map(|handle| [ours.remove(handle), theirs.remove(handle)]);
        for end in join_all(ends).await {
            end.unwrap();
        }
        assert_eq!(ours.list("many_").await.unwrap().len(), 0);
        let owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE tablename LIKE 'many%'";
        assert_eq!(server.see("app", owners).await, "app_owner");
    }
}

#[tokio::test]
async fn the_same_user_created_by_many_at_once_is_one_user() {
    for server in servers().await {
        let spec = spec(&["app_ro"]);
        let made =
            join_all((0..20).map(|_| server.try_create("same_1", &spec, &[("work_mem", "1MB")]))).await;
        let mut good = 0;
        for made in &made {
            good += usize::from(server.connect(made.as_ref().unwrap(), "app").await.is_ok());
        }
        assert_eq!(good, 1, "the password of the last one");
    }
}

#[tokio::test]
async fn removals_that_wait_do_not_keep_new_users_from_being_made() {
    for server in servers().await {
        let mut database = database(&server.postgres);
        database.concurrency = 2;
        database.timeout = Span(Duration::from_secs(30));
        let users = engine(&database, ADMIN_PASSWORD).dynamic_users.unwrap();
        let made = server.create("wait_1", &spec(&["app_ro"])).await;
        server.see("app", "BEGIN; GRANT SELECT ON app.orders TO wait_1; PREPARE TRANSACTION 'wait'").await;

        let password = Secret::new("Password-1");
        let (spec, parameters, ttl) = (spec(&["app_ro"]), BTreeMap::new(), Duration::from_secs(60));
        let (password, spec, parameters) = (&password, &spec, &parameters);
        let user = NewUser { name: "wait_2", password, spec, parameters, ttl };
        tokio::select! {
            // In this order, so that the removals come first and wait for the lock.
            biased;
            _ = futures_util::future::select_all((0..4).map(|_| users.remove(&made.handle))) => {
                panic!("the lock does not hold");
            }
            created = users.create(&user) => drop(created.unwrap()),
        }
        server.see("app", "ROLLBACK PREPARED 'wait'").await;
        users.remove(&made.handle).await.unwrap();
        assert!(server.exists("wait_2").await && !server.exists("wait_1").await);
    }
}

#[tokio::test]
async fn no_session_slips_through_while_the_user_logs_in_again_and_again() {
    for server in servers().await {
        let made = server.create("again_and_again", &spec(&["app_ro"])).await;
        let logins = join_all((0..4).map(|_| async {
            let mut sessions = Vec::new();
            while let Ok(session) = server.connect(&made, "app").await {
                sessions.push(session);
            }
            sessions
        }));
        let remove = async {
            // Only when there are some.
            while server
                .see("app", "SELECT count(*) > 3 FROM pg_stat_activity WHERE usename LIKE 'again_and%'")
                .await
                != "t"
            {}
            server.users().remove(&made.handle).await
        };
        let (sessions, removed) = tokio::join!(logins, remove);
        removed.unwrap();
        for mut session in sessions.into_iter().flatten() {
            assert!(session.ping().await.is_err());
        }
        let left = "SELECT count(*) FROM pg_stat_activity a LEFT JOIN pg_roles r ON r.oid = a.usesysid \
                    WHERE a.usesysid IS NOT NULL AND r.oid IS NULL";
        assert_eq!(server.see("app", left).await, "0");
    }
}
