//! The `devstack` binary: the world for those outside of Rust.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, bail};
use clap::{Parser, Subcommand};
use devstack::{Provided, Provider, Version, World, install};
use futures_util::future::try_join_all;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// Real servers with TLS on loopback, for trying dsn-broker; nothing of them stays.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Start a world and keep it until told to end.
    Up(Up),
    /// Fetch prebuilt programs of a Postgres major version through npm.
    InstallPostgres {
        /// For example 18.
        major: u32,
    },
    /// Print a token from a world's issuer.
    Token(Token),
}

#[derive(clap::Args)]
struct Up {
    /// Write addresses and secrets to this file, readable by its owner only [default: in the world's folder].
    #[arg(long)]
    json: Option<PathBuf>,
    /// The major version of the target's server [default: the installed one].
    #[arg(long)]
    postgres: Option<u32>,
    /// Put the ledger and the target on one server.
    #[arg(long)]
    shared_server: bool,
    /// Also start these, and say in the file how the broker's configuration names their databases and roles.
    #[arg(long, value_delimiter = ',', value_enum)]
    with: Vec<Provider>,
    /// Let commits survive a power cut.
    #[arg(long)]
    durable: bool,
    /// End also when the standard input does.
    #[arg(long)]
    until_stdin_ends: bool,
}

#[derive(clap::Args)]
struct Token {
    /// The issuer, as `oidc_issuer` in the file that `up` writes.
    #[arg(long)]
    url: String,
    /// The authority to trust, as `ca_path` there.
    #[arg(long)]
    ca: Option<PathBuf>,
    /// Whom the token is about.
    #[arg(long, default_value = "demo")]
    sub: String,
    /// Whom it is for [default: dsn-broker].
    #[arg(long)]
    aud: Option<String>,
    /// How it is signed.
    #[arg(long, default_value = "RS256")]
    alg: String,
    /// What is wrong with it.
    #[arg(long)]
    bad: Option<String>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Verb::Up(up) => up.run().await,
        Verb::InstallPostgres { major } => say(&install::install(major)?.display().to_string()),
        Verb::Token(token) => say(&token.fetch()?),
    }
}

impl Up {
    async fn run(self) -> anyhow::Result<()> {
        // Listening before the world is there, so that a signal meanwhile is not the end without cleaning up.
        let (mut interrupt, mut terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let end = async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                () = stdin_ended(), if self.until_stdin_ends => {}
            }
        };
        tokio::pin!(end);
        let (world, provided) = tokio::select! {
            started = self.start() => started?,
            () = &mut end => return Ok(()),
        };
        end.await;
        try_join_all(provided.into_iter().map(Provided::end)).await?;
        world.end().await
    }

    async fn start(&self) -> anyhow::Result<(World, Vec<Provided>)> {
        let mut world = World::builder().durable(self.durable);
        if self.shared_server {
            world = world.shared_server();
        }
        if let Some(major) = self.postgres {
            world = world.orders_version(Version::Major(major));
        }
        let world = world.start().await?;
        let with: BTreeSet<Provider> = self.with.iter().copied().collect();
        let provided = with.into_iter().map(|provider| provider.start(&world, world.folder()));
        let provided = try_join_all(provided).await?;
        let file = self.json.clone().unwrap_or_else(|| world.folder().join("world.json"));
        world.summary().with(&provided).write_to(&file)?;
        let (pid, folder, issuer) = (std::process::id(), world.folder(), world.oidc().issuer());
        say(&json!({ "pid": pid, "folder": folder, "issuer": issuer, "json": file }).to_string())?;
        Ok((world, provided))
    }
}

impl Token {
    fn fetch(&self) -> anyhow::Result<String> {
        let mut asked = json!({ "sub": self.sub, "alg": self.alg });
        let optional = [("aud", &self.aud), ("bad", &self.bad)];
        if let Some(asked) = asked.as_object_mut() {
            asked.extend(optional.into_iter().filter_map(|(k, v)| Some((k.to_owned(), v.clone()?.into()))));
        }
        let mut curl = Command::new("curl");
        curl.args([
            "--silent",
            "--show-error",
            "--fail-with-body",
            "--noproxy",
            "*",
            "--data",
            &asked.to_string(),
        ]);
        if let Some(ca) = &self.ca {
            curl.arg("--cacert").arg(ca);
        }
        let output = curl.arg(format!("{}/mint", self.url)).output().context("curl does not start")?;
        if !output.status.success() {
            let (answer, reason) =
                (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            bail!("{}{}", answer, reason.trim());
        }
        Ok(String::from_utf8(output.stdout)?)
    }
}

/// Reads in a thread that nobody waits for, as a read from a terminal cannot be called off.
async fn stdin_ended() {
    let (report, ended) = oneshot::channel();
    std::thread::spawn(move || {
        let mut ignored = [0; 256];
        while std::io::stdin().read(&mut ignored).is_ok_and(|count| count > 0) {}
        report.send(())
    });
    let _ = ended.await;
}

fn say(line: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}
