//! The agent, which keeps files.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use devstack::Port;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::scene::{PASSWORD, Scene, mode, run};
use crate::watch::{kill, soon, status, terminate, until};

/// An agent, in a folder of its own.
struct Agent {
    child: Child,
    folder: TempDir,
}

/// Where its files are, before it is started.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Says it to the agent in a file.
    fn configure(&self, config: &Value) -> String {
        std::fs::write(self.path("agent.yaml"), config.to_string()).unwrap();
        self.text("agent.yaml")
    }

    /// The command, whose words go to a file.
    fn command(&self, scene: &Scene, config: &Value, arguments: &[&str]) -> Command {
        let file = self.configure(config);
        let log = std::fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        let mut command = scene.dsn(&["run-agent", "--config", &file]);
        command.args(arguments).stderr(log);
        command
    }

    fn start(self, scene: &Scene, config: &Value) -> Agent {
        let child = self.command(scene, config, &[]).spawn().unwrap();
        Agent { child, folder: self.0 }
    }
}

impl Agent {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The text of a file, as soon as it is there and another than this.
    async fn text(&self, name: &str, before: &str) -> String {
        let path = self.path(name);
        soon(|| std::fs::read_to_string(&path).ok().filter(|text| !text.is_empty() && text != before)).await
    }

    /// What it has said, as soon as it has said this.
    async fn said(&self, words: &str) -> String {
        soon(|| std::fs::read_to_string(self.path("log")).ok().filter(|log| log.contains(words))).await
    }

    /// Ends it in good order. Never has it said any of these.
    async fn end(self, secrets: &[String]) {
        terminate(&self.child).await;
        assert_eq!(status(self.child).await.code(), Some(0));
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap();
        assert!(!secrets.is_empty() && secrets.iter().all(|secret| secret.len() > 8));
        assert!(!secrets.iter().any(|secret| log.contains(secret)), "{log}");
    }
}

#[test]
fn files_are_written_for_drivers_and_by_templates_for_whom_they_are() {
    run(async {
        let scene = Scene::shared().await;
        let (place, port) = (Place::new(), Port::claim().unwrap());
        let me = place.0.path().metadata().unwrap();
        // Nobody but root can give a file away.
        let owner = if me.uid() == 0 { (1234, 1235) } else { (me.uid(), me.gid()) };
        let config = json!({
            "ready": { "file": place.path("ready"), "listen": format!("127.0.0.1:{}", port.number()) },
            "files": [
                { "path": place.path("uri"), "role": "orders-reader", "mode": "0640", "owner": format!("{}:{}", owner.0, owner.1) },
                { "path": place.path("psycopg"), "role": "orders-reader", "format": "psycopg", "ca_file": place.path("ca.pem") },
                { "path": place.path("json"), "role": "orders-reader", "format": "json" },
                { "path": place.path("env"), "role": "orders-reader", "template": "role={{ role }} {{ database }} {{ engine }}\nuser={{ user }}\nuntil={{ expires_at }}\n" },
            ],
        });
        let agent = place.start(scene, &config);
        soon(|| agent.path("ready").exists().then_some(())).await;
        assert!(http(port.number(), "/readyz").await.starts_with("HTTP/1.1 200"));
        assert!(http(port.number(), "/healthz").await.starts_with("HTTP/1.1 200"));
        let uri = agent.text("uri", "").await;
        let user = scene.psql(&uri, "select current_user").await;
        assert!(user.starts_with("dsn_"), "{uri}");
        assert!(uri.contains("uri.ca.pem"), "by default it is beside it: {uri}");
        let psycopg = agent.text("psycopg", "").await;
        assert_eq!(scene.psql(&psycopg, "select current_user").await, user);
        assert!(psycopg.contains("ca.pem&"), "{psycopg}");
        assert_eq!(std::fs::read_to_string(agent.path("ca.pem")).unwrap(), scene.ca_pem());
        let parts: Value = serde_json::from_str(&agent.text("json", "").await).unwrap();
        assert_eq!(parts["user"], *user);
        let env = agent.text("env", "").await;
        assert!(
            env.starts_with(&format!("role=orders-reader orders postgres\nuser={user}\nuntil=20")),
            "{env}"
        );
        assert!(env.ends_with("Z\n"), "{env}");
        let there = agent.path("uri").metadata().unwrap();
        assert_eq!((mode(&agent.path("uri")), (there.uid(), there.gid())), (0o640, owner));
        assert_eq!((mode(&agent.path("psycopg")), mode(&agent.path("ca.pem"))), (0o600, 0o644));
        let config = agent.path("agent.yaml");
        let is_ready = ["run-agent", "--is-ready", "--config", config.to_str().unwrap()];
        assert!(scene.dsn(&is_ready).status().await.unwrap().success());
        let (ready, uri) = (agent.path("ready"), agent.path("uri"));
        terminate(&agent.child).await;
        soon(|| (!ready.exists()).then_some(())).await;
        assert_eq!(scene.dsn(&is_ready).status().await.unwrap().code(), Some(1));
        assert!(uri.exists());
        agent.end(&[parts["password"].as_str().unwrap().to_owned()]).await;
    });
}

