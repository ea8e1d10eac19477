//! The credentials that sign, wherever they come from: fetched once, replaced in time, used until they end.

use std::sync::atomic::{AtomicU32, Ordering};

use devstack::{Given, KeyGiver};

use super::*;
use crate::stand::{run, until};

/// A scene whose credentials are given out, and who gives them out.
async fn scene(configure: impl Fn(&Settings, &KeyGiver) -> Value) -> (Open, KeyGiver) {
    let mut scene = Scene::new(|_, _| Value::Null).await;
    let giver = KeyGiver::start(world().await.ca(), &scene.aws, &[READER]).await.unwrap();
    record::secret(giver.web_token());
    scene.settings.config["databases"]["app"]["rds"]["credentials"] = configure(&scene.settings, &giver);
    (scene.open().await, giver)
}

fn web_identity(settings: &Settings, giver: &KeyGiver) -> Value {
    json!({ "web_identity": {
        "role_arn": "arn:aws:iam::123456789012:role/dsn-broker",
        "token_file": settings.secret("web-token", giver.web_token())["file"],
        "sts_url": giver.sts_url(),
        "ca": { "file": settings.ca_path },
    } })
}

fn instance_role(_: &Settings, giver: &KeyGiver) -> Value {
    json!({ "instance_role": { "url": giver.imds_url() } })
}

