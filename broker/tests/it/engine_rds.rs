//! The engine for RDS: what it hands out is checked as AWS does it, by code that shares nothing with the broker's.

mod credentials;
mod formats;
mod inspect;
pub(crate) mod mysql;
mod tokens;
mod users;

use devstack::{Aws, AwsKey, Edge, Postgres, Rds};
use serde_json::{Value, json};

use crate::stand::{Outcome, Settings, Stand, psql, record, seconds, unique, world};

/// An account, a server at RDS, and the configuration of a broker for it, on which none runs yet.
struct Scene {
    aws: Aws,
    rds: Rds,
    server: Postgres,
    settings: Settings,
}

const REGION: &str = "eu-central-1";

/// Of `broker_admin`.
pub(crate) const ADMIN_PASSWORD: &str = "not-a-secret-that-anyone-needs";

/// The only user in `rds_iam`, at first.
pub(crate) const READER: &str = "app_reader";

impl Scene {
    /// With `app-reader` for `app-*`, and these AWS credentials.
    async fn new(credentials: impl FnOnce(&Settings, &Aws) -> Value) -> Self {
        let (aws, rds, server) = servers().await;
        let settings = configured(&rds, |settings| credentials(settings, &aws)).await;
        Self { aws, rds, server, settings }
    }

    /// With a key that does not end, and may sign for the reader.
    async fn with_key() -> Self {
        Self::new(|settings, aws| fixed(settings, &aws.key(&[READER]).unwrap())).await
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
pub(crate) async fn servers() -> (Aws, Rds, Postgres) {
    let ca = world().await.ca();
    let server = Postgres::builder().ca(ca).durable(false).behind_edge().start().await.unwrap();
    server.execute("postgres", PREPARE).await.unwrap();
    let aws = Aws::new();
    let rds = Rds::start(ca, &server, &aws, REGION, &[READER, "token_admin"]).await.unwrap();
    (aws, rds, server)
}

/// A configuration with the server there, and `app-reader` for `app-*`.
pub(crate) async fn configured(rds: &Rds, credentials: impl FnOnce(&Settings) -> Value) -> Settings {
    let mut settings = Settings::new(world().await, &unique()).await;
    let endpoint = |edge: &Edge| json!({ "host": edge.host(), "port": edge.port() });
    settings.config["databases"]["app"] = json!({
        "engine": "rds",
        "dbname": "postgres",
        "endpoints": { "primary": endpoint(&rds.primary), "replica": endpoint(&rds.replica) },
        "tls": { "ca": { "file": settings.ca_path } },
        "rds": { "protocol": "postgres", "region": REGION, "credentials": credentials(&settings) },
    });
    offer_tokens(&mut settings);
    settings
}

/// `app-reader` for `app-*`.
fn offer_tokens(settings: &mut Settings) {
    settings.config["roles"]["app-reader"] = json!({
        "database": "app",
        "credential": { "kind": "connect_token", "username": READER },
        "ttl": "15m",
    });
    let binding =
        json!({ "workloads": { "issuer": "cluster", "subject": "app-*" }, "roles": ["app-reader"] });
    settings.config["bindings"].as_array_mut().unwrap().push(binding);
}

/// The same with a running broker.
struct Open {
    aws: Aws,
    rds: Rds,
    server: Postgres,
    stand: Stand,
}

impl Open {
    /// Time passes for the broker and for AWS.
    fn pass(&self, minutes: u64) {
        self.stand.clock.advance(std::time::Duration::from_secs(60 * minutes));
        self.aws.set_now(seconds(self.stand.now()));
    }

    /// A DSN of the reader, for a workload of this name.
    async fn dsn(&self, subject: &str) -> Value {
        self.stand.caller(subject).dsn("app-reader").await
    }

    async fn close(self) {
        self.stand.stop().await;
        drop(self.rds);
        self.server.end().await.unwrap();
    }
}

/// Keys as they stand in a configuration.
pub(crate) fn fixed(settings: &Settings, key: &AwsKey) -> Value {
    json!({ "static": {
        "access_key_id": key.access_key_id,
        "secret_access_key": settings.secret("aws-key", &key.secret_access_key),
    } })
}

async fn query(dsn: &Value, sql: &str) -> Outcome {
    psql(dsn["dsn"].as_str().unwrap(), sql).await
}

/// The session was not begun, and nobody said why.
#[track_caller]
fn refused(outcome: &Outcome) {
    let said = format!("PAM authentication failed for user \"{READER}\"");
    assert!(!outcome.ok && outcome.stderr.contains(&said), "{outcome:?}");
}

const PREPARE: &str = "
    create role rds_iam nologin;
    create role app_ro nologin;
    create role app_reader login in role rds_iam;
    create role token_admin login createrole in role rds_iam;
    create role broker_admin login createrole password 'not-a-secret-that-anyone-needs';
    grant app_ro to broker_admin, token_admin with admin option;
    grant pg_signal_backend to broker_admin, token_admin;
    create schema app;
    create table app.orders (id int);
    insert into app.orders values (7);
    grant usage on schema app to app_reader, app_ro;
    grant select on app.orders to app_reader, app_ro;";
