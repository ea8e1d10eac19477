//! What the broker promises of all bytes that others choose.
//!
//! Each target is a function that takes any bytes and panics if a promise is broken: not only "it does not crash",
//! but what must come out, told by a second, naive way to find it. The same function is called with the committed
//! corpus and with chance by `cargo test`, and with what coverage suggests by libFuzzer (`make fuzz`).

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a target stops where it finds that something is wrong"
)]

mod audit;
mod choices;
mod claim_paths;
mod configuration;
mod globs;
mod identity;
mod rendering;
mod sealed;
mod spiffe_ids;

pub use audit::audit;
pub use choices::{Choices, edit};
pub use claim_paths::claim_paths;
pub use configuration::configuration;
pub use globs::globs;
pub use identity::{api_keys, key_sets, tokens};
pub use rendering::rendering;
pub use sealed::sealed;
pub use spiffe_ids::spiffe_ids;

/// A target: its name, and what is called with the bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All of them. `tests/it.rs` sees to it that each has a test, a corpus and a program.
pub const TARGETS: [Target; 10] = [
    ("api_keys", api_keys),
    ("audit", audit),
    ("claim_paths", claim_paths),
    ("configuration", configuration),
    ("globs", globs),
    ("key_sets", key_sets),
    ("rendering", rendering),
    ("sealed", sealed),
    ("spiffe_ids", spiffe_ids),
    ("tokens", tokens),
];
