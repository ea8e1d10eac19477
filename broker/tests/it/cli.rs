//! The program itself, as operators run it.

mod api_key;
mod check;
mod live;
mod log;
mod migrate;
mod outage;
mod printed;
pub mod program;
mod reload;
mod stop;
mod tls;
