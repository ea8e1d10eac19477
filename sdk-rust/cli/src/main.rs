//! `dsn`: the command of dsn-broker, for shells, cron and programs that know nothing of it.

mod agent;
mod ca;
mod doctor;
mod exec;
mod file;
mod injector;
mod injector_certificate;
mod install;
mod pages;
mod session;
mod show;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use dsn_broker_sdk::{Broker, Request};

/// Database credentials that are short-lived and complete.
///
/// The broker and the proof of identity come from the environment: DSN_BROKER_URL, DSN_BROKER_CA (a file) or
/// DSN_BROKER_CA_PEM, DSN_BROKER_TOKEN_FILE or DSN_BROKER_TOKEN or both DSN_BROKER_CERT and DSN_BROKER_KEY (files),
/// DSN_BROKER_INSTANCE.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// Answer in JSON, for scripts.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print the DSN of a role, in the format for a driver.
    Get(Get),
    /// Run a program with DSNs in its environment or in files, and keep them good.
    Exec(exec::Exec),
    /// Write files with DSNs, and keep them good: beside an application, or before it.
    RunAgent(agent::RunAgent),
    /// Open a session with psql.
    Psql(session::Session),
    /// Open a session with the client of MariaDB.
    Mysql(session::Session),
    /// Show what the broker verified about you.
    Whoami,
    /// Show the roles that you may use, with their endpoints and formats.
    Roles,
    /// Show your leases.
    Leases,
    /// End a lease now, for all who share it.
    Revoke {
        /// The lease.
        lease_id: String,
    },
    /// Find out why it does not connect, step by step, with what to do.
    Doctor(doctor::Doctor),
    /// Print the completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write the pages for man(1).
    Man {
        /// The folder where they are written: /usr/local/share/man/man1.
        folder: PathBuf,
    },
    /// Put this command there, for a container that has none.
    Install(install::Install),
    /// Inject DSNs into the pods of a Kubernetes cluster that ask for it, as its admission webhook.
    Injector(injector::Injector),
    /// Make the certificate of the injector or renew it, and let the cluster trust it.
    InjectorCertificate(injector_certificate::InjectorCertificate),
}

/// How a DSN is wanted.
#[derive(Args, Clone)]
struct Wanted {
    /// The format, by the name of the driver: `dsn roles` lists them.
    #[arg(long, default_value = "uri")]
    format: String,
    /// The way into the database. Default: the role's first.
    #[arg(long)]
    endpoint: Option<String>,
    /// The operating system, for formats that have to say where it keeps its roots: debian, alpine, rhel, …
    #[arg(long)]
    os: Option<String>,
}

#[derive(Args)]
struct Get {
    /// The role.
    role: String,
    #[command(flatten)]
    wanted: Wanted,
    /// The file where the program that connects finds the database's CA.
    #[arg(long)]
    ca_file: Option<PathBuf>,
    /// Also write the database's CA there, if it is a private one.
    #[arg(long, requires = "ca_file")]
    write_ca: bool,
}

impl Wanted {
    fn request(&self, broker: &Broker, role: &str) -> Request {
        let mut request = broker.request(role).format(&self.format);
        if let Some(endpoint) = &self.endpoint {
            request = request.endpoint(endpoint);
        }
        if let Some(os) = &self.os {
            request = request.os(os);
        }
        request
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    // A program's own failures are told apart from those of this, as env(1) does.
    let runs_program = matches!(cli.command, Command::Exec(_) | Command::Psql(_) | Command::Mysql(_));
    match run(cli).await {
        Ok(code) => code,
        Err(error) => {
            show::error(&error);
            match error.downcast_ref::<exec::Failure>() {
                Some(failure) => ExitCode::from(failure.code),
                None if runs_program => ExitCode::from(125),
                None => ExitCode::FAILURE,
            }
        }
    }
}

async fn run(Cli { json, command }: Cli) -> anyhow::Result<ExitCode> {
    // Not all need one, and the agent has one of its own.
    let broker = Broker::from_env;
    match command {
        Command::Get(get) => get.run(&broker()?, json).await?,
        Command::Exec(exec) => return exec.run(&broker()?).await,
        Command::RunAgent(agent) => return agent.run().await,
        Command::Psql(session) => return session.psql(&broker()?).await,
        Command::Mysql(session) => return session.mysql(&broker()?).await,
        Command::Whoami => match broker()?.whoami().await? {
            me if json => show::json(&me)?,
            me => show::record(&me)?,
        },
        Command::Roles => match broker()?.roles().await? {
            roles if json => show::json(&roles)?,
            roles => show::records(
                &roles,
                "roles",
                &["role", "database", "engine", "credential", "share", "ttl", "endpoints"],
            )?,
        },
        Command::Leases => match broker()?.leases().await? {
            leases if json => show::json(&leases)?,
            leases => {
                show::records(&leases, "leases", &["lease_id", "role", "state", "username", "expires_at"])?;
            }
        },
        Command::Revoke { lease_id } => broker()?.revoke(&lease_id).await?,
        Command::Install(install) => install.run()?,
        Command::Doctor(doctor) => return doctor.run(json).await,
        Command::Completions { shell } => pages::completions::<Cli>(shell),
        Command::Man { folder } => pages::man::<Cli>(&folder)?,
        Command::Injector(injector) => return injector.run().await,
        Command::InjectorCertificate(certificate) => return certificate.run().await,
    }
    Ok(ExitCode::SUCCESS)
}

impl Get {
    async fn run(&self, broker: &Broker, json: bool) -> anyhow::Result<()> {
        let mut request = self.wanted.request(broker, &self.role);
        if let Some(file) = &self.ca_file {
            let file = std::path::absolute(file)?;
            request = request.ca_file(file.to_str().context("the path of the CA is not UTF-8")?);
        }
        let dsn = request.get().await?;
        if let (true, Some(file), Some(pem)) = (self.write_ca, &self.ca_file, dsn.ca_pem()) {
            file::replace(file, pem, file::Readers::Everyone)?;
        }
        if json { show::whole(&dsn) } else { show::text(dsn.text()) }
    }
}
