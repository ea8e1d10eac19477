//! Making users and letting them go on.

use std::time::Duration;

use devstack::ClockOffset;
use sqlx::Connection as _;

use super::*;

#[tokio::test]
async fn a_new_user_logs_in_over_verified_tls_and_has_its_groups_privileges_and_no_others() {
    for server in servers().await {
        let made = server.create("login_1", &spec(&["app_ro"])).await;
        let url = server.url(&made, "app");
        assert!(url.contains("sslmode=verify-full"));
        let who = "SELECT session_user, ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        assert_eq!(psql(&url, who).await.unwrap(), "login_1|t");
        assert_eq!(psql(&url, "SELECT count(*) FROM app.orders").await.unwrap(), "0");
        assert!(
            psql(&url, "INSERT INTO app.orders VALUES (1)").await.unwrap_err().contains("permission denied")
        );
        let grants = "SELECT count(*) FROM pg_shdepend WHERE refobjid = 'login_1'::regrole";
        assert_eq!(server.see("app", grants).await, "0", "nothing is granted to the user itself");
        let powers = "SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls \
                      FROM pg_roles WHERE rolname = 'login_1'";
        assert_eq!(server.see("app", powers).await, "f|f|f|f|f");
    }
}

#[tokio::test]
async fn the_password_never_reaches_the_server() {
    for server in servers().await {
        let made = server.create("log_1", &spec(&["app_ro"])).await;
        let log = server.postgres.log();
        assert!(log.contains("CREATE ROLE \"log_1\""), "the server does log statements");
        assert!(!log.contains(made.credential.password.expose()));
    }
}

#[tokio::test]
async fn another_password_is_refused() {
    for server in servers().await {
        let mut made = server.create("wrong_1", &spec(&[])).await;
        made.credential.password = Secret::new("wrong");
        assert!(psql(&server.url(&made, "app"), "SELECT 1").await.unwrap_err().contains("password"));
    }
}

