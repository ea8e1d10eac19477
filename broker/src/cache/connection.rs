//! A connection to Redis, whichever way it is set up: one server, Sentinels, or a Cluster.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, FromRedisValue, IntoConnectionInfo,
    ProtocolVersion, PushInfo, RedisError, RedisResult, TlsCertificates, TlsMode,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::cache::CacheError;
use crate::config;
use crate::secret::Secret;

/// A connection; clones share it.
#[derive(Clone)]
pub(super) enum Connection {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// Knows how to make connections.
pub(super) struct Dialer {
    setup: Setup,
    nodes: Vec<ConnectionInfo>,
    ca: Option<Vec<u8>>,
    timeout: Duration,
}

enum Setup {
    Single,
    Sentinels { master: String },
    Cluster,
}

impl Connection {
    pub(super) async fn ask<T: FromRedisValue>(&mut self, command: &Cmd) -> RedisResult<T> {
        match self {
            Self::Single(connection) => command.query_async(connection).await,
            Self::Cluster(connection) => command.query_async(connection).await,
        }
    }

    async fn subscribe(&mut self, channel: &str) -> RedisResult<()> {
        match self {
            Self::Single(connection) => connection.subscribe(channel).await,
            Self::Cluster(connection) => connection.subscribe(channel).await,
        }
    }
}

impl Dialer {
    pub(super) async fn new(config: &config::RedisCache, url: &Secret) -> Result<Self, CacheError> {
        let setup = match (&config.sentinel_master, config.cluster) {
            (None, false) => Setup::Single,
            (Some(master), false) => Setup::Sentinels { master: master.clone() },
            (None, true) => Setup::Cluster,
            (Some(_), true) => {
                return Err(url_error("is either for a Cluster or for Sentinels, not for both"));
            }
        };
        let nodes = url.expose().split(',').map(|url| node(url.trim())).collect::<Result<Vec<_>, _>>()?;
        if matches!(setup, Setup::Single) && nodes.len() > 1 {
            return Err(url_error("names several servers: say `cluster: true`, or name a `sentinel_master`"));
        }
        let encrypted = nodes.iter().all(is_encrypted);
        if !encrypted {
            tracing::warn!("the cache is used without TLS: give it a URL that begins with rediss://");
        }
        let ca = match &config.ca {
            Some(_) if !encrypted => return Err(url_error("is not rediss://, so `ca` has no use")),
            Some(path) => Some(
                tokio::fs::read(path)
                    .await
                    .map_err(|source| CacheError::Ca { path: path.clone(), source })?,
            ),
            None => None,
        };
        Ok(Self { setup, nodes, ca, timeout: config.timeout.0 })
    }

    /// A new connection that listens on `channel`, and what it hears.
    ///
    /// Commands and messages share the connection (RESP3), so there is no state in which one works and the
    /// other is lost, and an answer proves that every message sent before it has arrived.
    pub(super) async fn dial(&self, channel: &str) -> RedisResult<(Connection, UnboundedReceiver<PushInfo>)> {
        let (sender, pushes) = unbounded_channel();
        let mut connection = match &self.setup {
            Setup::Single => self.dial_single(sender).await?,
            Setup::Sentinels { master } => self.dial_master(master, sender).await?,
            Setup::Cluster => self.dial_cluster(sender).await?,
        };
        connection.subscribe(channel).await?;
        Ok((connection, pushes))
    }

    async fn dial_single(&self, pushes: UnboundedSender<PushInfo>) -> RedisResult<Connection> {
        let node = self.first_node()?.clone();
        let client = match self.certificates() {
            Some(certificates) => Client::build_with_tls(node, certificates)?,
            None => Client::open(node)?,
        };
        let options = self.options(pushes);
        client.get_multiplexed_async_connection_with_config(&options).await.map(Connection::Single)
    }

