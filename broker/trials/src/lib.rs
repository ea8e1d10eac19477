//! Trials of dsn-broker, on real servers of their own: what breaks when everything breaks, and how fast it is.
//!
//! The broker is tried as its users have it: the real program, as processes of its own, through its front door.
//! [`chaos`] kills and cuts off while callers call, and then looks whether anything was lost; [`soak`] lets them
//! call for long, and looks whether anything grows; [`mod@bench`] measures each path beside its bare limit.

mod call;
mod conclusion;
mod facts;
mod findings;
mod journal;
mod load;
mod login;
mod mischief;
mod output;
mod replica;
mod setting;

pub mod bench;
pub mod chaos;
pub mod soak;

pub use conclusion::Report;
pub use mischief::{Mix, POINTS};
pub use output::Output;
