//! Nothing stays, however the process that holds a world ends.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use devstack::World;
use serde_json::Value;

use crate::postgres::quick;
use crate::process::{Process, eventually};
use crate::program;

#[tokio::test]
async fn an_ended_world_leaves_nothing() {
    let world = World::start().await.unwrap();
    let folders =
        [world.orders().ca_path(), world.ledger().ca_path(), world.redis().ca_path(), world.ca_path()]
            .map(|ca| ca.parent().unwrap().to_owned());
    let ports = [world.orders().port(), world.ledger().port(), world.redis().port()];
    assert!(folders.iter().all(|folder| folder.is_dir()));
    assert!(ports.into_iter().all(is_open));
    world.end().await.unwrap();
    assert!(!folders.iter().any(|folder| folder.exists()));
    assert!(!ports.into_iter().any(is_open));
}

#[tokio::test]
async fn a_dropped_world_leaves_nothing() {
    let world = World::builder().shared_server().start().await.unwrap();
    let (folder, database) =
        (world.folder().to_owned(), world.orders().ca_path().parent().unwrap().to_owned());
    let port = world.orders().port();
    drop(world);
    eventually("the folders go", || !folder.exists() && !database.exists()).await;
    eventually("the server ends", || !is_open(port)).await;
}

#[tokio::test]
async fn a_killed_holder_leaves_nothing() {
    let mut up = Up::start(&[]);
    let (processes, folders) = (Process::descendants(up.child.id()), up.folders());
    assert_eq!(folders.len(), 4, "a world, two databases, a cache: {folders:?}");
    assert!(processes.len() > 10, "{processes:?}");
    up.child.kill().unwrap();
    up.child.wait().unwrap();
    eventually("all processes end", || !processes.iter().any(Process::is_alive)).await;
    eventually("all folders go", || !folders.iter().any(|folder| folder.exists())).await;
}

#[tokio::test]
async fn a_killed_holder_leaves_no_hanging_servers() {
    let mut up = Up::start(&["--shared-server"]);
    let (processes, folders) = (Process::descendants(up.child.id()), up.folders());
    for server in processes.iter().filter(|process| process.name != "sh") {
        // It fails for one that has ended meanwhile, such as a worker of Postgres.
        program::run("kill", vec!["-STOP".to_owned(), server.id.to_string()]).await;
    }
    up.child.kill().unwrap();
    up.child.wait().unwrap();
    eventually("all processes end", || !processes.iter().any(Process::is_alive)).await;
    eventually("all folders go", || !folders.iter().any(|folder| folder.exists())).await;
}

#[tokio::test]
async fn a_holder_told_to_end_has_cleaned_up_when_it_is_gone() {
    let mut up = Up::start(&["--shared-server"]);
    let (processes, folders) = (Process::descendants(up.child.id()), up.folders());
    program::succeed("kill", &["-TERM", &up.child.id().to_string()]).await;
    assert!(up.child.wait().unwrap().success());
    assert!(!processes.iter().any(Process::is_alive));
    assert!(!folders.iter().any(|folder| folder.exists()));
}

#[tokio::test]
async fn what_is_beside_a_world_is_described_and_ends_with_it() {
    let with = "--with=planetscale,neon,db9,rds,mysql";
    let mut up = Up::start(&["--shared-server", with, with]);
    let file = fs::read_to_string(up.said["json"].as_str().unwrap()).unwrap();
    let summary: Value = serde_json::from_str(&file).unwrap();
    let (databases, roles) =
        (summary["databases"].as_object().unwrap(), summary["roles"].as_object().unwrap());
    assert_eq!((databases.len(), roles.len()), (6, 14), "{file}");
    assert!(roles.values().all(|role| databases.contains_key(role["database"].as_str().unwrap())), "{file}");
    let (processes, folders) = (Process::descendants(up.child.id()), up.folders());
    assert_eq!(folders.len(), 9, "a world of three, and six servers: {folders:?}");
    program::succeed("kill", &["-TERM", &up.child.id().to_string()]).await;
    assert!(up.child.wait().unwrap().success());
    assert!(!processes.iter().any(Process::is_alive));
    assert!(!folders.iter().any(|folder| folder.exists()));
}

#[tokio::test]
async fn what_nobody_offers_is_refused_with_what_there_is() {
    let refused = program::fail(env!("CARGO_BIN_EXE_devstack"), &["up", "--with", "neon,oracle"]).await;
    assert!(refused.contains("'oracle'"), "{refused}");
    assert!(refused.contains("planetscale, neon, db9, rds, mysql"), "{refused}");
}

#[tokio::test]
async fn a_holder_may_end_with_its_input() {
    let mut up = Up::start(&["--shared-server", "--until-stdin-ends"]);
    drop(up.child.stdin.take());
    assert!(up.child.wait().unwrap().success());
}

#[tokio::test]
async fn a_postgres_killed_while_paused_leaves_no_process_and_no_shared_memory() {
    let server = quick().start().await.unwrap();
    let lock = fs::read_to_string(server.ca_path().with_file_name("data").join("postmaster.pid")).unwrap();
    let (id, segment) =
        (lock.lines().next().unwrap(), lock.lines().nth(6).unwrap().split_whitespace().last());
    let processes = Process::descendants(id.parse().unwrap());
    assert!(processes.len() > 3, "{processes:?}");
    assert!(has_segment(segment.unwrap()));
    server.pause().await.unwrap();
    server.kill().await.unwrap();
    eventually("all processes end", || !processes.iter().any(Process::is_alive)).await;
    server.end().await.unwrap();
    assert!(!has_segment(segment.unwrap()));
}

/// The `devstack` program with a world.
struct Up {
    child: Child,
    said: Value,
}

impl Up {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_devstack"))
            .arg("up")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(said["pid"], child.id());
        Self { child, said }
    }

    /// The folders, as the guards know them.
    fn folders(&self) -> Vec<PathBuf> {
        Process::descendants(self.child.id())
            .iter()
            .filter_map(|process| {
                let arguments = process.arguments();
                let guard = arguments.iter().position(|argument| argument == "devstack-guard")?;
                Some(PathBuf::from(&arguments[guard + 1]))
            })
            .collect()
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // Only after a failure does it still run.
        let _ = self.child.kill();
    }
}

/// Whether the kernel has this segment of shared memory.
fn has_segment(id: &str) -> bool {
    let segments = fs::read_to_string("/proc/sysvipc/shm").unwrap();
    segments.lines().any(|line| line.split_whitespace().nth(1) == Some(id))
}

fn is_open(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}
