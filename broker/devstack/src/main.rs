//! The `devstack` binary.

fn main() {}
