//! `dsn-broker api-key`

use clap::Subcommand;

use crate::entropy::SystemEntropy;
use crate::identity::{NewApiKey, generate_api_key};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Make a new key: it is printed once, with the lines for the configuration, which hold its hash only.
    New {
        /// Who proves its identity with it.
        subject: String,
    },
}

pub(super) fn run(command: &Command) {
    let Command::New { subject } = command;
    let NewApiKey { key, sha256 } = generate_api_key(&SystemEntropy);
    let subject = serde_json::Value::from(subject.as_str());
    eprintln!("# The key, for the workload; it is not shown again:");
    println!("{}", key.expose());
    eprintln!("# For the configuration, under issuers.<name>.keys of an issuer of kind api_key:");
    eprintln!("{subject}:\n  sha256: {sha256}");
}
