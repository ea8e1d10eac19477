//! What the server and its roles really are.

use dsn_broker::config::CredentialSpec;
use dsn_broker::engine::RoleInfo;

use super::*;

async fn inspect(engine: &Engine, spec: &DynamicUser) -> RoleInfo {
    engine.inspection.role(&CredentialSpec::DynamicUser(spec.clone())).await.unwrap()
}

/// The statement at the end of a mistake.
fn statement(mistake: &str) -> &str {
    mistake.rsplit_once(": ").unwrap().1
}

#[tokio::test]
async fn the_server_says_its_version() {
    for server in servers().await {
        let version = server.engine.inspection.server().await.unwrap().version;
        assert!(version.starts_with(&format!("PostgreSQL {}", server.postgres.major())), "{version}");
    }
}

#[tokio::test]
async fn a_role_as_it_should_be_is_described_without_complaint() {
    for server in servers().await {
        let mut info = inspect(&server.engine, &spec(&["app_rw"])).await;
        // Other tests make things in schema public of this server.
        info.can.retain(|what| !what.starts_with("schema public") && !what.starts_with("schema own_1"));
        assert_eq!(
            info,
            RoleInfo {
                can: vec![
                    "all that these roles can do: app_rw".to_owned(),
                    "schema app: select on 3 tables, insert, update on 1 table".to_owned(),
                ],
                ..RoleInfo::default()
            }
        );
    }
}

#[tokio::test]
async fn each_mistake_comes_with_the_statement_that_mends_it() {
    for server in servers().await {
        let major = server.postgres.major();
        server
            .see("app", "CREATE ROLE \"ad'min\" LOGIN PASSWORD 'Second-admin-1'; CREATE ROLE \"te\"\"am\"")
            .await;
        let mut database = database(&server.postgres);
        database.admin.as_mut().unwrap().username = "ad'min".to_owned();
        let engine = engine(&database, "Second-admin-1");
        let spec = DynamicUser { set_role: Some("later".to_owned()), ..spec(&["te\"am"]) };

        let refused = refused(
            engine
                .dynamic_users
                .as_ref()
                .unwrap()
                .create(&NewUser {
                    name: "mend_1",
                    password: &entropy::password(&SystemEntropy),
                    spec: &spec,
                    parameters: &BTreeMap::new(),
                    ttl: Duration::from_secs(60),
                })
                .await,
        );
        assert!(refused.contains("42501") || refused.contains("42704"), "{refused}");

        let mut steps = Vec::new();
        loop {
            let info = inspect(&engine, &spec).await;
            let Some(mistake) = info.mistakes.first() else { break };
            steps.push(statement(mistake).to_owned());
            assert!(steps.len() < 9, "{steps:?}");
            server.see("app", statement(mistake)).await;
        }
        let mut expected = vec!["ALTER ROLE \"ad'min\" CREATEROLE;"];
        if major >= 16 {
            expected.push("GRANT \"te\"\"am\" TO \"ad'min\" WITH ADMIN OPTION;");
        }
        expected.push("CREATE ROLE \"later\" NOLOGIN;");
        if major >= 16 {
            expected.push("GRANT \"later\" TO \"ad'min\" WITH ADMIN OPTION;");
        }
        assert_eq!(steps, expected);
    }
}

#[tokio::test]
async fn what_is_missing_in_databases_is_found() {
    for server in servers().await {
        server.see("postgres", "CREATE DATABASE closed; REVOKE CONNECT ON DATABASE closed FROM PUBLIC").await;
        let spec = DynamicUser {
            databases: ["closed", "no\"where", "other"].map(str::to_owned).to_vec(),
            ..spec(&["app_ro"])
        };
        let mistakes = inspect(&server.engine, &spec).await.mistakes;
        assert_eq!(mistakes.len(), 2, "{mistakes:?}");
        assert_eq!(statement(&mistakes[0]), "GRANT CONNECT ON DATABASE \"closed\" TO \"broker_admin\";");
        assert!(mistakes[1].contains("no database \"no\"\"where\""), "{mistakes:?}");

        let mut database = database(&server.postgres);
        database.dbname = "closed".to_owned();
        server.see("postgres", statement(&mistakes[0])).await;
        let info = inspect(&engine(&database, ADMIN_PASSWORD), &self::spec(&["app_ro"])).await;
        assert_eq!(statement(&info.mistakes[0]), "GRANT CONNECT ON DATABASE \"closed\" TO \"app_ro\";");
    }
}

#[tokio::test]
async fn more_than_it_should_be_is_warned_about() {
    for server in servers().await {
        server
            .see(
                "app",
                "CREATE ROLE boss SUPERUSER; CREATE ROLE deputy CREATEDB BYPASSRLS; CREATE ROLE clerk; \
                 GRANT boss TO deputy; GRANT deputy TO clerk; GRANT pg_execute_server_program TO clerk",
            )
            .await;
        let info = inspect(&server.engine, &spec(&["clerk"])).await;
        let warnings = info.warnings.join("\n");
        for expected in [
            "\"boss\", which is a superuser",
            "\"deputy\", which is allowed to create databases",
            "\"deputy\", which is exempt from row security",
            "run programs on the server's machine",
        ] {
            assert!(warnings.contains(expected), "{expected}: {warnings}");
        }
        assert_eq!(
            info.can[0],
            "all that these roles can do: boss, clerk, deputy, pg_execute_server_program"
        );

        let owner = DynamicUser { set_role: Some("app_owner".to_owned()), ..spec(&[]) };
        let warnings = inspect(&server.engine, &owner).await.warnings;
        assert!(warnings.iter().any(|warning| warning.contains("owner of schema \"app\"")), "{warnings:?}");

        let mut database = database(&server.postgres);
        database.admin.as_mut().unwrap().username = "postgres".to_owned();
        let engine = engine(&database, server.postgres.superuser_password());
        let warnings = inspect(&engine, &spec(&["app_ro"])).await.warnings;
        assert_eq!(warnings, ["the broker's user \"postgres\" is a superuser: CREATEROLE is enough for it"]);
    }
}

#[tokio::test]
async fn what_public_may_create_is_counted_too() {
    for server in servers().await {
        let mut database = database(&server.postgres);
        database.dbname = "fresh".to_owned();
        server.see("postgres", "CREATE DATABASE fresh").await;
        let info = inspect(&engine(&database, ADMIN_PASSWORD), &spec(&["app_ro"])).await;
        // Until version 14 everyone may create things in schema public of a new database.
        let everyone = server.postgres.major() < 15;
        assert_eq!(info.can.iter().any(|what| what == "schema public: create"), everyone, "{info:?}");
        assert_eq!(info.warnings.iter().any(|text| text.contains("FROM PUBLIC")), everyone, "{info:?}");
    }
}
