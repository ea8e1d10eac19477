//! Why does it not connect?

mod remedy;
mod report;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use dsn_broker_sdk::{Broker, Connect, Dsn};
use serde_json::Value;
use sqlx::Connection as _;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use url::Url;

use crate::doctor::remedy::Trouble;
use crate::doctor::report::Report;

/// Find out why it does not connect.
#[derive(Args)]
pub(crate) struct Doctor {
    /// The roles whose databases are to be tried. Without one, only the broker is.
    roles: Vec<String>,
    /// The way into the databases. Default: each role's first.
    #[arg(long)]
    endpoint: Option<String>,
}

/// What a step found, to go on with and to be told.
type Found<T> = Result<(T, String), Trouble>;

impl Doctor {
    pub(crate) async fn run(&self, json: bool) -> anyhow::Result<ExitCode> {
        let mut report = Report::new(json);
        if let Some((broker, roles)) = self.broker(&mut report).await? {
            for role in &self.roles {
                self.role(&broker, &roles, role, &mut report).await?;
            }
        }
        report.end()
    }

    /// From here to an identity at the broker. Answers what roles it has.
    async fn broker(&self, report: &mut Report) -> anyhow::Result<Option<(Broker, Vec<String>)>> {
        report.about("broker")?;
        let Some((broker, url)) = report.step("setup", setup())? else { return Ok(None) };
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let port = url.port_or_known_default().unwrap_or_default();
        if !reach(host, port, "the broker", report).await? {
            return Ok(None);
        }
        let answer = broker.whoami().await;
        if url.scheme() == "https" {
            let found = match answer.as_ref().err().and_then(|error| remedy::of_tls(error, "the broker")) {
                Some(trouble) => Err(trouble),
                None => Ok(((), format!("its certificate is trusted, and has the name {host}"))),
            };
            if report.step("TLS", found)?.is_none() {
                return Ok(None);
            }
        }
        let Some(me) = report.step("proof", proof(answer))? else { return Ok(None) };
        let roles: Vec<String> = me
            .get("roles")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        if self.roles.is_empty() {
            report.note(&format!("name a role to try its database: {}", roles.join(", ")))?;
        }
        Ok(Some((broker, roles)))
    }

    /// From a role to a session in its database.
    async fn role(
        &self,
        broker: &Broker,
        roles: &[String],
        role: &str,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        report.about(role)?;
        let granted = match roles.iter().any(|granted| granted == role) {
            true => Ok(((), "granted".to_owned())),
            false => Err(remedy::of_role(roles)),
        };
        if report.step("role", granted)?.is_none() {
            return Ok(());
        }
        let mut request = broker.request(role).format("json");
        if let Some(endpoint) = &self.endpoint {
            request = request.endpoint(endpoint);
        }
        let dsn = match request.get().await {
            Ok(dsn) => {
                let (user, left) = (dsn.user().to_owned(), dsn.remaining().as_secs());
                let whose = if dsn.is_shared() { "shared" } else { "its own" };
                let what = format!("{user} by {}, {whose}, good for {left} s", dsn.endpoint());
                Ok((dsn, what))
            }
            Err(error) => Err(remedy::of_refusal(&error)),
        };
        let Some(dsn) = report.step("DSN", dsn)? else { return Ok(()) };
        if reach(dsn.host(), dsn.port(), "the database", report).await? {
            report.step("login", login(&dsn).await)?;
        }
        // What nobody else has is not left behind.
        if !dsn.is_shared() {
            broker.revoke(dsn.lease_id()).await.context("the lease that was tried cannot be ended")?;
        }
        Ok(())
    }
}

/// What the environment says.
fn setup() -> Found<(Broker, Url)> {
    let trouble = |error: &dyn std::fmt::Display| Trouble::new(error, "see `dsn --help` for the variables");
    let broker = Broker::from_env().map_err(|error| trouble(&error))?;
    let url = std::env::var("DSN_BROKER_URL").unwrap_or_default();
    let url = Url::parse(&url).map_err(|error| trouble(&error))?;
    let what = url.to_string();
    Ok(((broker, url), what))
}

/// Name and connection.
async fn reach(host: &str, port: u16, whom: &str, report: &mut Report) -> anyhow::Result<bool> {
    let Some(addresses) = report.step("name", resolve(host, port, whom).await)? else { return Ok(false) };
    Ok(report.step("connection", connect(&addresses, whom).await)?.is_some())
}

async fn resolve(host: &str, port: u16, whom: &str) -> Found<Vec<SocketAddr>> {
    let found = timeout(PATIENCE, lookup_host((host, port))).await;
    let addresses: Vec<SocketAddr> = match found {
        Ok(Ok(addresses)) => addresses.collect(),
        Ok(Err(error)) => return Err(remedy::of_name(host, &error, whom)),
        Err(error) => return Err(remedy::of_name(host, &error.into(), whom)),
    };
    let shown: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
    let what = format!("{host} is {}", shown.join(", "));
    Ok((addresses, what))
}

async fn connect(addresses: &[SocketAddr], whom: &str) -> Found<()> {
    let mut failed = None;
    for address in addresses {
        let opened = timeout(PATIENCE, TcpStream::connect(address)).await;
        match opened.map_err(std::io::Error::from).and_then(|opened| opened) {
            Ok(_) => return Ok(((), format!("{address} answers"))),
            Err(error) => failed = Some(remedy::of_connection(*address, &error, whom)),
        }
    }
    Err(failed.unwrap_or_else(|| Trouble::new(&"the name has no address", "look at its entry in DNS")))
}

fn proof(answer: Result<Value, dsn_broker_sdk::Error>) -> Found<Value> {
    match answer {
        Ok(me) => {
            let part = |name: &str| me.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let what = format!("{} of issuer {}", part("subject"), part("issuer"));
            Ok((me, what))
        }
        Err(error) => Err(remedy::of_proof(&error)),
    }
}

/// A session with the DSN, verified as the DSN says.
async fn login(dsn: &Dsn) -> Found<()> {
    let session = async {
        match dsn.parameter("ssl-mode") {
            Some(_) => version::<sqlx::MySql>(dsn).await,
            None => version::<sqlx::Postgres>(dsn).await,
        }
    };
    match timeout(PATIENCE * 2, session).await {
        Ok(Ok(version)) => Ok(((), format!("as {} in {}: {version}", dsn.user(), dsn.dbname()))),
        Ok(Err(trouble)) => Err(trouble),
        Err(_) => Err(Trouble::new(
            &"the connection was made, and then nothing came",
            "a proxy or firewall may hold it, or the database is overloaded",
        )),
    }
}

async fn version<DB: Connect>(dsn: &Dsn) -> Result<String, Trouble>
where
    for<'q> DB::Arguments: sqlx::IntoArguments<DB>,
    for<'c> &'c mut DB::Connection: sqlx::Executor<'c, Database = DB>,
    (String,): for<'r> sqlx::FromRow<'r, DB::Row>,
{
    let options =
        DB::options(dsn).map_err(|error| Trouble::new(&error, "use a newer version of this command"))?;
    let mut session =
        DB::Connection::connect_with(&options).await.map_err(|error| remedy::of_login(&error, dsn))?;
    let asked = sqlx::query_as::<DB, (String,)>("select version()").fetch_one(&mut session).await;
    let (version,) = asked.map_err(|error| remedy::of_login(&error, dsn))?;
    drop(session.close().await);
    Ok(version)
}

/// How long a step may take.
const PATIENCE: Duration = Duration::from_secs(5);
