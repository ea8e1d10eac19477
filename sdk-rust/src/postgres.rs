//! tokio-postgres, and pools of deadpool over it.

use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, SslMode, SslNegotiation, TargetSessionAttrs};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{Dsn, Error, tls};

#[cfg(feature = "deadpool-postgres")]
mod deadpool;

impl Dsn {
    /// What tokio-postgres connects with: where and as whom, and TLS that verifies the chain and the host name.
    ///
    /// ```
    /// # fn main() -> std::process::ExitCode { devstack::Scene::play(async {
    /// # use dsn_broker_sdk::Broker;
    /// let (config, tls) = Broker::from_env()?.dsn("orders-reader").await?.tokio_postgres()?;
    /// let (client, connection) = config.connect(tls).await?;
    /// tokio::spawn(connection);
    /// let row = client.query_one("select ssl from pg_stat_ssl where pid = pg_backend_pid()", &[]).await?;
    /// assert!(row.get::<_, bool>(0));
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }) }
    /// ```
    ///
    /// # Errors
    ///
    /// If it is none of Postgres, or tokio-postgres cannot be told what it says: nothing is left out or weakened instead.
    pub fn tokio_postgres(&self) -> Result<(Config, MakeRustlsConnect), Error> {
        let mut config = Config::new();
        config
            .host(self.host())
            .port(self.port())
            .user(self.user())
            .password(self.password())
            .dbname(self.dbname())
            .application_name(self.parameter("application_name").unwrap_or_default())
            .ssl_mode(match self.parameter("sslmode") {
                Some("verify-full") => SslMode::Require,
                Some("disable") => SslMode::Disable,
                other => return Err(cannot("connect with", "sslmode", other)),
            })
            .ssl_negotiation(match self.parameter("sslnegotiation") {
                None => SslNegotiation::Postgres,
                Some("direct") => SslNegotiation::Direct,
                other => return Err(cannot("connect with", "sslnegotiation", other)),
            })
            .channel_binding(match self.parameter("channel_binding") {
                None => ChannelBinding::Prefer,
                Some("require") => ChannelBinding::Require,
                other => return Err(cannot("connect with", "channel_binding", other)),
            })
            .target_session_attrs(match self.parameter("target_session_attrs") {
                None | Some("any") => TargetSessionAttrs::Any,
                Some("read-write") => TargetSessionAttrs::ReadWrite,
                Some("read-only") => TargetSessionAttrs::ReadOnly,
                other => return Err(cannot("look for a server by", "target_session_attrs", other)),
            })
            .connect_timeout(self.connect_timeout());
        let trusting = tls::trusting(self.ca_pem().map(str::as_bytes));
        let trusting =
            trusting.map_err(|error| Error::Answer(format!("the database's CA cannot be used: {error}")))?;
        let mut tls = trusting.with_no_client_auth();
        // A server that speaks TLS from the first byte wants to hear it.
        tls.alpn_protocols = vec![b"postgresql".to_vec()];
        Ok((config, MakeRustlsConnect::new(tls)))
    }

    fn connect_timeout(&self) -> Duration {
        Duration::from_secs(self.number("connect_timeout").unwrap_or(10))
    }
}

fn cannot(what: &str, name: &str, value: Option<&str>) -> Error {
    let value = value.unwrap_or("nothing");
    Error::Setup(format!("tokio-postgres cannot {what} `{name}={value}`: use another endpoint"))
}

#[cfg(test)]
mod tests;
