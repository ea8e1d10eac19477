//! MariaDB as clients see it.

use devstack::{Ca, Certificate, MariaDb, MariaDbBuilder};

use crate::process::{Process, eventually};
use crate::program;

#[tokio::test]
async fn a_verifying_client_gets_in_over_tls() {
    let server = quick().start().await.unwrap();
    for host in ["localhost", "127.0.0.1", "::1"] {
        let sql = "select current_user(), @@version; show status like 'ssl_version'";
        let said = Client { host, ..Client::root(&server) }.succeeds(sql).await;
        assert_eq!(said, format!("root@%|{}\nSsl_version|TLSv1.3", server.version()), "{host}");
    }
}

#[tokio::test]
async fn nobody_gets_in_without_tls_or_password() {
    let server = quick().start().await.unwrap();
    let plain = Client { ca: None, ..Client::root(&server) };
    // It says no more than this, though the password is right.
    assert!(plain.fails("select 1").await.contains("ERROR 1045 (28000)"));
    for password in ["", "wrong"] {
        let wrong = Client { password, ..Client::root(&server) };
        assert!(wrong.fails("select 1").await.contains("ERROR 1045 (28000)"), "{password:?}");
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let server = quick().certificate(Certificate::WrongName).start().await.unwrap();
    let complaint = Client::root(&server).fails("select 1").await;
    assert!(complaint.contains("Validation of SSL server certificate failed"), "{complaint}");
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused() {
    let server =
        quick().ca(&Ca::generate().unwrap()).certificate(Certificate::Untrusted).start().await.unwrap();
    let complaint = Client::root(&server).fails("select 1").await;
    assert!(complaint.contains("ERROR 2026") && complaint.contains("certificate"), "{complaint}");
}

#[tokio::test]
async fn a_server_without_tls_is_refused() {
    let server = quick().certificate(Certificate::None).start().await.unwrap();
    let complaint = Client::root(&server).fails("select 1").await;
    assert!(complaint.contains("the server does not support it"), "{complaint}");
    let lax = Client { ca: None, ..Client::root(&server) };
    assert_eq!(lax.succeeds("select 1").await, "1");
}

#[tokio::test]
async fn a_kill_loses_nothing_that_was_committed() {
    for durable in [true, false] {
        let server = MariaDb::builder().durable(durable).start().await.unwrap();
        let port = server.port();
        let sql =
            "create database shop; create table shop.orders (id int); insert into shop.orders values (7);
                   create user app identified by 'secret'; grant select on shop.* to app";
        server.execute("", sql).await.unwrap();
        server.kill().await.unwrap();
        server.execute("", "select 1").await.unwrap_err();
        server.restart().await.unwrap();
        assert_eq!(server.port(), port);
        let app = Client { user: "app", password: "secret", database: "shop", ..Client::root(&server) };
        assert_eq!(app.succeeds("select id from orders").await, "7", "durable: {durable}");
    }
}

#[tokio::test]
async fn a_stopped_server_starts_again() {
    let server = quick().start().await.unwrap();
    server.execute("", "create database shop").await.unwrap();
    server.stop().await.unwrap();
    assert!(server.log().contains("Shutdown complete"));
    server.restart().await.unwrap();
    server.restart().await.unwrap();
    assert_eq!(Client::root(&server).succeeds("show databases like 'shop'").await, "shop");
}

#[tokio::test]
async fn a_paused_server_says_nothing_until_it_is_resumed() {
    let server = quick().start().await.unwrap();
    server.pause().await.unwrap();
    let mut query = Box::pin(server.query_text("", "select 1"));
    let waited = std::time::Duration::from_millis(200);
    assert!(tokio::time::timeout(waited, &mut query).await.is_err());
    server.resume().await.unwrap();
    assert_eq!(query.await.unwrap(), "1");
}

#[tokio::test]
async fn nothing_is_left_of_a_server_that_is_dropped_or_killed_while_paused() {
    let server = quick().start().await.unwrap();
    let folder = server.ca_path().parent().unwrap().to_owned();
    let id = std::fs::read_to_string(folder.join("pid")).unwrap().trim().parse().unwrap();
    let process = Process::with(id).unwrap();
    assert_eq!(process.name, "mariadbd");
    drop(server);
    eventually("the process ends", || !process.is_alive()).await;
    eventually("the folder goes", || !folder.exists()).await;

    let server = quick().start().await.unwrap();
    let folder = server.ca_path().parent().unwrap().to_owned();
    server.pause().await.unwrap();
    server.kill().await.unwrap();
    server.end().await.unwrap();
    assert!(!folder.exists());
}

#[tokio::test]
async fn settings_of_the_caller_win() {
    let server = quick().setting("max-connections", "12").setting("log-bin", "binlog").start().await.unwrap();
    let found = server.query_text("", "select @@max_connections, @@log_bin").await.unwrap();
    assert_eq!(found, "12|1");
}

#[tokio::test]
async fn a_setting_that_does_not_exist_is_complained_about() {
    let error = quick().setting("no-such-thing", "1").start().await.unwrap_err();
    assert!(format!("{error:#}").contains("unknown variable 'no-such-thing=1'"), "{error:#}");
}

#[tokio::test]
async fn statements_stop_at_the_first_error() {
    let server = quick().start().await.unwrap();
    let sql = "create database a; select * from nowhere.at_all; create database b";
    let error = server.execute("", sql).await.unwrap_err();
    assert!(error.to_string().contains("nowhere"), "{error:#}");
    let found = server.query_text("mysql", "show databases where `Database` in ('a', 'b')").await.unwrap();
    assert_eq!(found, "a");
}

pub(crate) fn quick() -> MariaDbBuilder {
    MariaDb::builder().durable(false)
}

/// Someone with the `mariadb` program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client<'a> {
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    pub(crate) user: &'a str,
    pub(crate) password: &'a str,
    pub(crate) database: &'a str,
    /// The file to verify the server with, name included; none for a connection without TLS.
    pub(crate) ca: Option<&'a str>,
}

impl<'a> Client<'a> {
    /// The superuser of this server.
    pub(crate) fn root(server: &'a MariaDb) -> Self {
        Self {
            host: server.host(),
            port: server.port(),
            user: "root",
            password: server.superuser_password(),
            database: "mysql",
            ca: server.ca_path().to_str(),
        }
    }

    /// Rows of a query.
    pub(crate) async fn succeeds(self, sql: &str) -> String {
        let arguments = self.arguments(sql);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        program::succeed("mariadb", &arguments).await.replace('\t', "|")
    }

    /// The complaint about a query that must not work.
    pub(crate) async fn fails(self, sql: &str) -> String {
        let arguments = self.arguments(sql);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        program::fail("mariadb", &arguments).await
    }

    /// The arguments of the `mariadb` program.
    pub(crate) fn arguments(self, sql: &str) -> Vec<String> {
        let tls = self.ca.map_or_else(
            || vec!["--skip-ssl".to_owned()],
            |ca| vec![format!("--ssl-ca={ca}"), "--ssl-verify-server-cert".to_owned()],
        );
        let whom = [("host", self.host), ("user", self.user), ("password", self.password)];
        let mut arguments = vec!["--no-defaults".to_owned(), "--protocol=tcp".to_owned()];
        arguments.extend(whom.map(|(name, value)| format!("--{name}={value}")));
        arguments.extend([format!("--port={}", self.port), format!("--database={}", self.database)]);
        arguments.extend(tls);
        arguments.extend(["-BNe", sql].map(str::to_owned));
        arguments
    }
}
