//! Client of dsn-broker: an application names a role and gets a database connection string that stays good.
//!
//! ```no_run
//! # async fn run() -> Result<(), dsn_broker_sdk::Error> {
//! use dsn_broker_sdk::Broker;
//!
//! let broker = Broker::from_env()?;
//! // Once, for a job that ends soon:
//! let dsn = broker.dsn("orders-reader").await?;
//! println!("{} until {}", dsn.host(), dsn.expires_at());
//! // Or for as long as the process runs:
//! let keeper = broker.keep("orders-reader").await?;
//! let current = keeper.current()?;
//! # Ok(()) }
//! ```
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
