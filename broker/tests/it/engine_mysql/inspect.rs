//! What is said about a server and its roles.

use dsn_broker::config::CredentialSpec;
use dsn_broker::engine::RoleInfo;
use serde_json::json;

use super::*;
use crate::stand::run;

pub(super) async fn inspect(engine: &Engine, spec: &DynamicUser) -> RoleInfo {
    engine.inspection.role(&CredentialSpec::DynamicUser(spec.clone())).await.unwrap()
}

#[test]
fn the_server_says_what_it_is() {
    run(async {
        let server = server().await;
        let info = server.engine.inspection.server().await.unwrap();
        assert!(info.version.starts_with(&format!("MariaDB {}", server.mariadb.version())), "{info:?}");
    });
}

#[test]
fn a_role_as_it_should_be_has_neither_warnings_nor_mistakes() {
    run(async {
        let server = server().await;
        let of_role = inspect(&server.engine, &member("shop_ro")).await;
        let can = vec!["select on shop.*".to_owned()];
        assert_eq!(of_role, RoleInfo { can, ..RoleInfo::default() });
        let spec = privileges(json!([{ "in": "shop.orders", "can": ["select", "insert"] }]));
        let can = vec!["select, insert on shop.orders".to_owned()];
        assert_eq!(inspect(&server.engine, &spec).await, RoleInfo { can, ..RoleInfo::default() });
    });
}

#[test]
fn what_is_too_much_is_warned_about() {
    run(async {
        let server = server().await;
        let role = unique();
        server
            .see(&format!(
                "create role {role}; grant all on shop.* to {role} with grant option; grant file on *.* to {role};
                 grant {role} to {ADMIN} with admin option"
            ))
            .await;
        let warnings = inspect(&server.engine, &member(&role)).await.warnings;
        for expected in
            ["it may do everything on shop.*", "GRANT OPTION", "every database of the server: file on *.*"]
        {
            assert!(warnings.iter().any(|warning| warning.contains(expected)), "{expected}: {warnings:?}");
        }
    });
}

#[test]
fn the_statements_that_are_named_let_an_admin_make_users() {
    run(async {
        let server = server().await;
        let (admin, role, name) = (unique(), unique(), username());
        server.see(&format!("create user {admin} identified by 'weak' require ssl")).await;
        let mut database = database(server.mariadb);
        database.admin.as_mut().unwrap().username = admin.clone();
        let engine = engine(&database, "weak");
        let on = privileges(json!([{ "in": "shop.*", "can": ["select", "lock tables"] }]));
        let spec = DynamicUser { member_of: vec![role.clone()], ..on };
        let mut said = Vec::new();
        // Each look may find the next thing that is missing.
        for look in 0.. {
            let mistakes = inspect(&engine, &spec).await.mistakes;
            if mistakes.is_empty() {
                break;
            }
            assert!(look < 5, "{mistakes:?}");
            for mistake in mistakes {
                let statement = mistake.split_once(": ").unwrap().1.split_once(';').unwrap().0.to_owned();
                server.see(&statement).await;
                said.push(statement);
            }
        }
        let named = said.join("\n");
        for expected in
            ["CREATE ROLE", "CREATE USER", "PROCESS", "CONNECTION ADMIN", "LOCK TABLES", "ADMIN OPTION"]
        {
            assert!(named.contains(expected), "{expected}: {named}");
        }
        let weak = Server { mariadb: server.mariadb, engine };
        let made = weak.create(&name, &spec).await;
        let mut session = weak.connect(&made).await.unwrap();
        run_in(&mut session, "select id from orders").await.unwrap();
        weak.users().remove(&made.handle).await.unwrap();
        assert!(!weak.exists(&name).await);
    });
}
