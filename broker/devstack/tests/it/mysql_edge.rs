//! MySQL's edge as clients see it.

use std::process::Stdio;
use std::time::Duration;

use devstack::mysql_edge::{Backend, Opening, Refusal, Route};
use devstack::{Ca, MariaDb, MysqlEdge};
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};
use sqlx::{ConnectOptions as _, MySqlConnection};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::mariadb::{Client, quick};

#[tokio::test]
async fn a_verifying_client_comes_in_as_another_user_with_another_database() {
    let world = World::start().await;
    let edge = world.edge(strip).await;
    assert_eq!(world.client(&edge).succeeds(WHO).await, "u_x@%|shop");
    assert_eq!(one(world.sqlx(&edge).connect().await.unwrap(), WHO).await, "u_x@%|shop");
    let nowhere = Client { database: "", ..world.client(&edge) };
    assert_eq!(nowhere.succeeds(WHO).await, "u_x@%|NULL");
    assert_eq!(edge.opened(), 3);
}

#[tokio::test]
async fn long_rows_and_many_sessions_come_through() {
    let world = World::start().await;
    let edge = world.edge(strip).await;
    let clients = (0..8).map(|number| {
        let client = world.sqlx(&edge);
        async move {
            let sql = format!("select concat(repeat('x', 300000), {number})");
            let row = one(client.connect().await.unwrap(), &sql).await;
            assert!(row.len() == 300_001 && row.ends_with(&number.to_string()), "{}", row.len());
        }
    });
    let mut running: tokio::task::JoinSet<()> = clients.collect();
    while let Some(done) = running.join_next().await {
        done.unwrap();
    }
    assert_eq!(edge.opened(), 8);
}

#[tokio::test]
async fn a_certificate_is_for_the_names_that_were_asked_for() {
    let world = World::start().await;
    let backend = Backend::of(&world.server).unwrap();
    let to = backend.clone();
    let edge =
        MysqlEdge::over_tls(&world.ca, &["aws.connect.psdb.cloud"], insecure(), backend, move |opening| {
            strip(&to, opening)
        })
        .await
        .unwrap();
    let complaint = world.client(&edge).fails(WHO).await;
    assert!(complaint.contains("Validation of SSL server certificate failed"), "{complaint}");
    let lax = world.sqlx(&edge).ssl_mode(MySqlSslMode::VerifyCa).connect().await.unwrap();
    assert_eq!(one(lax, WHO).await, "u_x@%|shop");
}

#[tokio::test]
async fn a_client_without_tls_gets_its_own_refusal() {
    let world = World::start().await;
    let edge = world.edge(strip).await;
    let complaint = Client { ca: None, ..world.client(&edge) }.fails(WHO).await;
    assert!(complaint.contains("ERROR 1105 (HY000)"), "{complaint}");
    assert!(complaint.contains("server does not allow insecure connections"), "{complaint}");
    let error = world.sqlx(&edge).ssl_mode(MySqlSslMode::Disabled).connect().await.unwrap_err();
    assert!(error.to_string().contains("client must use SSL/TLS"), "{error}");
    assert_eq!(edge.opened(), 0);
}

#[tokio::test]
async fn a_wrong_password_is_the_servers_to_refuse() {
    let world = World::start().await;
    let edge = world.edge(strip).await;
    let complaint = Client { password: "wrong", ..world.client(&edge) }.fails(WHO).await;
    assert!(complaint.contains("ERROR 1045 (28000): Access denied for user 'u_x'"), "{complaint}");
    world.sqlx(&edge).password("wrong").connect().await.unwrap_err();
    assert_eq!(edge.opened(), 0);
}

#[tokio::test]
async fn a_password_can_be_asked_for_in_clear_text() {
    let world = World::start().await;
    let edge = world
        .edge(|backend, opening| {
            let (Route::To { backend, user, database, .. }, long) = (strip(backend, opening), long()) else {
                panic!("it leads nowhere")
            };
            Route::ask_password(move |shown| match shown == long {
                true => Route::To {
                    backend: backend.clone(),
                    user: user.clone(),
                    database: database.clone(),
                    password: Some("secret".to_owned()),
                },
                false => Refusal { code: 1045, sqlstate: "28000", message: format!("not {shown}") }.into(),
            })
        })
        .await;
    let long = long();
    let shown = Client { password: &long, ..world.client(&edge) };
    assert_eq!(shown.succeeds(WHO).await, "u_x@%|shop");
    let sqlx = world.sqlx(&edge).password(&long).enable_cleartext_plugin(true);
    assert_eq!(one(sqlx.connect().await.unwrap(), WHO).await, "u_x@%|shop");
    let complaint = world.client(&edge).fails(WHO).await;
    assert!(complaint.contains("ERROR 1045 (28000): not secret"), "{complaint}");
    let error = world.sqlx(&edge).connect().await.unwrap_err();
    assert!(error.to_string().contains("mysql_cleartext_plugin disabled"), "{error}");
    assert_eq!(edge.opened(), 2);
}

/// A password that is longer than its proof may be.
fn long() -> String {
    "s3cr=t&".repeat(300)
}

#[tokio::test]
async fn a_refusal_arrives_as_it_was_written() {
    let world = World::start().await;
    let edge = world
        .edge(|_, opening| {
            let message = format!("too many of {}", opening.user);
            Refusal { code: 1040, sqlstate: "08004", message }.into()
        })
        .await;
    let complaint = world.client(&edge).fails(WHO).await;
    assert!(complaint.contains("ERROR 1040 (08004): too many of x.main"), "{complaint}");
    let error = world.sqlx(&edge).connect().await.unwrap_err();
    assert!(error.to_string().contains("too many of x.main"), "{error}");
}

