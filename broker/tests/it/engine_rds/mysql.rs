//! RDS where MySQL is spoken: the token crosses in clear text, inside TLS that is verified, and nowhere else.

mod inspect;
mod tokens;
mod users;

use devstack::{Aws, AwsKey, MariaDb, MysqlEdge, RdsMysql};
use serde_json::{Value, json};
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};
use sqlx::{ConnectOptions as _, MySqlConnection};

use super::{ADMIN_PASSWORD, READER, REGION, fixed, offer_tokens};
use crate::stand::mariadb::mariadb_client;
use crate::stand::{Outcome, Settings, Stand, seconds, unique, world};

/// An account, a server at RDS, and the configuration of a broker for it, on which none runs yet.
struct Scene {
    aws: Aws,
    rds: RdsMysql,
    server: MariaDb,
    settings: Settings,
}

impl Scene {
    /// With `app-reader` for `app-*`, and a key that may sign for these users.
    async fn new(users: &[&str]) -> Self {
        let (aws, rds, server) = servers().await;
        let settings = configured(&rds, &aws.key(users).unwrap()).await;
        Self { aws, rds, server, settings }
    }

    /// With a user of the broker's own that has a password.
    async fn with_admin() -> Self {
        let mut scene = Self::new(&[READER]).await;
        let password = scene.settings.secret("rds-admin", ADMIN_PASSWORD);
        scene.settings.config["databases"]["app"]["admin"] =
            json!({ "username": "broker_admin", "password": password });
        scene
    }

    /// Starts a broker whose clock AWS shares.
    async fn open(self) -> Open {
        let Self { aws, rds, server, settings } = self;
        let stand = Stand::on(settings).await;
        aws.set_now(seconds(stand.now()));
        Open { aws, rds, server, stand }
    }
}

/// An account, and a server at RDS.
pub(crate) async fn servers() -> (Aws, RdsMysql, MariaDb) {
    let ca = world().await.ca();
    let server = MariaDb::builder().ca(ca).durable(false).start().await.unwrap();
    let aws = Aws::new();
    let token_users = [READER, "token_admin"];
    let rds = RdsMysql::start(ca, &server, &aws, REGION, &token_users, PREPARE).await.unwrap();
    (aws, rds, server)
}

/// A configuration with the server there, and `app-reader` for `app-*`.
pub(crate) async fn configured(rds: &RdsMysql, key: &AwsKey) -> Settings {
    let mut settings = Settings::new(world().await, &unique()).await;
    let endpoint = |edge: &MysqlEdge| json!({ "host": "localhost", "port": edge.port() });
    settings.config["databases"]["app"] = json!({
        "engine": "rds",
        "dbname": "shop",
        "endpoints": { "primary": endpoint(&rds.primary), "replica": endpoint(&rds.replica) },
        "tls": { "ca": { "file": settings.ca_path } },
        "timeout": "20s",
        "rds": { "protocol": "mysql", "region": REGION, "credentials": fixed(&settings, key) },
    });
    offer_tokens(&mut settings);
    settings
}

/// The same with a running broker.
struct Open {
    aws: Aws,
    rds: RdsMysql,
    server: MariaDb,
    stand: Stand,
}

impl Open {
    /// Time passes for the broker and for AWS.
    fn pass(&self, minutes: u64) {
        self.stand.clock.advance(std::time::Duration::from_secs(60 * minutes));
        self.aws.set_now(seconds(self.stand.now()));
    }

    /// A DSN for a workload of this name, through this endpoint.
    async fn dsn(&self, subject: &str, endpoint: &str) -> Value {
        let caller = self.stand.caller(subject);
        caller.get(&format!("{}&endpoint={endpoint}", caller.dsn_path("app-reader"))).await.ok()
    }

    async fn close(self) {
        self.stand.stop().await;
        drop(self.rds);
        self.server.end().await.unwrap();
    }
}

/// What the command-line client says that is given the answer's text as its option file.
async fn query(dsn: &Value, sql: &str) -> Outcome {
    assert_eq!(dsn["format"], "my-cnf");
    mariadb_client(dsn["dsn"].as_str().unwrap(), sql).await
}

/// A session by sqlx, which is told what the parameters say.
async fn connect(dsn: &Value) -> Result<MySqlConnection, sqlx::Error> {
    options(dsn).connect().await
}

fn options(dsn: &Value) -> MySqlConnectOptions {
    let parameters = &dsn["parameters"];
    let text = |name: &str| parameters[name].as_str().unwrap();
    assert_eq!(text("ssl-mode"), "VERIFY_IDENTITY");
    MySqlConnectOptions::new()
        .host(text("host"))
        .port(parameters["port"].as_u64().unwrap().try_into().unwrap())
        .username(text("user"))
        .password(text("password"))
        .database(text("dbname"))
        .ssl_mode(MySqlSslMode::VerifyIdentity)
        .ssl_ca(text("ssl-ca"))
        .enable_cleartext_plugin(parameters["enable-cleartext-plugin"].as_bool().unwrap_or_default())
}

/// The session was not begun, and nobody said why.
#[track_caller]
fn refused(outcome: &Outcome) {
    let said = format!("ERROR 1045 (28000): Access denied for user '{READER}'@");
    assert!(!outcome.ok && outcome.stderr.contains(&said), "{outcome:?}");
}

/// The statements of README.md, and an application's database.
const PREPARE: &str = "
    CREATE DATABASE shop; CREATE TABLE shop.orders (id INT); INSERT INTO shop.orders VALUES (7);
    GRANT SELECT ON shop.orders TO app_reader;
    CREATE USER broker_admin IDENTIFIED BY 'not-a-secret-that-anyone-needs' REQUIRE SSL;
    GRANT CREATE USER, PROCESS ON *.* TO broker_admin;
    GRANT SELECT ON mysql.* TO broker_admin;
    GRANT EXECUTE ON PROCEDURE mysql.rds_kill TO broker_admin;
    GRANT SELECT ON shop.* TO broker_admin WITH GRANT OPTION;
    GRANT CREATE USER, PROCESS ON *.* TO token_admin;
    GRANT SELECT ON mysql.* TO token_admin;
    GRANT EXECUTE ON PROCEDURE mysql.rds_kill TO token_admin;
    GRANT SELECT ON shop.* TO token_admin WITH GRANT OPTION;";