#[test]
fn files_of_a_role_that_shares_nothing_have_one_credential_if_all_but_one_are_made_of_its_parts() {
    run(async {
        let scene = Scene::shared().await;
        let place = Place::new();
        let config = json!({ "files": [
            { "path": place.path("user"), "role": "orders-request", "template": "{{ user }}" },
            { "path": place.path("uri"), "role": "orders-request" },
            { "path": place.path("password"), "role": "orders-request", "template": "{{ password|urlencode }} {{ ca_file }}" },
            { "path": place.path("other"), "role": "orders-instance" },
            { "path": place.path("another"), "role": "orders-instance", "format": "json" },
        ] });
        let agent = place.start(scene, &config);
        let (uri, user) = (agent.text("uri", "").await, agent.text("user", "").await);
        assert_eq!(scene.psql(&uri, "select current_user").await, user);
        let expected = format!("{} {}.ca.pem", password(&uri), agent.path("password").display());
        assert_eq!(agent.text("password", "").await, expected);
        assert!(agent.path("password.ca.pem").exists());
        let log = agent.said("each with a credential of its own").await;
        assert!(log.contains("the files of orders-instance are 2 different texts"), "{log}");
        assert!(!log.contains("the files of orders-request"), "{log}");
        agent.text("another", "").await;
        agent.end(&[password(&uri)]).await;
    });
}

#[test]
fn a_template_encodes_for_urls_and_does_not_take_what_nobody_knows_for_nothing() {
    run(async {
        let scene = Scene::shared().await;
        let place = Place::new();
        let url = "postgresql://{{ user|urlencode }}:{{ password|urlencode }}@{{ host }}:{{ port }}/{{ dbname|urlencode }}\
                   ?sslmode={{ parameters.sslmode }}&sslrootcert={{ ca_file|urlencode }}";
        std::fs::write(place.path("template"), "{{ password|tojson }}{% if ca_pem %} private{% endif %}")
            .unwrap();
        let config = json!({ "files": [
            { "path": place.path("url"), "role": "orders-pair", "template": url },
            { "path": place.path("from-file"), "role": "orders-pair", "template_file": place.path("template") },
            { "path": place.path("undefined"), "role": "orders-reader", "template": "{{ password }}{{ parameters.pasword }}" },
            { "path": place.path("failing"), "role": "orders-everyone", "template": "{{ password|int }}" },
        ]});
        let agent = place.start(scene, &config);
        let url = agent.text("url", "").await;
        assert_eq!(scene.psql(&url, "select current_user").await, "cli_a", "{url}");
        assert!(url.starts_with("postgresql://cli_a:p%40ss%3Aw%2Fo%25rd%3F%20%231%20%26%3D%2B@"), "{url}");
        let expected = format!("{} private", json!(PASSWORD).to_string().replace('&', "\\u0026"));
        assert_eq!(agent.text("from-file", "").await, expected);
        let log = agent.said("undefined value").await;
        assert!(log.contains("the files of orders-reader: "), "{log}");
        agent.said("the files of orders-everyone: ").await;
        assert!(!agent.path("undefined").exists() && !agent.path("failing").exists());
        agent.end(&[PASSWORD.to_owned()]).await;
    });
}

