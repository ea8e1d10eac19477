//! Tools: psql, with each libpq that is on this machine, and the clients of MySQL and MariaDB.

use std::path::PathBuf;
use std::time::Duration;

use devstack::{Ca, Postgres, Version};
use dsn_broker::dsn::{Format, Language, Mode, Target, Trust};
use dsn_broker::model::Protocol;
use dsn_broker::secret::Secret;
use tokio::process::Command;

use super::scene::{is_tried, rendered};
use super::{Expected, ask, check_each, judge, programs, skipped};
use crate::stand::run;

#[test]
fn every_tool_connects_and_none_to_the_wrong_server() {
    run(async {
        check_each(Language::Tools, libpqs().iter().map(program).collect(), &[]).await;
    });
}

#[test]
fn to_begin_with_tls_takes_a_new_libpq_and_an_old_one_says_so() {
    run(async {
        let Some((major, _)) = Postgres::available().into_iter().find(|(major, _)| *major >= DIRECT) else {
            return skipped("sslnegotiation=direct", "there is no Postgres 17 here");
        };
        let ca = Ca::generate().unwrap();
        let builder = Postgres::builder().version(Version::Major(major)).ca(&ca).durable(false);
        let server = builder.start().await.unwrap();
        let target = Target {
            database: &"orders".parse().unwrap(),
            protocol: Protocol::Postgres,
            host: server.host(),
            port: server.port(),
            dbname: "postgres",
            username: "postgres",
            password: &Secret::new(server.superuser_password()),
            trust: Trust::Private { pem: ca.pem() },
            ca_file: server.ca_path().to_str(),
            bundle: None,
            mode: Mode::VerifyFull,
            application_name: "drivers",
            connect_timeout: Duration::from_secs(20),
            direct_tls: true,
            pooled: false,
            target_session_attrs: None,
            channel_binding: false,
            cleartext: false,
        };
        for libpq in libpqs() {
            let expected = |format| match format {
                // It knows no such variable, and asks for TLS before it begins with it.
                Format::Env => Expected::Session,
                // It says nothing of that.
                Format::Dotenv => Expected::Session,
                _ if libpq.major < DIRECT => Expected::Refused,
                _ => Expected::Session,
            };
            let formats = Format::for_protocol(Protocol::Postgres);
            let tried = formats.filter(|format| is_tried(*format, Language::Tools, Protocol::Postgres));
            let cases: Vec<_> =
                tried.filter_map(|format| rendered(format, &target, expected(format))).collect();
            let mut outcomes = ask(program(&libpq), &cases).await;
            for case in &cases {
                let outcome = outcomes.remove(&case.id).unwrap();
                // It does not come to where the server could be asked anything.
                let told = |error: &String| WHAT_AN_OLD_ONE_SAYS.iter().any(|words| error.contains(words));
                let right = match case.expected {
                    Expected::Refused => outcome.error.as_ref().is_some_and(told),
                    Expected::Session => judge(case, &outcome, false).is_ok(),
                };
                assert!(right, "{libpq:?}: {outcome:?}");
            }
        }
    });
}

/// A libpq for psql.
#[derive(Debug)]
struct Libpq {
    major: u32,
    /// Where it is, if it is not the system's.
    folder: Option<PathBuf>,
}

/// The one of the system, and those that came with servers that packages did not install.
fn libpqs() -> Vec<Libpq> {
    let said =
        std::process::Command::new("psql").arg("--version").output().expect("psql is not here: .ci/deps");
    let said = String::from_utf8(said.stdout).unwrap();
    let version = said.split_whitespace().nth(2).unwrap();
    let own = Libpq { major: version.split('.').next().unwrap().parse().unwrap(), folder: None };
    let others = Postgres::available().into_iter().filter_map(|(major, programs)| {
        let folder = programs.parent()?.join("lib");
        folder.join("libpq.so.5").is_file().then_some(Libpq { major, folder: Some(folder) })
    });
    [own].into_iter().chain(others).collect()
}

fn program(libpq: &Libpq) -> Command {
    let mut command = Command::new("/usr/bin/python3");
    command.arg(programs().join("tools/connect.py"));
    command.envs(libpq.folder.as_ref().map(|folder| ("LIBPQ", folder)));
    command
}

/// Of a word that it does not know.
const WHAT_AN_OLD_ONE_SAYS: [&str; 3] = [
    "invalid connection option \"sslnegotiation\"",
    "invalid URI query parameter: \"sslnegotiation\"",
    "syntax error in service file",
];

/// The first version that begins with TLS.
const DIRECT: u32 = 17;
