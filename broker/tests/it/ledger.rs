//! The ledger: what it refuses to hold, what it proves, and what it survives.

mod checks;
mod privileges;
mod prune;
mod rows;
mod tampering;
mod writer;