    /// The user of the URL is the servers'; Sentinels are asked as that user, and without one if they know none.
    async fn dial_master(&self, master: &str, pushes: UnboundedSender<PushInfo>) -> RedisResult<Connection> {
        let options = self.options(pushes);
        let mut failure = None;
        for known_to_sentinels in [true, false] {
            let mut client = self.sentinels(master, known_to_sentinels)?.build()?;
            match client.get_async_connection_with_config(&options).await {
                Ok(connection) => return Ok(Connection::Single(connection)),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        Err(failure.unwrap_or_else(no_node))
    }

    fn sentinels(&self, master: &str, known_to_sentinels: bool) -> RedisResult<SentinelClientBuilder> {
        let first = self.first_node()?;
        let settings = first.redis_settings();
        let addresses = self.nodes.iter().map(|node| node.addr().clone());
        let mut builder = SentinelClientBuilder::new(addresses, master, SentinelServerType::Master)?
            .set_client_to_redis_protocol(ProtocolVersion::RESP3)
            .set_client_to_redis_db(settings.db());
        if is_encrypted(first) {
            builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
        }
        if let Some(certificates) = self.certificates() {
            builder = builder
                .set_client_to_redis_certificates(certificates.clone())
                .set_client_to_sentinel_certificates(certificates);
        }
        if let Some(username) = settings.username() {
            builder = builder.set_client_to_redis_username(username);
            if known_to_sentinels {
                builder = builder.set_client_to_sentinel_username(username);
            }
        }
        if let Some(password) = settings.password() {
            builder = builder.set_client_to_redis_password(password);
            if known_to_sentinels {
                builder = builder.set_client_to_sentinel_password(password);
            }
        }
        Ok(builder)
    }

    async fn dial_cluster(&self, pushes: UnboundedSender<PushInfo>) -> RedisResult<Connection> {
        let mut builder = ClusterClientBuilder::new(self.nodes.clone())
            .use_protocol(ProtocolVersion::RESP3)
            .connection_timeout(CONNECT)
            .response_timeout(self.timeout)
            .retries(1)
            .push_sender(pushes);
        if let Some(certificates) = self.certificates() {
            builder = builder.certs(certificates);
        }
        builder.build()?.get_async_connection().await.map(Connection::Cluster)
    }

    fn options(&self, pushes: UnboundedSender<PushInfo>) -> AsyncConnectionConfig {
        AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(self.timeout))
            .set_pipeline_buffer_size(IN_FLIGHT)
            .set_push_sender(pushes)
    }

    fn certificates(&self) -> Option<TlsCertificates> {
        let root_cert = self.ca.clone();
        root_cert.is_some().then_some(TlsCertificates { client_tls: None, root_cert })
    }

    fn first_node(&self) -> RedisResult<&ConnectionInfo> {
        self.nodes.first().ok_or_else(no_node)
    }
}

fn node(url: &str) -> Result<ConnectionInfo, CacheError> {
    // The library's own words may repeat parts of the URL, and parts of it are secret.
    let node = url.into_connection_info().map_err(|_| {
        url_error(
            "is not of the form rediss://user:password@host:port/0, with all else but letters and digits \
                   in user and password percent-encoded",
        )
    })?;
    if matches!(node.addr(), ConnectionAddr::TcpTls { insecure: true, .. }) {
        return Err(url_error("ends in #insecure, which would trust any server: name its CA with `ca`"));
    }
    let settings = node.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    Ok(node.set_redis_settings(settings))
}

fn is_encrypted(node: &ConnectionInfo) -> bool {
    matches!(node.addr(), ConnectionAddr::TcpTls { .. })
}

fn url_error(why: &str) -> CacheError {
    CacheError::Url { why: why.to_owned() }
}

fn no_node() -> RedisError {
    RedisError::from((redis::ErrorKind::InvalidClientConfig, "no server is named"))
}

/// How long connecting to one server may take, TLS included.
const CONNECT: Duration = Duration::from_secs(3);

/// How many commands may wait to be written.
const IN_FLIGHT: usize = 1024;
