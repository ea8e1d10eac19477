//! Replicas: one ledger and one cache, and nothing is done twice.

mod claims;
mod locks;
mod minting;
mod stampede;