#[test]
fn files_of_a_role_change_together_and_whole_and_what_uses_them_is_told_once() {
    run(async {
        let scene = Scene::shared().await;
        let place = Place::new();
        let script =
            "date >> \"$1\"; env >> \"$1.env\"; test -e \"$1.again\" || { touch \"$1.again\"; exit 7; }";
        let config = json!({
            "files": [
                { "path": place.path("uri"), "role": "orders-short" },
                { "path": place.path("json"), "role": "orders-short", "format": "json" },
            ],
            "on_change": [
                { "command": ["sh", "-c", script, "sh", place.path("told")], "timeout": "20s" },
                { "signal": "HUP", "pid_file": place.path("pid") },
                { "signal": "SIGUSR1", "process": "dsn-test-server-with-a-long-name" },
                { "command": ["sleep", "1000"], "timeout": "100ms" },
            ],
        });
        let server = "trap 'echo hup >> $0' HUP; trap 'echo usr1 >> $0' USR1; echo started >> $0; while :; do sleep 0.05; done";
        let program = place.path("dsn-test-server-with-a-long-name");
        std::os::unix::fs::symlink("/bin/sh", &program).unwrap();
        let server = Command::new(&program)
            .args(["-c", server])
            .arg(place.path("got"))
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        until(&place.path("got"), |lines| lines == ["started"]).await;
        std::fs::write(place.path("pid"), format!("{}\n", server.id().unwrap())).unwrap();
        let agent = place.start(scene, &config);
        let first = agent.text("uri", "").await;
        let reader = Reader::of(&agent.path("uri"));
        // While it is read without end, who opens a session with what is there always gets in.
        let mut users = BTreeSet::new();
        while users.len() < 3 {
            let uri = std::fs::read_to_string(agent.path("uri")).unwrap();
            let user = scene.psql(&uri, "select current_user").await;
            assert!(user.starts_with("dsn_"), "{uri}");
            users.insert(user);
        }
        let seen = reader.end();
        assert!(seen.len() >= 3 && seen.contains(&first));
        let fits = || {
            let text = |name: &str| std::fs::read_to_string(agent.path(name)).unwrap();
            let parts: Value = serde_json::from_str(&text("json")).unwrap();
            text("uri").contains(parts["user"].as_str().unwrap()).then_some(())
        };
        soon(fits).await;
        let log = agent.said("the command sh: it failed, exit status: 7; it is tried again").await;
        assert!(log.contains("the command sleep: it did not end within 100ms"), "{log}");
        let told = until(&agent.path("told"), |lines| lines.len() >= 3).await;
        let env = std::fs::read_to_string(agent.path("told.env")).unwrap();
        assert!(env.contains("PATH=") && !env.contains("DSN_BROKER_"), "{env}");
        let got = until(&agent.path("got"), |lines| lines.len() >= 5).await;
        let count = |what: &str| got.iter().filter(|line| *line == what).count();
        // Two files have changed each time, and it was told once.
        assert!(
            count("hup") <= users.len() + 1 && count("hup").abs_diff(count("usr1")) <= 1,
            "{got:?} {told:?}"
        );
        let passwords: Vec<_> = seen.iter().map(|uri| password(uri)).collect();
        agent.end(&passwords).await;
    });
}

