//! Programs that are run with DSNs.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::scene::{Scene, mode, run};
use crate::watch::{kill, said, says, soon, status, terminate, until};

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
        let status = status(child).await;
        assert_eq!((status.code(), status.signal()), (Some(5), None), "its own end is passed on");
        until(&log, |lines| lines.last().is_some_and(|last| last == "ended")).await;
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
        std::fs::write(&file, "").unwrap();
        std::fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        let place = format!("{}=orders-instance", file.display());
        let arguments =
            ["exec", &place, "--on-change", "hup", "--format", "keyword", "--", "sh", "-c", &script];
        let child = scene.dsn(&arguments).spawn().unwrap();
        let first = until(&log, |lines| lines.len() == 1).await.remove(0);
        assert!(scene.psql(&first, "select current_user").await.starts_with("dsn_"), "{first}");
        let second = until(&log, |lines| lines.len() == 2).await.remove(1);
        assert_ne!(first, second);
        assert!(scene.psql(&second, "select current_user").await.starts_with("dsn_"), "{second}");
        assert_eq!(mode(&file), 0o640, "it keeps its readers, but for others");
        terminate(&child).await;
        assert_eq!(status(child).await.code(), Some(143));
    });
}

#[test]
fn a_program_that_ends_by_itself_during_a_change_is_not_started_again() {
    run(async {
        let scene = Scene::shared().await;
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let script = format!("echo started >> {}; read line; exit 3", log.display());
        let mut child = scene
            .dsn(&["exec", "orders-instance", "--", "sh", "-c", &script])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        said(&mut child, "has changed").await;
        drop(child.stdin.take());
        assert_eq!(status(child).await.code(), Some(3));
        assert_eq!(until(&log, |lines| !lines.is_empty()).await, ["started"]);
    });
}

#[test]
fn a_signal_that_is_not_the_end_is_passed_on_and_the_program_is_started_again() {
    run(async {
        let scene = Scene::shared().await;
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let script = format!(
            "trap 'echo asked >> {log}' TERM; trap 'exit 4' USR1; echo started >> {log}; while :; do sleep 0.05; done",
            log = log.display()
        );
        let child = scene
            .dsn(&["exec", "orders-instance", "--grace", "60", "--", "sh", "-c", &script])
            .spawn()
            .unwrap();
        until(&log, |lines| lines == ["started", "asked"]).await;
        kill(&child, "USR1").await;
        until(&log, |lines| lines == ["started", "asked", "started"]).await;
        terminate(&child).await;
        until(&log, |lines| lines.len() >= 4).await;
        kill(&child, "USR1").await;
        assert_eq!(status(child).await.code(), Some(4));
        assert_eq!(until(&log, |lines| lines.len() >= 4).await, ["started", "asked", "started", "asked"]);
    });
}

#[test]
fn a_program_that_does_not_end_in_its_grace_is_killed_also_if_dsn_is_told_to_end_meanwhile() {
    run(async {
        let scene = Scene::shared().await;
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let script = format!(
            "trap 'echo asked >> {log}' TERM; echo started >> {log}; while :; do sleep 0.05; done",
            log = log.display()
        );
        let child = scene
            .dsn(&["exec", "orders-instance", "--grace", "3", "--", "sh", "-c", &script])
            .spawn()
            .unwrap();
        until(&log, |lines| lines == ["started", "asked"]).await;
        terminate(&child).await;
        assert_eq!(status(child).await.code(), Some(137));
        assert_eq!(until(&log, |lines| lines.len() >= 3).await, ["started", "asked", "asked"]);
    });
}

#[test]
fn a_program_goes_on_with_what_it_has_while_its_file_cannot_be_written() {
    run(async {
        let scene = Scene::shared().await;
        let folder = tempfile::tempdir().unwrap();
        let (file, log) = (folder.path().join("dsn"), folder.path().join("log"));
        let script = format!(
            "trap 'echo ended >> {log}; exit 5' TERM; echo started >> {log}; while :; do sleep 0.05; done",
            log = log.display()
        );
        let place = format!("{}=orders-instance", file.display());
        let mut child =
            scene.dsn(&["exec", &place, "--", "sh", "-c", &script]).stderr(Stdio::piped()).spawn().unwrap();
        until(&log, |lines| lines == ["started"]).await;
        assert_eq!(mode(&file), 0o600);
        std::fs::remove_file(&file).unwrap();
        std::fs::create_dir(&file).unwrap();
        let stderr = said(&mut child, "what is there is no regular file").await;
        assert_eq!(until(&log, |_| true).await, ["started"], "{stderr:?}");
        std::fs::remove_dir(&file).unwrap();
        until(&log, |lines| lines == ["started", "ended", "started"]).await;
        assert!(file.is_file());
        terminate(&child).await;
        assert_eq!(status(child).await.code(), Some(5));
    });
}

#[test]
fn a_signal_before_there_is_a_program_leaves_nothing_behind() {
    run(async {
        let scene = Scene::shared().await;
        // It takes calls, and never answers.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        for arguments in [&["exec", "orders-reader", "--", "true"][..], &["psql", "orders-reader"]] {
            let runtime = tempfile::tempdir().unwrap();
            let child = scene
                .dsn(arguments)
                .env("DSN_BROKER_URL", format!("http://{}", silent.local_addr().unwrap()))
                .env("XDG_RUNTIME_DIR", runtime.path())
                .spawn()
                .unwrap();
            let inside = || std::fs::read_dir(runtime.path()).unwrap().map(|entry| entry.unwrap().path());
            let folder = soon(|| inside().next()).await;
            assert_eq!(mode(&folder), 0o700);
            terminate(&child).await;
            assert_eq!(status(child).await.code(), Some(143));
            assert_eq!(inside().count(), 0);
        }
    });
}

#[test]
fn a_broker_that_is_away_and_a_dsn_that_ends_are_told_of_and_the_program_goes_on() {
    run(async {
        let scene = Scene::shared().await;
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let script = format!("echo started >> {}; while :; do sleep 0.05; done", log.display());
        let (way, url) = scene.way().await;
        let mut child = scene
            .dsn(&["exec", "orders-instance", "--", "sh", "-c", &script])
            .env("DSN_BROKER_URL", url)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        until(&log, |lines| lines == ["started"]).await;
        way.close();
        says(&mut lines, "there is no successor yet of the DSN of orders-instance").await;
        says(&mut lines, "the DSN of orders-instance has ended, and has no successor").await;
        assert_eq!(until(&log, |_| true).await, ["started"]);
        way.mend();
        until(&log, |lines| lines == ["started", "started"]).await;
        terminate(&child).await;
        assert_eq!(status(child).await.code(), Some(143));
    });
}
