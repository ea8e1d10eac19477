//! The world of dsn-broker on loopback: real servers with TLS, for the demo, tests and benches.
//!
//! Every server is private: its own temporary folder, its own port, its own password, and a certificate of the
//! world's own [`Ca`]. It stops, and its folder goes, when its value is dropped, and also when the process that
//! holds it dies without a chance to say so.
//!
//! Nothing here is tied to one async runtime: a world in a `static` may be used by tests that each have their own.
//!
//! None of this is fit for production, and it never enters a release build.

mod account;
mod api;
mod aws;
mod ca;
mod cache;
mod certificate;
mod client;
mod clock;
mod cluster;
mod configuration;
mod db9;
mod edge;
mod entropy;
mod kubernetes;
mod link;
mod mariadb;
pub mod mysql_edge;
mod neon;
mod oidc;
mod pgbouncer;
pub mod planetscale;
mod port;
mod postgres;
mod program;
mod provider;
mod redis;
mod scene;
mod scratch;
mod server;
mod serving;
mod template;
mod tls;
mod trust_domain;
mod world;

pub use api::{Answer, Api, Fault, Limit, Request};
pub use aws::{Aws, AwsKey, Given, KeyGiver, Rds, RdsMysql};
pub use ca::{Ca, Issued, IssuedFiles};
pub use certificate::Certificate;
pub use clock::Clock;
pub use cluster::{Cluster, Pod, Reviews};
pub use configuration::{Configuration, Databases, role};
pub use db9::Db9;
pub use edge::{Backend, Door, Edge, EdgeBuilder, Opening, Refusal, Route, Upstream};
pub use kubernetes::Kubernetes;
pub use link::Link;
pub use mariadb::{MariaDb, MariaDbBuilder};
pub use mysql_edge::MysqlEdge;
pub use neon::{Neon, Way};
pub use oidc::{Algorithm, Bad, Claims, Health, Oidc};
pub use pgbouncer::PgBouncer;
pub use planetscale::PlanetScale;
pub use port::Port;
pub use postgres::{ClockOffset, Part, Postgres, PostgresBuilder, Version, install};
pub use program::Program;
pub use provider::{Provided, Provider, Running};
pub use rcgen::{ExtendedKeyUsagePurpose, KeyUsagePurpose};
pub use redis::Redis;
pub use scene::{Scene, built, examples};
pub use server::Server;
pub use trust_domain::{Svid, TrustDomain};
pub use world::{Summary, World, WorldBuilder};

use anyhow::Context as _;

/// Runs what blocks off the async threads, so that a slow `cp` or `psql` delays nobody.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await.context("a blocking step of devstack panicked")?
}