#[test]
fn files_are_written_once_and_those_that_are_there_are_left_alone() {
    run(async {
        let scene = Scene::shared().await;
        let place = Place::new();
        let config = json!({ "files": [
            { "path": place.path("uri"), "role": "orders-reader" },
            { "path": place.path("other"), "role": "orders-everyone", "format": "keyword" },
        ], "on_change": [{ "command": ["false"] }] });
        let once = async |arguments: &[&str]| {
            place.command(scene, &config, arguments).status().await.unwrap().code()
        };
        assert_eq!(once(&["--once"]).await, Some(0));
        let dsn = std::fs::read_to_string(place.path("other")).unwrap();
        assert!(scene.psql(&dsn, "select current_user").await.starts_with("dsn_"), "{dsn}");
        let before = place.path("uri").metadata().unwrap().ino();
        assert_eq!(once(&["--once", "--for", "5m"]).await, Some(0));
        assert_eq!(place.path("uri").metadata().unwrap().ino(), before);
        let (way, url) = scene.way().await;
        way.close();
        let mut away = place.command(scene, &config, &["--once", "--for", "1500ms"]);
        assert_eq!(away.env("DSN_BROKER_URL", url).status().await.unwrap().code(), Some(1));
        let log = std::fs::read_to_string(place.path("log")).unwrap();
        assert!(log.contains("the files of orders-reader: the broker does not answer"), "{log}");
        assert!(log.contains("not all files could be written within 1.5s"), "{log}");
        assert!(!log.contains(&password(&std::fs::read_to_string(place.path("uri")).unwrap())));
    });
}

#[test]
fn a_broker_that_is_away_at_the_start_and_a_proof_that_is_not_there_yet_are_waited_for() {
    run(async {
        let scene = Scene::shared().await;
        let (place, port) = (Place::new(), Port::claim().unwrap());
        let (way, url) = scene.way().await;
        way.close();
        let listen = format!("127.0.0.1:{}", port.number());
        let config = json!({
            "broker": { "url": url, "token_file": place.path("token") },
            "ready": { "listen": listen, "file": place.path("ready") },
            "files": [{ "path": place.path("uri"), "role": "orders-reader" }],
        });
        // One that was killed has left it.
        std::fs::write(place.path("ready"), "").unwrap();
        let agent = place.start(scene, &config);
        agent.said("the proof of identity cannot be had").await;
        assert!(!agent.path("ready").exists());
        std::fs::write(agent.path("token"), scene.token()).unwrap();
        agent.said("the broker does not answer").await;
        let said = http(port.number(), "/readyz").await;
        assert!(
            said.starts_with("HTTP/1.1 503") && said.contains("orders-reader: its files are not there yet: "),
            "{said}"
        );
        assert!(http(port.number(), "/healthz").await.starts_with("HTTP/1.1 200"));
        way.mend();
        let uri = agent.text("uri", "").await;
        soon(|| agent.path("ready").exists().then_some(())).await;
        agent.end(&[password(&uri), scene.token()]).await;
    });
}

#[test]
fn a_dsn_that_ends_without_a_successor_is_told_and_its_file_stays() {
    run(async {
        let scene = Scene::shared().await;
        let (place, port) = (Place::new(), Port::claim().unwrap());
        let (way, url) = scene.way().await;
        let config = json!({
            "broker": { "url": url },
            "ready": { "file": place.path("ready"), "listen": format!("127.0.0.1:{}", port.number()) },
            "files": [
                { "path": place.path("uri"), "role": "orders-short" },
                { "path": place.path("long"), "role": "orders-reader" },
            ],
        });
        let agent = place.start(scene, &config);
        let first = agent.text("uri", "").await;
        soon(|| agent.path("ready").exists().then_some(())).await;
        way.close();
        agent.said("the files of orders-short: there is no successor yet of their DSN").await;
        assert!(agent.path("ready").exists(), "what is there is good for a while");
        soon(|| (!agent.path("ready").exists()).then_some(())).await;
        let said = http(port.number(), "/readyz").await;
        assert!(said.starts_with("HTTP/1.1 503"), "{said}");
        assert!(said.contains("orders-short: the DSN in its files ended at 20"), "{said}");
        assert!(!said.contains("orders-reader"), "{said}");
        let last = agent.text("uri", "").await;
        way.mend();
        agent.text("uri", &last).await;
        soon(|| agent.path("ready").exists().then_some(())).await;
        assert!(http(port.number(), "/readyz").await.starts_with("HTTP/1.1 200"));
        agent.end(&[password(&first), password(&last)]).await;
    });
}

