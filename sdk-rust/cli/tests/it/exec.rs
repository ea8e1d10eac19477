//! Programs that are run with DSNs.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::time::Duration;

use tokio::process::Child;
use tokio::time::{interval, timeout};

use crate::scene::{Scene, run};

#[test]
fn a_program_finds_its_dsns_and_not_the_proof() {
    run(async {
        let scene = Scene::shared().await;
        let script = r#"psql -XAtc 'select current_user' "$DATABASE_URL"; psql -XAtc 'select current_user' "$OTHER_URL"; echo "${DSN_BROKER_TOKEN-none}"; exit 7"#;
        let output = scene
            .dsn(&["exec", "orders-reader", "OTHER_URL=orders-request", "--", "sh", "-c", script])
            .output();
        let output = output.await.unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<_> = said.lines().collect();
        assert!(
            lines[0].starts_with("dsn_") && lines[1].starts_with("dsn_") && lines[0] != lines[1],
            "{said}"
        );
        assert_eq!((lines[2], output.status.code()), ("none", Some(7)));
        let ended =
            scene.dsn(&["exec", "orders-reader", "--", "sh", "-c", "kill -TERM $$"]).output().await.unwrap();
        assert_eq!(ended.status.code(), Some(143));
    });
}

#[test]
fn a_program_is_started_again_with_the_successor_and_ended_gracefully() {
    run(async {
        let scene = Scene::shared().await;
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let script = format!(
            r#"trap 'echo ended >> {log}; exit 5' TERM; psql -XAtc 'select current_user' "$DATABASE_URL" >> {log}; while :; do sleep 0.05; done"#,
            log = log.display()
        );
        let child = scene.dsn(&["exec", "orders-instance", "--", "sh", "-c", &script]).spawn().unwrap();
        let lines =
            until(&log, |lines| lines.iter().filter(|line| line.starts_with("dsn_")).count() == 2).await;
        assert_eq!(lines[1], "ended", "{lines:?}");
        assert_ne!(lines[0], lines[2], "{lines:?}");
        terminate(&child).await;
        let status =
            timeout(Duration::from_secs(10), child.wait_with_output()).await.unwrap().unwrap().status;
        assert_eq!((status.code(), status.signal()), (Some(5), None), "its own end is passed on");
        assert_eq!(until(&log, |lines| lines.len() == 4).await[3], "ended");
    });
}

#[test]
fn a_file_is_replaced_and_the_program_told() {
    run(async {
        let scene = Scene::shared().await;
        let folder = tempfile::tempdir().unwrap();
        let (file, log) = (folder.path().join("dsn"), folder.path().join("log"));
        let script = format!(
            "trap 'cat {file} >> {log}; echo >> {log}' HUP; cat {file} >> {log}; echo >> {log}; while :; do sleep 0.05; done",
            file = file.display(),
            log = log.display()
        );
        let place = format!("{}=orders-instance", file.display());
        let arguments =
            ["exec", &place, "--on-change", "hup", "--format", "keyword", "--", "sh", "-c", &script];
        let child = scene.dsn(&arguments).spawn().unwrap();
        let lines = until(&log, |lines| lines.len() == 2).await;
        assert_ne!(lines[0], lines[1]);
        for line in &lines {
            assert!(scene.psql(line, "select current_user").await.starts_with("dsn_"), "{line}");
        }
        let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&file).unwrap());
        assert_eq!(mode & 0o777, 0o600);
        terminate(&child).await;
        let status =
            timeout(Duration::from_secs(10), child.wait_with_output()).await.unwrap().unwrap().status;
        assert_eq!(status.code(), Some(143));
    });
}

async fn terminate(child: &Child) {
    let id = child.id().unwrap().to_string();
    assert!(tokio::process::Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
}

/// The lines of a file, as soon as they are enough.
async fn until(file: &Path, enough: impl Fn(&[String]) -> bool) -> Vec<String> {
    let looking = async {
        let mut looks = interval(Duration::from_millis(20));
        loop {
            looks.tick().await;
            let text = std::fs::read_to_string(file).unwrap_or_default();
            let lines: Vec<String> =
                text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
            if enough(&lines) {
                return lines;
            }
        }
    };
    timeout(Duration::from_secs(30), looking).await.expect("it did not happen")
}
