//! The files that the example names.

use std::fs::{create_dir, set_permissions, write};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::LazyLock;

use dsn_broker::config::Config;
use tempfile::TempDir;

use crate::configuration::EXAMPLE;

/// A folder that has them all.
pub(super) static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let [tls, secrets] = ["tls", "secrets"].map(|name| folder.path().join(name));
    create_dir(&tls).unwrap();
    create_dir(&secrets).unwrap();
    let ca = devstack::Ca::generate().unwrap();
    ca.write_to(&tls).unwrap();
    ca.issue_to(&tls, &["localhost"]).unwrap();
    std::fs::copy(tls.join("ca.pem"), tls.join("clients.pem")).unwrap();
    write(tls.join("bundle.json"), r#"{"keys": []}"#).unwrap();
    for (name, secret) in [
        ("ledger-url", "postgres://broker:pw@localhost/ledger"),
        ("ledger-owner-url", "postgres://owner:pw@localhost/ledger"),
        ("redis-url", "rediss://broker:pw@localhost:6379/0"),
        ("seal-k1", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ("seal-k2", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="),
        ("audit-key", "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="),
        ("orders-admin", "pw"),
        ("report-a", "pw"),
        ("shop-admin", "pw"),
        ("planetscale-token", "pw"),
        ("planetscale-oauth", "pw"),
        ("neon-owner", "pw"),
        ("neon-key", "pw"),
        ("db9-token", "pw"),
        ("pod-token", "pw"),
    ] {
        let file = secrets.join(name);
        write(&file, secret).unwrap();
        set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    // Else each change to it would be refused for what it lacks, and nothing would be seen.
    Config::parse(EXAMPLE, &folder.path().join("broker.yaml")).unwrap();
    folder
});

/// The references to secrets in the example.
pub(super) const SECRETS: [&str; 13] = [
    "{ file: secrets/ledger-url }",
    "{ file: secrets/ledger-owner-url }",
    "{ file: secrets/redis-url }",
    "{ file: secrets/seal-k2 }",
    "{ file: secrets/seal-k1 }",
    "{ file: secrets/audit-key }",
    "{ file: secrets/orders-admin }",
    "{ file: secrets/shop-admin }",
    "{ file: secrets/planetscale-token }",
    "{ file: secrets/planetscale-oauth }",
    "{ file: secrets/neon-owner }",
    "{ file: secrets/neon-key }",
    "{ file: secrets/db9-token }",
];
