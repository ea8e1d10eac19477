//! What the pages tell people to type is typed, as it is written there.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::json;
use tokio::process::Command;

use crate::scene::{Scene, broker, run};

fn page(path: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read_to_string(page).unwrap()
}

/// The lines of a shell in a part of the README.
fn indented(page: &str, heading: &str) -> String {
    let (_, part) = page.split_once(&format!("\n{heading}\n")).unwrap();
    let part = part.split("\n#").next().unwrap();
    part.lines().filter_map(|line| line.strip_prefix("    ")).collect::<Vec<_>>().join("\n")
}

/// The blocks of a shell on a page, without the line that says what stands where at the reader's.
fn blocks(page: &str, given: &str) -> Vec<String> {
    let blocks: Vec<_> =
        page.split("\n```sh\n").skip(1).map(|part| part.split("\n```").next().unwrap()).collect();
    assert!(blocks.first().unwrap().starts_with(given), "{blocks:?}");
    let own =
        |block: &&str| block.lines().filter(|line| !line.starts_with(given)).collect::<Vec<_>>().join("\n");
    blocks.iter().map(own).collect()
}

/// Types it, with this in the environment.
async fn typed(text: &str, environment: &[(&str, &str)]) -> Output {
    let binaries = Path::new(env!("CARGO_BIN_EXE_dsn")).parent().unwrap();
    let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap());
    Command::new("bash")
        .args(["-euo", "pipefail", "-c", text])
        .env_clear()
        .env("PATH", path)
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap()
}

/// What it prints, when all goes well.
async fn succeeds(text: &str, environment: &[(&str, &str)]) -> String {
    let output = typed(text, environment).await;
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{text}\n{said}\n{errors}");
    said.into_owned()
}

#[test]
fn the_readme_by_hand() {
    run(async {
        let started = Scene::start(async |_, configuration| {
            configuration.merge(&json!({
                "bindings": [{ "workloads": { "issuer": "cluster", "subject": "orders-app" }, "roles": ["orders-reader"] }],
                "operators": [{
                    "workloads": { "issuer": "cluster", "subject": "oncall" },
                    "may": ["leases", "revoke", "audit"],
                }],
            }));
        });
        let scene = tokio::spawn(started).await.unwrap();
        let mint = scene.world().summary().oidc_mint_url;
        let environment = [("CA", scene.ca_path()), ("BROKER", scene.broker_url()), ("MINT", &mint)];
        let said = succeeds(&indented(&page("README.md"), "### By hand"), &environment).await;
        for words in [
            "\"subject\": \"orders-app\"",
            "sslmode=verify-full",
            "\"state\": \"revoked\"",
            "{\"revoked\":1}",
            "lease.delivered",
        ] {
            assert!(said.contains(words), "{words}: {said}");
        }
    });
}

#[test]
fn cron_with_a_key_by_curl_and_by_dsn() {
    run(async {
        let made = Command::new(broker()).args(["api-key", "new", "nightly-report"]).output().await.unwrap();
        let key = String::from_utf8(made.stdout).unwrap().trim().to_owned();
        let lines = String::from_utf8(made.stderr).unwrap();
        let sha256 = lines.split("sha256: ").nth(1).unwrap().trim().to_owned();
        let started = Scene::start(async move |_, configuration| {
            configuration.merge(&json!({
                "issuers": { "scripts": { "kind": "api_key", "keys": { "nightly-report": { "sha256": sha256 } } } },
                "bindings": [{
                    "workloads": { "issuer": "scripts", "subject": "nightly-report" },
                    "roles": ["orders-reader"],
                }],
            }));
        });
        let scene = tokio::spawn(started).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, &key).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        let home = folder.path().to_str().unwrap();
        let environment = [
            ("KEY_FILE", file.to_str().unwrap()),
            ("CA", scene.ca_path()),
            ("BROKER", scene.broker_url()),
            ("HOME", home),
        ];
        let blocks = blocks(&page("sdk-rust/guides/cron.md"), "KEY_FILE=");
        assert_eq!(blocks.len(), 2);
        for block in blocks {
            assert_eq!(succeeds(&block, &environment).await.trim(), "3", "the orders");
        }
    });
}

#[test]
fn a_program_that_reads_its_environment() {
    run(async {
        let scene = Scene::shared().await;
        let folder = tempfile::tempdir().unwrap();
        let token = folder.path().join("token");
        let claims = devstack::Claims::of("app-exec");
        std::fs::write(&token, scene.world().oidc().mint(&claims).unwrap()).unwrap();
        let environment = [
            ("DSN_BROKER_URL", scene.broker_url()),
            ("DSN_BROKER_CA", scene.ca_path()),
            ("DSN_BROKER_TOKEN_FILE", token.to_str().unwrap()),
        ];
        let blocks = blocks(&page("sdk-rust/guides/exec.md"), "export DSN_BROKER_URL=");
        assert_eq!(succeeds(blocks.first().unwrap(), &environment).await.trim(), "3", "the orders");
    });
}

#[test]
fn the_formats_that_the_guides_name_are_there() {
    run(async {
        let help = Command::new(broker()).arg("formats").output().await.unwrap();
        let known = String::from_utf8(help.stdout).unwrap();
        let guides = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guides");
        let mut named = 0;
        for guide in std::fs::read_dir(guides).unwrap() {
            let guide = guide.unwrap().path();
            let text = std::fs::read_to_string(&guide).unwrap();
            for part in ["--format ", "format=", "format: "].iter().flat_map(|word| text.split(word).skip(1))
            {
                let name: String = part
                    .chars()
                    .take_while(|it| it.is_ascii_lowercase() || matches!(it, '-' | '0'..='9'))
                    .collect();
                assert!(known.contains(&format!("\n### {name}\n")), "{}: {name}", guide.display());
                named += 1;
            }
        }
        assert!(named > 10, "{named}");
    });
}