#[tokio::test]
async fn parameters_hold_in_each_session() {
    let odd = r#"it's \ a "test" -- %s $$"#;
    for server in servers().await {
        let parameters = [
            ("search_path", "app, \"$user\", \"Od'd\""),
            ("statement_timeout", "15s"),
            ("DateStyle", "ISO, DMY"),
            ("application_name", odd),
        ];
        let made = server.try_create("param_1", &spec(&["app_ro"]), &parameters).await.unwrap();
        let mut session = server.connect(&made, "app").await.unwrap();
        assert_eq!(one(&mut session, "SHOW search_path").await, r#"app, "$user", "Od'd""#);
        assert_eq!(one(&mut session, "SHOW statement_timeout").await, "15s");
        assert_eq!(one(&mut session, "SELECT count(*)::text FROM orders").await, "0");
        assert_eq!(one(&mut session, "SHOW application_name").await, odd);
        let style = "SELECT setconfig::text LIKE '%DateStyle=ISO, DMY%' FROM pg_db_role_setting \
                     WHERE setrole = 'param_1'::regrole";
        assert_eq!(server.see("app", style).await, "t");
    }
}

#[tokio::test]
async fn what_a_session_creates_belongs_to_the_owner_role() {
    for server in servers().await {
        let spec = DynamicUser { set_role: Some("app_owner".to_owned()), ..spec(&["app_ro"]) };
        let made = server.create("owner_1", &spec).await;
        let mut session = server.connect(&made, "app").await.unwrap();
        assert_eq!(one(&mut session, "SELECT current_user::text").await, "app_owner");
        assert_eq!(one(&mut session, "SELECT session_user::text").await, "owner_1");
        sqlx::query("CREATE TABLE app.owner_1 ()").execute(&mut session).await.unwrap();
        let owner = "SELECT tableowner FROM pg_tables WHERE tablename = 'owner_1'";
        assert_eq!(server.see("app", owner).await, "app_owner");
        server.users().remove(&made.handle).await.unwrap();
        assert!(session.ping().await.is_err(), "a session that acts as another is ended, too");
        assert_eq!(server.see("app", owner).await, "app_owner", "it outlives the user");
    }
}

#[tokio::test]
async fn no_more_sessions_than_allowed() {
    for server in servers().await {
        let spec = DynamicUser { connection_limit: Some(1), ..spec(&["app_ro"]) };
        let made = server.create("limit_1", &spec).await;
        let _first = server.connect(&made, "app").await.unwrap();
        let second = server.connect(&made, "app").await.unwrap_err();
        assert!(second.to_string().contains("too many connections"), "{second}");
    }
}

#[tokio::test]
async fn creating_again_brings_the_user_to_the_new_state() {
    for server in servers().await {
        let limited = DynamicUser { connection_limit: Some(1), ..spec(&["app_ro", "app_owner"]) };
        let first = server.try_create("again_1", &limited, &[("work_mem", "1MB")]).await.unwrap();
        server.users().disable(&first.handle).await.unwrap();
        let second = server.create("again_1", &spec(&["app_rw", "o'd\"d"])).await;
        assert!(server.connect(&first, "app").await.is_err(), "the first password is void");
        let mut session = server.connect(&second, "app").await.unwrap();
        assert_ne!(one(&mut session, "SHOW work_mem").await, "1MB");
        let state = "SELECT rolconnlimit, rolcanlogin, rolconfig IS NULL, \
            (SELECT string_agg(m.roleid::regrole::text, ' ' ORDER BY m.roleid::regrole::text COLLATE \"C\") \
             FROM pg_auth_members m WHERE m.member = r.oid) FROM pg_roles r WHERE rolname = 'again_1'";
        assert_eq!(server.see("app", state).await, "-1|t|t|\"o'd\"\"d\" app_rw");
        // And the same once more changes nothing.
        server.create("again_1", &spec(&["app_rw", "o'd\"d"])).await;
        assert_eq!(server.see("app", state).await, "-1|t|t|\"o'd\"\"d\" app_rw");
    }
}

#[tokio::test]
async fn names_with_quotes_are_names() {
    for server in servers().await {
        for username in [r#"q_o'd"d"#, r"q_a\'; DROP ROLE app_ro; --", "q_%s $$ $1 ä", "q_123"] {
            let made = server.create(username, &spec(&["o'd\"d"])).await;
            let mut session = server.connect(&made, "app").await.unwrap();
            assert_eq!(one(&mut session, "SELECT current_user::text").await, username);
            server.users().renew(&made.handle, Duration::from_secs(60)).await.unwrap();
            server.users().disable(&made.handle).await.unwrap();
            server.users().remove(&made.handle).await.unwrap();
            assert!(!server.exists(username).await);
        }
        assert!(server.exists("app_ro").await);
    }
}

#[tokio::test]
async fn a_role_that_was_not_made_for_a_lease_is_left_alone() {
    for server in servers().await {
        let detail = refused(server.try_create("broker_admin", &spec(&[]), &[]).await);
        assert!(detail.contains("not made for a lease"), "{detail}");
    }
}

#[tokio::test]
async fn what_is_refused_says_why_and_shows_no_verifier() {
    let with = |set_role: &str| DynamicUser { set_role: Some(set_role.to_owned()), ..spec(&["app_ro"]) };
    for server in servers().await {
        for (username, spec, parameters, expected) in [
            ("bad_1", spec(&["missing"]), vec![], "role \"missing\" does not exist"),
            ("bad_1", with("missing"), vec![], "role \"missing\" does not exist"),
            ("bad_1", spec(&["app_ro"]), vec![("no_such_setting", "1")], "no_such_setting"),
            ("bad_1", spec(&["app_ro"]), vec![("work_mem", "much")], "work_mem"),
            ("bad_1", spec(&["app_ro"]), vec![("role", "app_owner")], "set_role"),
            ("bad_1", spec(&["postgres"]), vec![], "SQLSTATE 42501"),
            ("pg_bad", spec(&["app_ro"]), vec![], "reserved"),
            (&"x".repeat(64), spec(&["app_ro"]), vec![], "not a name"),
        ] {
            let detail = refused(server.try_create(username, &spec, &parameters).await);
            assert!(detail.contains(expected), "{expected}: {detail}");
            assert!(!detail.contains("SCRAM-SHA-256"), "{detail}");
            assert!(!server.exists(username).await, "{username}");
        }
    }
}

#[tokio::test]
async fn renewing_moves_the_end_and_a_missing_user_is_refused() {
    let until = "SELECT round(extract(epoch FROM rolvaliduntil - clock_timestamp()) / 10) \
                 FROM pg_roles WHERE rolname = 'renew_1'";
    for server in servers().await {
        let made = server.create("renew_1", &spec(&["app_ro"])).await;
        assert_eq!(server.see("app", until).await, "96", "900 s and 60 s of grace");
        server.users().renew(&made.handle, Duration::from_secs(3600)).await.unwrap();
        assert_eq!(server.see("app", until).await, "366");
        let gone = server.users().handle("renew_gone", &spec(&[]));
        let detail = refused(server.users().renew(&gone, Duration::from_secs(60)).await);
        assert!(detail.contains("does not exist"), "{detail}");
    }
}

#[tokio::test]
async fn the_end_is_by_the_databases_clock() {
    let hour = Duration::from_secs(3600);
    for offset in [ClockOffset::Ahead(hour), ClockOffset::Behind(hour)] {
        let server = Server::start(builder().clock_offset(offset)).await;
        let off = server.see("app", "SELECT clock_timestamp()").await;
        let made = server.create("clock_1", &spec(&["app_ro"])).await;
        let until = "SELECT round(extract(epoch FROM rolvaliduntil - clock_timestamp()) / 10) FROM pg_roles \
                     WHERE rolname = 'clock_1'";
        assert_eq!(server.see("app", until).await, "96", "{offset:?} {off}");
        assert_eq!(psql(&server.url(&made, "app"), "SELECT 1").await.unwrap(), "1");
    }
}

#[tokio::test]
async fn disabling_ends_logins_but_not_sessions() {
    for server in servers().await {
        let made = server.create("disable_1", &spec(&["app_ro"])).await;
        let mut session = server.connect(&made, "app").await.unwrap();
        server.users().disable(&made.handle).await.unwrap();
        assert!(
            server.connect(&made, "app").await.unwrap_err().to_string().contains("not permitted to log in")
        );
        assert_eq!(one(&mut session, "SELECT count(*)::text FROM app.orders").await, "0");
        server.users().disable(&server.users().handle("disable_gone", &spec(&[]))).await.unwrap();
    }
}

#[tokio::test]
async fn users_are_listed_by_prefix_literally() {
    for server in servers().await {
        for username in ["list_a", "list_b", "listXc", "list%d", "LIST_e"] {
            server.create(username, &spec(&[])).await;
        }
        assert_eq!(server.users().list("list_").await.unwrap(), ["list_a", "list_b"]);
        assert_eq!(server.users().list("list%").await.unwrap(), ["list%d"]);
        assert_eq!(server.users().list("no'body").await.unwrap(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_superuser_can_be_the_brokers_user() {
    for server in servers().await {
        let mut database = database(&server.postgres);
        database.admin.as_mut().unwrap().username = "postgres".to_owned();
        let engine = engine(&database, server.postgres.superuser_password());
        let users = engine.dynamic_users.unwrap();
        let spec = DynamicUser { set_role: Some("app_owner".to_owned()), ..spec(&["app_ro"]) };
        let password = entropy::password(&SystemEntropy);
        let user = NewUser {
            name: "super_1",
            password: &password,
            spec: &spec,
            parameters: &BTreeMap::new(),
            ttl: Duration::from_secs(60),
        };
        let credential = users.create(&user).await.unwrap().credential;
        let made = Made { handle: users.handle("super_1", &spec), credential };
        let mut session = server.connect(&made, "app").await.unwrap();
        server.see("app", "CREATE TABLE super_1 (); ALTER TABLE super_1 OWNER TO super_1").await;
        users.remove(&made.handle).await.unwrap();
        assert!(session.ping().await.is_err());
        assert!(!server.exists("super_1").await);
        let owner = "SELECT tableowner FROM pg_tables WHERE tablename = 'super_1'";
        assert_eq!(server.see("app", owner).await, "app_owner");
    }
}