#[test]
fn a_broker_that_is_started_again_and_another_ca_are_found() {
    run(async {
        let scene = Scene::shared().await;
        let (place, port) = (Place::new(), Port::claim().unwrap());
        let mut configuration = scene.other(port.number());
        let mut broker = Scene::broker(&configuration).await;
        let config = json!({
            "broker": { "url": format!("https://localhost:{}", port.number()) },
            "files": [{ "path": place.path("uri"), "role": "orders-short" }],
            "on_change": [{ "command": ["sh", "-c", "cat \"$0\" >> \"$1\"", place.path("uri.ca.pem"), place.path("seen")] }],
        });
        let agent = place.start(scene, &config);
        let first = agent.text("uri", "").await;
        broker.kill().await.unwrap();
        let other = devstack::Ca::generate().unwrap();
        let both = format!("{}{}", scene.ca_pem(), other.pem());
        std::fs::write(configuration.folder().join("both.pem"), &both).unwrap();
        let file = configuration.folder().join("both.pem");
        configuration.merge(&json!({ "databases": { "orders": { "tls": { "ca": { "file": file } } } } }));
        configuration.write().unwrap();
        let _broker = Scene::broker(&configuration).await;
        let second = agent.text("uri", &first).await;
        assert_eq!(std::fs::read_to_string(agent.path("uri.ca.pem")).unwrap(), both, "it is there before");
        assert!(scene.psql(&second, "select current_user").await.starts_with("dsn_"), "{second}");
        soon(|| {
            std::fs::read_to_string(agent.path("seen")).ok().filter(|seen| seen.contains(other.pem().trim()))
        })
        .await;
        agent.end(&[password(&first), password(&second)]).await;
    });
}

#[test]
fn what_is_wrong_with_a_configuration_is_said_at_once_with_what_to_do() {
    run(async {
        let scene = Scene::shared().await;
        let place = Place::new();
        let said = async |config: &Value, arguments: &[&str]| {
            let file = place.configure(config);
            let mut command = scene.dsn(&["run-agent", "--config", &file]);
            let output = command.args(arguments).output().await.unwrap();
            (output.status.code(), String::from_utf8(output.stderr).unwrap())
        };
        let wrong = json!({
            "ready": { "file": "ready" },
            "broker": { "ca_file": "/a", "ca_pem": "b" },
            "files": [
                { "path": "/run/a", "role": "r", "mode": "0888", "owner": "me" },
                { "path": "/run/a", "role": "r", "template": "{{ pasword }}" },
                { "path": "/run/b", "role": "r", "template": "{% if %}", "ca_file": "/run/b" },
                { "path": "/run/c", "role": "r", "template_file": "/nowhere" },
                { "path": "/run/d", "role": "other", "ca_file": "/run/c.ca.pem" },
            ],
            "on_change": [{ "command": [] }, { "signal": "KILL", "process": "x" }, { "signal": "HUP" }, { "command": ["x"], "timeout": "5" }],
        });
        let (code, words) = said(&wrong, &["--check"]).await;
        for expected in [
            "ready.file: `ready` is no absolute path",
            "broker: give `ca_file` or `ca_pem`, not both",
            "files[0].mode: `0888` is no mode",
            "files[0].owner: `me` is no owner",
            "files[1].path: /run/a is that of files[0].path, too",
            "files[1].template: the variable `pasword` is not known; there are dsn, host",
            "files[2].template: line 1: syntax error",
            "files[2].ca_file: /run/b is that of files[2].path, too",
            "/nowhere cannot be read",
            "files[4].ca_file: /run/c.ca.pem is that of files[3].ca_file, too",
            "on_change[0].command: there is no program",
            "on_change[1].signal: `KILL` is no signal: use one of HUP",
            "on_change[2]: say who gets the signal",
            "on_change[3].timeout: `5` is no duration",
        ] {
            assert!(words.contains(expected), "{expected}: {words}");
        }
        assert_eq!(code, Some(2));
        let good = json!({ "files": [{ "path": place.path("uri"), "role": "orders-reader", "mode": 640 }] });
        assert_eq!(said(&good, &["--check"]).await, (Some(0), String::new()));
        assert!(!place.path("uri").exists());
        for (config, arguments, words) in [
            (
                json!({ "files": [{ "path": "/a", "rol": "b" }] }),
                &[][..],
                "agent.yaml:1:24: the key `rol` is not known here; did you mean `role`?",
            ),
            (json!({ "files": [{ "path": "/a" }] }), &[], "the key `role` is missing"),
            (json!({ "files": [] }), &[], "there is nothing to write"),
            (
                json!({ "files": [{ "path": "/a", "role": "b" }], "broker": { "url": "http://example.com" } }),
                &[],
                "must begin with https",
            ),
            (good.clone(), &["--is-ready"], "has no `ready.file`"),
            (good.clone(), &["--for", "5m"], "--once"),
        ] {
            let (code, all) = said(&config, arguments).await;
            assert!(all.contains(words), "{words}: {all}");
            assert_eq!(code, Some(2), "{all}");
        }
        let none = scene.dsn(&["run-agent"]).output().await.unwrap();
        assert!(String::from_utf8(none.stderr).unwrap().contains("no configuration: give --config FILE"));
        let config = good.to_string();
        assert!(
            scene
                .dsn(&["run-agent", "--once"])
                .env("DSN_AGENT_CONFIG", &config)
                .status()
                .await
                .unwrap()
                .success()
        );
        assert_eq!(mode(&place.path("uri")), 0o640);
    });
}

