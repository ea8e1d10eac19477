//! Client of dsn-broker: an application names a role and gets a database connection string that stays good.
//!
//! ```
//! # fn main() -> std::process::ExitCode { devstack::Scene::play(async {
//! use dsn_broker_sdk::Broker;
//!
//! let broker = Broker::from_env()?;
//! // Once, for a job that ends soon:
//! let dsn = broker.dsn("orders-reader").await?;
//! println!("{} until {}", dsn.host(), dsn.expires_at());
//! // Or for as long as the process runs:
//! let keeper = broker.keep("orders-reader").await?;
//! let current = keeper.current()?;
//! # Ok::<_, dsn_broker_sdk::Error>(()) }) }
//! ```
//!
//! | Feature | |
//! |---|---|
//! | `sqlx-postgres`, `sqlx-mysql` | `Keeper::sqlx_pool`: pools of sqlx that survive a change of their credential |
//! | `deadpool-postgres` | `Keeper::deadpool_pool`: the same of deadpool |
//! | `tokio-postgres` | `Dsn::tokio_postgres`: what to connect with, and TLS that verifies |
//!
//! Other pools do with a keeper what these do: they open connections with [`Keeper::current`], close those that are
//! [`Keeper::is_outdated`] before they are given out again, and say [`Keeper::refresh`] when the database lets nobody in.
//!
//! Whole programs are in `examples/`: a web application, a worker, a migration. The examples here run against the broker
//! and the servers of `devstack`, with each `cargo test`; they return what they return in a program of your own.
//!
//! What a [`Dsn`] holds is a secret: none of it is in `Debug`, nor in an [`Error`].

mod broker;
mod dsn;
mod error;
mod keeper;
#[cfg(any(feature = "sqlx-postgres", feature = "sqlx-mysql"))]
mod pool;
#[cfg(feature = "tokio-postgres")]
mod postgres;
mod proof;
mod request;
mod tls;

pub use broker::{Broker, Builder};
pub use dsn::Dsn;
pub use error::{Error, Problem};
pub use keeper::{Changes, Keeper};
#[cfg(any(feature = "sqlx-postgres", feature = "sqlx-mysql"))]
pub use pool::{Connect, KeptPool};
pub use proof::Proof;
pub use request::Request;