#[tokio::test]
async fn a_relay_takes_clients_without_tls() {
    let world = World::start().await;
    let backend = Backend::of(&world.server).unwrap();
    let to = backend.clone();
    let edge = MysqlEdge::plain(backend, move |opening| strip(&to, opening)).await.unwrap();
    assert_eq!(Client { ca: None, ..world.client(&edge) }.succeeds(WHO).await, "u_x@%|shop");
    let plain = world.sqlx(&edge).ssl_mode(MySqlSslMode::Disabled);
    assert_eq!(one(plain.connect().await.unwrap(), WHO).await, "u_x@%|shop");
    let wrong = Client { ca: None, password: "wrong", ..world.client(&edge) };
    assert!(wrong.fails(WHO).await.contains("ERROR 1045"));
    let complaint = world.client(&edge).fails(WHO).await;
    assert!(complaint.contains("the server does not support it"), "{complaint}");
}

#[tokio::test]
async fn a_client_can_be_led_to_another_server_and_be_made_to_wait() {
    let world = World::start().await;
    let other = World::with(&world.ca).await;
    other.server.execute("", "rename table shop.here to shop.there").await.unwrap();
    let replica = Backend::of(&other.server).unwrap();
    let edge = world
        .edge(move |backend, opening| {
            if opening.database.ends_with("@replica") {
                strip(&replica, opening)
            } else {
                Route::After(Duration::from_millis(50), Box::new(strip(backend, opening)))
            }
        })
        .await;
    let sql = "show tables";
    for (database, table) in [("shop@primary", "here"), ("shop@replica", "there")] {
        let client = Client { database, ..world.client(&edge) };
        assert_eq!(client.succeeds(sql).await, table);
        let wrong = Client { password: "wrong", ..client };
        assert!(wrong.fails(sql).await.contains("ERROR 1045"));
        assert_eq!(one(world.sqlx(&edge).database(database).connect().await.unwrap(), sql).await, table);
    }
}

#[tokio::test]
async fn sessions_can_be_ended() {
    let world = World::start().await;
    let edge = world.edge(strip).await;
    let mut client = tokio::process::Command::new("mariadb")
        .args(world.client(&edge).arguments(""))
        .arg("--unbuffered")
        .arg("--execute=select 'in'; select sleep(1000)")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(client.stdout.take().unwrap()).lines();
    assert_eq!(lines.next_line().await.unwrap().unwrap(), "in");
    assert_eq!(edge.opened(), 1);
    edge.end_sessions();
    let output = client.wait_with_output().await.unwrap();
    let complaint = String::from_utf8(output.stderr).unwrap();
    // 2013 or 2026: whether it was reading or writing when the connection went.
    assert!(complaint.contains("ERROR 20"), "{complaint}");
    assert_eq!(world.client(&edge).succeeds(WHO).await, "u_x@%|shop");

    let mut held = world.sqlx(&edge).connect().await.unwrap();
    drop(edge);
    assert!(sqlx::raw_sql("select 1").execute(&mut held).await.is_err());
    let sql = "select count(*) from information_schema.processlist where user = 'u_x' and command = 'Sleep'";
    let gone = async { while world.server.query_text("", sql).await.unwrap() != "0" {} };
    tokio::time::timeout(Duration::from_secs(30), gone).await.unwrap();
}

/// A server with a database `shop`, which a user `u_x` may read.
struct World {
    ca: Ca,
    server: MariaDb,
}

impl World {
    async fn start() -> Self {
        Self::with(&Ca::generate().unwrap()).await
    }

    async fn with(ca: &Ca) -> Self {
        let server = quick().ca(ca).start().await.unwrap();
        let sql = "create database shop; create table shop.here (id int);
                   create user u_x identified by 'secret' require ssl; grant select on shop.* to u_x";
        server.execute("", sql).await.unwrap();
        Self { ca: ca.clone(), server }
    }

    /// An edge with TLS for `localhost`.
    async fn edge(&self, route: impl Fn(&Backend, &Opening) -> Route + Send + Sync + 'static) -> MysqlEdge {
        let backend = Backend::of(&self.server).unwrap();
        let to = backend.clone();
        MysqlEdge::over_tls(&self.ca, &["localhost"], insecure(), backend, move |opening| route(&to, opening))
            .await
            .unwrap()
    }

    /// The user with the `mariadb` program.
    fn client(&self, edge: &MysqlEdge) -> Client<'_> {
        Client {
            port: edge.port(),
            user: "x.main",
            password: "secret",
            database: "shop@primary",
            ..Client::root(&self.server)
        }
    }

    /// The user with sqlx.
    fn sqlx(&self, edge: &MysqlEdge) -> MySqlConnectOptions {
        let url = self.server.url("x.main", "secret", "shop%40primary");
        url.parse::<MySqlConnectOptions>().unwrap().port(edge.port())
    }
}

/// As PlanetScale does: what follows the name says where to go.
fn strip(backend: &Backend, opening: &Opening) -> Route {
    let user = opening.user.strip_suffix(".main").unwrap();
    let database = opening.database.split('@').next().unwrap();
    let (backend, user) = (backend.clone(), format!("u_{user}"));
    Route::To { backend, user, database: database.to_owned(), password: None }
}

fn insecure() -> Refusal {
    let message = "server does not allow insecure connections, client must use SSL/TLS".to_owned();
    Refusal { code: 1105, sqlstate: "HY000", message }
}

/// The one value that a query yields.
async fn one(mut connection: MySqlConnection, sql: &str) -> String {
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&mut connection).await.unwrap()
}

const WHO: &str = "select concat_ws('|', current_user(), ifnull(database(), 'NULL'))";
