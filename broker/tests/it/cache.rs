//! The cache on a real Redis with TLS and a restricted user, and in memory.

mod cluster;
mod fixture;
mod locks;
mod outage;
mod revocation;
mod sealing;
mod sentinel;
mod servers;
mod store;
