//! What a user is made of.

use serde_json::json;
use sqlx::{Connection as _, MySqlConnection};

use super::*;
use crate::stand::run;

#[test]
fn a_member_of_a_role_can_do_what_the_role_can() {
    run(async {
        let server = server().await;
        let name = username();
        let made = server.create(&name, &member("shop_ro")).await;
        let mut session = server.connect(&made).await.unwrap();
        run_in(&mut session, "select id from orders").await.unwrap();
        assert_eq!(number(run_in(&mut session, "insert into orders values (1)").await), TABLE_DENIED);
        server.users().remove(&made.handle).await.unwrap();
    });
}

#[test]
fn a_list_of_privileges_is_all_that_a_user_has() {
    run(async {
        let server = server().await;
        let spec = privileges(json!([
            { "in": "shop.items", "can": ["select", "insert", "delete"] },
            { "in": "shop.orders", "can": ["select"] },
        ]));
        let made = server.create(&username(), &spec).await;
        let mut session = server.connect(&made).await.unwrap();
        for allowed in
            ["insert into items values (1)", "select * from orders", "delete from items where id = 2"]
        {
            run_in(&mut session, allowed).await.unwrap();
        }
        for denied in ["insert into orders values (1)", "update items set id = 3", "drop table items"] {
            assert_eq!(number(run_in(&mut session, denied).await), TABLE_DENIED, "{denied}");
        }
        server.users().remove(&made.handle).await.unwrap();
    });
}

#[test]
fn the_name_of_a_database_is_no_pattern() {
    run(async {
        let server = server().await;
        let (one, other) = (format!("{}_b", unique()), unique());
        let alike = one.replace('_', "x");
        server
            .see(&format!(
                "create database {one}; create table {one}.t (i int); create database {alike}; create table {alike}.t (i int);
                 grant select on `{}`.* to {ADMIN} with grant option",
                one.replace('_', r"\_")
            ))
            .await;
        let made = server
            .create(
                &format!("dsn_{other}"),
                &privileges(json!([{ "in": format!("{one}.*"), "can": ["select"] }])),
            )
            .await;
        let url = server.mariadb.url(&made.credential.username, made.credential.password.expose(), &one);
        let mut session = MySqlConnection::connect(&url).await.unwrap();
        run_in(&mut session, "select * from t").await.unwrap();
        assert_eq!(number(run_in(&mut session, &format!("select * from {alike}.t")).await), TABLE_DENIED);
        server.users().remove(&made.handle).await.unwrap();
    });
}

#[test]
fn tls_is_required_and_the_server_has_a_hash_alone() {
    run(async {
        let server = server().await;
        let name = username();
        let made = server.create(&name, &member("shop_ro")).await;
        let password = made.credential.password.expose();
        let shown = server.see(&format!("show create user `{name}`@`%`")).await;
        assert!(shown.contains("REQUIRE SSL") && !shown.contains(password), "{shown}");
        let expected = server.see(&format!("select password('{password}')")).await;
        let column = "select authentication_string from mysql.user where user";
        assert_eq!(server.see(&format!("{column} = '{name}'")).await, expected);
        server.users().remove(&made.handle).await.unwrap();
    });
}

#[test]
fn making_it_again_leaves_the_last_one_alone() {
    run(async {
        let server = server().await;
        let name = username();
        let first = server.create(&name, &privileges(json!([{ "in": "shop.*", "can": ["insert"] }]))).await;
        let second = server.create(&name, &member("shop_ro")).await;
        assert_eq!(number(server.connect(&first).await), ACCESS_DENIED);
        let mut session = server.connect(&second).await.unwrap();
        run_in(&mut session, "select id from orders").await.unwrap();
        assert_eq!(number(run_in(&mut session, "insert into orders values (1)").await), TABLE_DENIED);
        server.users().remove(&second.handle).await.unwrap();
    });
}

#[test]
fn sessions_are_limited_as_the_role_says() {
    run(async {
        let server = server().await;
        let spec = DynamicUser { connection_limit: Some(1), ..member("shop_ro") };
        let made = server.create(&username(), &spec).await;
        let held = server.connect(&made).await.unwrap();
        // ER_USER_LIMIT_REACHED
        assert_eq!(number(server.connect(&made).await), 1226);
        held.close().await.unwrap();
        server.users().remove(&made.handle).await.unwrap();
    });
}

#[test]
fn what_cannot_be_made_is_refused_with_the_reason() {
    run(async {
        let server = server().await;
        let name = username();
        for (spec, expected) in [
            (member("no_such_role"), "no_such_role"),
            (privileges(json!([{ "in": "elsewhere.*", "can": ["select"] }])), "Access denied"),
            (
                DynamicUser { member_of: vec!["a".into(), "b".into()], ..DynamicUser::default() },
                "one default role",
            ),
        ] {
            let detail = refused(server.try_create(&name, &spec).await);
            assert!(detail.contains(expected), "{detail}");
            // What was made of it is found by its name.
            server.users().remove(&server.users().handle(&name, &spec)).await.unwrap();
            assert!(!server.exists(&name).await);
        }
        let long = "x".repeat(33);
        assert!(refused(server.try_create(&long, &member("shop_ro")).await).contains("too long for a user"));
    });
}

#[test]
fn a_strange_role_is_a_name_like_others() {
    run(async {
        let server = server().await;
        let role = format!("o'd`d\\\"; {}", unique());
        let quoted = role.replace('`', "``");
        server
            .see(&format!("create role `{quoted}`; grant select on shop.* to `{quoted}`; grant `{quoted}` to {ADMIN} with admin option"))
            .await;
        let made = server.create(&username(), &member(&role)).await;
        let mut session = server.connect(&made).await.unwrap();
        run_in(&mut session, "select id from orders").await.unwrap();
        let info = inspect::inspect(&server.engine, &member(&role)).await;
        assert_eq!(info.mistakes, [""; 0]);
        server.users().remove(&made.handle).await.unwrap();
    });
}
