//! Every driver connects with what the broker returns, untouched; and none does where it must not.
//!
//! A language has one program (`tests/drivers/<language>`). It is given all cases of its language at once, runs the lines of
//! code that came with each text, and says what came of it. What is installed is for `.ci/drivers`; a driver that is
//! not there is named as skipped.

mod go;
mod java;
mod javascript;
mod lines;
mod php;
mod python;
mod ruby;
mod rust;
mod scene;
mod tools;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use dsn_broker::dsn::{Format, Language};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use self::scene::{MYSQL_HOST, Scene};
use crate::stand::{Hosts, repository};

/// One connection to make.
#[derive(Debug, Serialize)]
struct Case {
    id: String,
    format: Format,
    protocol: &'static str,
    dsn: String,
    /// The lines that open the session, as the answer has them.
    code: String,
    user: String,
    password: String,
    ca_pem: Option<String>,
    /// The parameters of the answer.
    parameters: Value,
    /// Whether it leads through a pooler: what the program asks, it asks [`TIMES`] times, with a parameter.
    pooled: bool,
    #[serde(skip)]
    expected: Expected,
}

impl Case {
    /// Who opens it: a format that both protocols share may be there for one of them alone.
    fn driver(&self) -> String {
        format!("{} for {}", self.format, self.protocol)
    }
}

/// What has to come of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// A session, over TLS, for the user of the text.
    Session,
    /// The driver itself refuses the server for what it shows.
    Refused,
}

/// What came of it: the user whose session it is, and whether it is encrypted; or an error; or the driver is not there.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Outcome {
    id: String,
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    encrypted: Option<bool>,
    /// How often it was asked whose session it is.
    #[serde(default)]
    asked: Option<u32>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    skipped: Option<String>,
}

/// Runs all cases of a language through its program.
///
/// `opaque` are the formats whose drivers do not say why they refuse a server: there it is the same text with a right
/// server, and nobody having come in, that show why.
async fn check(language: Language, program: Option<Command>, opaque: &[Format]) {
    let Some(program) = program else {
        return skipped(&format!("all of {language:?}"), "it is not installed here: see .ci/drivers");
    };
    check_each(language, vec![program], opaque).await;
}

/// The same through several programs, one after the other.
async fn check_each(language: Language, programs: Vec<Command>, opaque: &[Format]) {
    let scene = Scene::start(language).await;
    let cases = scene.cases().await;
    assert!(!cases.is_empty());
    let (mut mistakes, mut missing) = (Vec::new(), BTreeMap::new());
    let mut connected = BTreeSet::new();
    for program in programs {
        let mut outcomes = ask(program, &cases).await;
        for case in &cases {
            let Some(outcome) = outcomes.remove(&case.id) else {
                mistakes.push(format!("{}: nothing was said of it", case.id));
                continue;
            };
            match judge(case, &outcome, opaque.contains(&case.format)) {
                Ok(()) if case.expected == Expected::Session => drop(connected.insert(case.driver())),
                Ok(()) => {}
                Err(Wrong::Missing(why)) => drop(missing.insert(case.driver(), why)),
                Err(Wrong::Mistake(what)) => mistakes.push(format!("{}: {what}\n{}", case.id, case.code)),
            }
        }
    }
    missing.iter().for_each(|(driver, why)| skipped(driver, why));
    assert!(connected.iter().all(|driver| !missing.contains_key(driver)), "skipped and there");
    assert!(mistakes.is_empty(), "{} mistakes:\n{}", mistakes.len(), mistakes.join("\n"));
    scene.nobody_came_in_where_nobody_may();
    scene.stop().await;
}

enum Wrong {
    Missing(String),
    Mistake(String),
}

fn judge(case: &Case, outcome: &Outcome, opaque: bool) -> Result<(), Wrong> {
    if let Some(why) = &outcome.skipped {
        return Err(Wrong::Missing(why.clone()));
    }
    let right = match (case.expected, &outcome.user, &outcome.error) {
        (Expected::Session, Some(user), None) => {
            let enough = !case.pooled || outcome.asked == Some(TIMES);
            *user == case.user && outcome.encrypted == Some(true) && enough
        }
        (Expected::Refused, None, Some(error)) => opaque || is_about_tls(error),
        _ => false,
    };
    if right { Ok(()) } else { Err(Wrong::Mistake(format!("{:?} came of {:?}", outcome, case.expected))) }
}

/// Whether an error says that the server could not be verified, and nothing accidental.
fn is_about_tls(error: &str) -> bool {
    let error = error.to_lowercase();
    ["certificate", "cert ", "hostname", "host name", "altname", "ssl", "tls", "pkix"]
        .iter()
        .any(|word| error.contains(word))
}

/// Gives a program all cases, and takes what it says: a line of JSON for each.
async fn ask(mut program: Command, cases: &[Case]) -> BTreeMap<String, Outcome> {
    let hosts = Hosts::new(&format!("127.0.0.1 {MYSQL_HOST}\n"));
    program.envs(hosts.environment());
    // Nothing but the text may say what is trusted: no variable, and no file of whoever runs the tests.
    let home = tempfile::tempdir().unwrap();
    program.env("HOME", home.path());
    let says =
        |name: &str| ["PG", "MYSQL", "MARIADB", "SSL_", "NODE_"].iter().any(|begin| name.starts_with(begin));
    for (variable, _) in std::env::vars().filter(|(name, _)| says(name)) {
        program.env_remove(variable);
    }
    let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let text = serde_json::to_vec(cases).unwrap();
    let writing = tokio::spawn(async move {
        // A program that ends early has said why on its standard error.
        let _ = stdin.write_all(&text).await;
    });
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
    let output = output.expect("a driver waits for what does not come").unwrap();
    writing.await.unwrap();
    assert!(output.status.success(), "the program failed: {}", output.status);
    let text = String::from_utf8(output.stdout).unwrap();
    let outcomes = text.lines().filter(|line| line.starts_with('{')).map(|line| {
        let outcome: Outcome = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        (outcome.id.clone(), outcome)
    });
    outcomes.collect()
}

/// How long a program may take for all of its cases, on a machine that has other things to do, too.
const PATIENCE: Duration = Duration::from_secs(240);

/// Says so where it is seen whatever becomes of the test.
pub fn skipped(what: &str, why: &str) {
    let why = why.lines().last().unwrap_or_default();
    // What `eprintln` says the test harness keeps to itself.
    std::io::stderr().write_all(format!("skipped: {what}: {why}\n").as_bytes()).unwrap();
}

/// How often a program asks through a pooler, each time on another server connection: drivers that prepare what is asked
/// often do so at the fifth time.
const TIMES: u32 = 10;

/// Where the programs of the languages are.
fn programs() -> PathBuf {
    repository().join("broker/tests/drivers")
}

/// Where `.ci/drivers` puts what it installs.
fn installed() -> PathBuf {
    std::env::var_os("DSN_BROKER_DRIVERS").map_or_else(|| cache().join("dsn-broker/drivers"), PathBuf::from)
}

/// The folder of the user's cache.
pub fn cache() -> PathBuf {
    let home = std::env::var_os("HOME").map_or_else(|| PathBuf::from("/"), PathBuf::from);
    std::env::var_os("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), PathBuf::from)
}