/// The name of a workload that has no token yet.
fn newcomer() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("app-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// The identifier of the key that signed.
fn key_of(dsn: &Value) -> String {
    let token = dsn["parameters"]["password"].as_str().unwrap();
    let credential = token.split("X-Amz-Credential=").nth(1).unwrap();
    credential.split('%').next().unwrap().to_owned()
}

async fn used_until_they_end(configure: impl Fn(&Settings, &KeyGiver) -> Value) {
    let (open, giver) = scene(configure).await;
    let first = open.dsn(&newcomer()).await;
    assert_eq!(query(&first, "select 1").await.stdout, "1");
    let last = giver.last().unwrap();
    record::secret(&last.secret_access_key);
    assert_eq!(key_of(&first), last.access_key_id);
    for _ in 0..3 {
        open.dsn(&newcomer()).await;
    }
    assert_eq!(giver.requests(), 1);

    // Time for others, and there are none, in whichever way.
    open.pass(41);
    for given in [Given::Failing, Given::Denied, Given::Garbage, Given::Hanging] {
        let before = giver.requests();
        giver.set(given);
        let dsn = open.dsn(&newcomer()).await;
        assert_eq!(key_of(&dsn), key_of(&first), "{given:?}");
        assert_eq!(query(&dsn, "select 1").await.stdout, "1", "{given:?}");
        until(async || giver.requests() > before).await;
        open.pass(1);
    }
    // The one that hangs gets its answer, and with it all that come later.
    giver.set(Given::Lasting(3600));
    open.stand
        .until(|| async {
            let key = key_of(&open.dsn(&newcomer()).await);
            if key == key_of(&first) { Err(key) } else { Ok(()) }
        })
        .await;
    assert_eq!(query(&open.dsn(&newcomer()).await, "select 1").await.stdout, "1");
    assert_eq!(open.rds.reasons(), Vec::<String>::new());
    open.close().await;
}

#[test]
fn those_of_a_web_identity_are_used_until_they_end() {
    run(used_until_they_end(web_identity));
}

#[test]
fn those_of_an_instance_role_are_used_until_they_end() {
    run(used_until_they_end(instance_role));
}

#[test]
fn many_that_need_them_at_once_fetch_them_once() {
    run(async {
        let (open, giver) = scene(web_identity).await;
        giver.set(Given::Hanging);
        let all = async {
            let asked = (0..20).map(|_| async { open.dsn(&newcomer()).await });
            futures_util::future::join_all(asked).await
        };
        let release = async {
            until(async || giver.requests() == 1).await;
            giver.set(Given::Lasting(3600));
        };
        let (all, ()) = tokio::join!(all, release);
        assert_eq!(giver.requests(), 1);
        let keys: std::collections::BTreeSet<_> = all.iter().map(key_of).collect();
        assert_eq!(keys.len(), 1);
        open.close().await;
    });
}

#[test]
fn without_them_there_are_no_tokens_until_they_come() {
    run(async {
        for configure in [web_identity as fn(&Settings, &KeyGiver) -> Value, instance_role] {
            let (open, giver) = scene(configure).await;
            let operator = open.stand.caller("operator");
            for (given, said) in [
                (Given::Denied, ["AccessDenied", "AssumeRoleUnauthorizedAccess"]),
                (Given::Failing, ["answers with status 500"; 2]),
                (Given::Lasting(-60), ["are the clocks right?"; 2]),
                (Given::Garbage, ["without credentials", "something else"]),
            ] {
                giver.set(given);
                let caller = open.stand.caller(&newcomer());
                let answer = caller.get(&caller.dsn_path("app-reader")).await;
                assert!(matches!(answer.status.as_u16(), 502 | 503), "{given:?}: {}", answer.text);
                open.pass(1);
                let error = operator.get("/v1/databases/app").await.ok()["error"].to_string();
                assert!(said.iter().any(|said| error.contains(said)), "{given:?}: {error}");
                assert!(!error.contains(giver.web_token()), "{error}");
                open.pass(1);
            }
            giver.set(Given::Lasting(3600));
            assert_eq!(query(&open.dsn(&newcomer()).await, "select 1").await.stdout, "1");
            open.close().await;
        }
    });
}

#[test]
fn an_admin_with_a_password_goes_on_without_them() {
    run(async {
        let mut scene = Scene::new(|_, _| Value::Null).await;
        let giver = KeyGiver::start(world().await.ca(), &scene.aws, &[READER]).await.unwrap();
        let password = scene.settings.secret("rds-admin", ADMIN_PASSWORD);
        let app = &mut scene.settings.config["databases"]["app"];
        app["rds"]["credentials"] = json!({ "instance_role": { "url": giver.imds_url() } });
        app["admin"] = json!({ "username": "broker_admin", "password": password });
        let open = scene.open().await;
        giver.set(Given::Denied);
        let answer = open.stand.caller("operator").get("/v1/databases/app").await.ok();
        let version = answer["server"]["version"].as_str().unwrap();
        assert!(version.starts_with("PostgreSQL ") && version.contains("; no AWS credentials: "), "{answer}");
        let mistake = answer["roles"]["app-reader"]["mistakes"][0].as_str().unwrap();
        assert!(mistake.contains("AssumeRoleUnauthorizedAccess"), "{answer}");
        open.close().await;
    });
}

#[test]
fn a_token_ends_with_the_credentials_that_signed_it() {
    run(async {
        let (open, giver) = scene(instance_role).await;
        giver.set(Given::Lasting(600));
        let dsn = open.dsn(&newcomer()).await;
        let moment = |name: &str| dsn[name].as_str().unwrap().parse::<dsn_broker::time::Timestamp>().unwrap();
        let life = (moment("expires_at") - moment("issued_at")).num_seconds();
        assert!((590..=600).contains(&life), "{life} s");
        open.pass(9);
        assert_eq!(query(&dsn, "select 1").await.stdout, "1");
        open.pass(2);
        refused(&query(&dsn, "select 1").await);
        assert_eq!(open.rds.reasons(), ["its key has expired"]);
        open.close().await;
    });
}

#[test]
fn a_credentials_file_is_read_again_when_it_changes() {
    run(async {
        let mut scene = Scene::new(|_, _| Value::Null).await;
        let [one, other] = [scene.aws.key(&[READER]).unwrap(), scene.aws.key(&[READER]).unwrap()];
        let text = |key: &AwsKey| {
            let AwsKey { access_key_id, secret_access_key, .. } = key;
            format!(
                "[default]\naws_access_key_id = x\n\n[prod]\naws_access_key_id = {access_key_id}\n\
                     aws_secret_access_key = {secret_access_key}\n"
            )
        };
        let write = |settings: &Settings, text: &str| settings.secret("aws", text)["file"].clone();
        let path = write(&scene.settings, &text(&one));
        scene.settings.config["databases"]["app"]["rds"]["credentials"] =
            json!({ "file": { "path": path, "profile": "prod" } });
        let open = scene.open().await;
        assert_eq!(key_of(&open.dsn(&newcomer()).await), one.access_key_id);

        write(&open.stand.settings, &format!("# new\n{}", text(&other)));
        let dsn = open.dsn(&newcomer()).await;
        assert_eq!(key_of(&dsn), other.access_key_id);
        assert_eq!(query(&dsn, "select 1").await.stdout, "1");

        write(&open.stand.settings, "[default]\n");
        let error = open.stand.caller("operator").get("/v1/databases/app").await.ok()["error"].to_string();
        assert!(error.contains("has no profile [prod]"), "{error}");
        open.close().await;
    });
}