#[test]
fn a_signal_ends_what_waits_and_others_do_nothing() {
    run(async {
        let scene = Scene::shared().await;
        let (way, url) = scene.way().await;
        way.cut();
        for (arguments, code) in [(&[][..], 0), (&["--once"], 143)] {
            let place = Place::new();
            let config = json!({ "broker": { "url": url }, "files": [{ "path": place.path("uri"), "role": "orders-reader" }] });
            let mut command = place.command(scene, &config, arguments);
            let child = command.stdout(Stdio::null()).spawn().unwrap();
            // It is waiting for signals when it asks.
            let asking = format!("/proc/{}/net/tcp", child.id().unwrap());
            let port = format!(":{:04X} 01", way.port());
            soon(|| std::fs::read_to_string(&asking).ok().filter(|all| all.contains(&port))).await;
            if code == 0 {
                kill(&child, "HUP").await;
            }
            terminate(&child).await;
            assert_eq!(status(child).await.code(), Some(code));
        }
    });
}

#[test]
fn the_command_installs_itself() {
    run(async {
        let scene = Scene::shared().await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dsn");
        std::fs::write(&path, "old").unwrap();
        scene.succeeds(&["install", path.to_str().unwrap()]).await;
        assert_eq!(mode(&path), 0o755);
        let said = Command::new(&path).arg("--version").output().await.unwrap();
        assert!(String::from_utf8(said.stdout).unwrap().starts_with("dsn "));
        let refused = scene.dsn(&["install", "/nowhere/dsn"]).output().await.unwrap();
        let refused = (refused.status.code(), String::from_utf8(refused.stderr).unwrap());
        assert_eq!(refused.0, Some(1));
        assert!(refused.1.contains("/nowhere/dsn cannot be written"), "{}", refused.1);
    });
}

/// Reads a file again and again, and never finds a half one.
struct Reader {
    is_over: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<BTreeSet<String>>,
}

impl Reader {
    fn of(file: &Path) -> Self {
        let (is_over, file) = (Arc::new(AtomicBool::new(false)), file.to_owned());
        let told = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            let mut seen = BTreeSet::new();
            while !told.load(Ordering::Relaxed) {
                let text = std::fs::read_to_string(&file).expect("it is always there");
                assert!(text.starts_with("postgresql://") && text.contains("application_name="), "{text}");
                seen.insert(text);
            }
            seen
        });
        Self { is_over, thread }
    }

    fn end(self) -> BTreeSet<String> {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// The password of a URL, as it stands there.
fn password(uri: &str) -> String {
    let (who, _) = uri.split_once('@').unwrap();
    who.rsplit_once(':').unwrap().1.to_owned()
}

/// What is answered at a port of this machine.
async fn http(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
