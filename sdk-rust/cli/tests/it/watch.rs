//! What a program does, as it is seen from outside.

use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr};
use tokio::time::{interval, timeout};

pub async fn terminate(child: &Child) {
    kill(child, "TERM").await;
}

pub async fn kill(child: &Child, signal: &str) {
    let (id, signal) = (child.id().unwrap().to_string(), format!("-{signal}"));
    assert!(tokio::process::Command::new("kill").args([&signal, &id]).status().await.unwrap().success());
}

/// How it ended.
pub async fn status(mut child: Child) -> ExitStatus {
    timeout(DEADLINE, child.wait()).await.expect("it did not end").unwrap()
}

/// What it says on its standard error, up to the line with these words; what comes after goes nowhere.
pub async fn said(child: &mut Child, words: &str) -> Vec<String> {
    says(&mut BufReader::new(child.stderr.take().unwrap()).lines(), words).await
}

pub async fn says(lines: &mut Lines<BufReader<ChildStderr>>, words: &str) -> Vec<String> {
    let reading = async {
        let mut said = Vec::new();
        while let Some(line) = lines.next_line().await.unwrap() {
            let is_it = line.contains(words);
            said.push(line);
            if is_it {
                return said;
            }
        }
        panic!("it ended, and said {said:?}");
    };
    timeout(DEADLINE, reading).await.expect("it did not say so")
}

/// The lines of a file, as soon as they are enough.
pub async fn until(file: &Path, enough: impl Fn(&[String]) -> bool) -> Vec<String> {
    soon(|| {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let lines: Vec<String> = text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
        enough(&lines).then_some(lines)
    })
    .await
}

/// What a look finds, as soon as it finds something.
pub async fn soon<T>(look: impl Fn() -> Option<T>) -> T {
    let looking = async {
        let mut looks = interval(Duration::from_millis(20));
        loop {
            looks.tick().await;
            if let Some(found) = look() {
                return found;
            }
        }
    };
    timeout(DEADLINE, looking).await.expect("it did not happen")
}

const DEADLINE: Duration = Duration::from_secs(60);
