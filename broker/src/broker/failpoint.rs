//! Named points at which a test can make the process stop dead, as a power cut would.
//!
//! `DSN_BROKER_FAIL=mint.created` aborts the process when it first comes by that point. Compiled into
//! debug builds only.

/// Every point, in the order in which a lease comes by them.
pub const POINTS: [&str; 9] = [
    "mint.start",
    "mint.pending",
    "mint.created",
    "mint.active",
    "mint.cached",
    "delivery.recorded",
    "end.claimed",
    "end.disabled",
    "end.removed",
];

/// One more of a lease of a rotated password: it is kept, and its lease is not on record yet.
pub const PAIR_POINT: &str = "pair.kept";

/// Those of a change of the broker's own password at a database.
pub const ADMIN_POINTS: [&str; 2] = ["admin.pending", "admin.set"];

/// Comes by the point `name`.
#[cfg(debug_assertions)]
pub fn pass(name: &str) {
    let known = POINTS.contains(&name) || ADMIN_POINTS.contains(&name) || name == PAIR_POINT;
    debug_assert!(known, "unknown failpoint {name}");
    if std::env::var("DSN_BROKER_FAIL").is_ok_and(|wanted| wanted == name) {
        std::process::abort();
    }
}

/// Comes by the point `name`.
#[cfg(not(debug_assertions))]
#[inline]
pub fn pass(_name: &str) {}
