//! Python.

use devstack::{MysqlEdge, mysql_edge};
use dsn_broker::dsn::{Format, Language};
use serde_json::json;
use tokio::process::Command;

use super::{Case, Expected, ask, check, installed, programs};
use crate::stand::mariadb::mariadb;
use crate::stand::{run, unique};

#[test]
fn every_driver_of_python_connects_and_none_to_the_wrong_server() {
    // asyncmy begins with TLS without looking whether the server has it, and is hung up on.
    run(check(Language::Python, program(), &[Format::Asyncmy, Format::SqlalchemyAsyncmy]));
}

/// Why there is no format for it: see `dsn/refused.rs`.
#[test]
fn aiomysql_does_without_tls_where_the_server_has_none() {
    const OPEN: &str = "\
import json
import ssl

import aiomysql

connection = await aiomysql.connect(ssl=ssl.create_default_context(), **json.loads(dsn))";
    let Some(program) = program() else { return };
    run(async {
        let server = mariadb().await;
        let backend = mysql_edge::Backend::of(server).unwrap();
        let behind = backend.clone();
        let lead = move |opening: &mysql_edge::Opening| mysql_edge::Route::To {
            backend: behind.clone(),
            user: opening.user.clone(),
            database: opening.database.clone(),
            password: None,
        };
        let plain = MysqlEdge::plain(backend, lead).await.unwrap();
        let user = unique();
        server.execute("", &format!("create user {user} identified by 'known'")).await.unwrap();
        let options = json!({ "host": "localhost", "port": plain.port(), "user": user, "password": "known" });
        let case = Case {
            id: "aiomysql".to_owned(),
            // A session of one is asked as a session of the other.
            format: Format::Asyncmy,
            protocol: "mysql",
            dsn: options.to_string(),
            code: OPEN.to_owned(),
            user,
            password: "known".to_owned(),
            ca_pem: None,
            parameters: options,
            pooled: false,
            expected: Expected::Session,
        };
        let outcomes = ask(program, std::slice::from_ref(&case)).await;
        assert_eq!(outcomes["aiomysql"].user.as_ref(), Some(&case.user), "{outcomes:?}");
    });
}

fn program() -> Option<Command> {
    let python = installed().join("python/bin/python");
    python.exists().then(|| {
        let mut command = Command::new(python);
        command.arg(programs().join("python/connect.py"));
        command
    })
}
