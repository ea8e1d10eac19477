//! The command line.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the command line talks to people")]

mod api_key;
mod audit;
mod check;
mod migrate;
mod serve;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::Config;

/// Hands workloads short-lived, least-privilege, fully parameterized DSNs.
#[derive(Parser)]
#[command(version, name = "dsn-broker")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the broker.
    Serve(File),
    /// Say whether the configuration is right.
    Check {
        #[command(flatten)]
        file: File,
        /// Also connect everywhere, and report what each role can really do.
        #[arg(long)]
        live: bool,
    },
    /// Bring the ledger's schema up to date, and give the broker's user its privileges there.
    Migrate(File),
    /// Print the JSON Schema of the configuration.
    Schema,
    /// Print the OpenAPI document.
    Openapi,
    /// Print what each format of DSNs is and how to connect with it, Markdown.
    Formats,
    /// API keys.
    #[command(subcommand)]
    ApiKey(api_key::Command),
    /// The audit.
    #[command(subcommand)]
    Audit(audit::Command),
}

/// Where the configuration is.
#[derive(clap::Args)]
struct File {
    /// The configuration.
    #[arg(long, short, env = "DSN_BROKER_CONFIG", default_value = "/etc/dsn-broker/broker.yaml")]
    config: PathBuf,
}

impl File {
    fn load(&self) -> anyhow::Result<Config> {
        Ok(Config::load(&self.config)?)
    }
}

/// Runs the command that was asked for.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("dsn-broker: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(run(cli.command));
    // What hangs in a blocking call does not keep us.
    runtime.shutdown_background();
    result.unwrap_or_else(|error| {
        eprintln!("dsn-broker: {error:#}");
        ExitCode::FAILURE
    })
}

/// `1 role`, `2 roles`.
fn count(number: impl TryInto<u64>, noun: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    crate::tls::provider();
    match command {
        Command::Serve(file) => serve::run(file).await.map(|()| ExitCode::SUCCESS),
        Command::Check { file, live } => check::run(&file, live).await,
        Command::Migrate(file) => {
            migrate::run(&Config::load_ledger(&file.config)?).await.map(|()| ExitCode::SUCCESS)
        }
        Command::Schema => {
            println!("{}", serde_json::to_string_pretty(&Config::schema())?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Formats => {
            print!("{}", crate::dsn::page());
            Ok(ExitCode::SUCCESS)
        }
        Command::Openapi => {
            println!("{}", crate::http::openapi().to_pretty_json()?);
            Ok(ExitCode::SUCCESS)
        }
        Command::ApiKey(command) => {
            api_key::run(&command);
            Ok(ExitCode::SUCCESS)
        }
        Command::Audit(command) => audit::run(command).await,
    }
}
