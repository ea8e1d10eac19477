//! `dsn-broker api-key`

use serde_json::json;

use super::program::{dsn_broker, settings};
use crate::stand::{Answer, Process, run};

#[test]
fn a_new_key_proves_its_subject_with_the_lines_that_were_printed_for_the_configuration() {
    run(async {
        let made = dsn_broker(&["api-key", "new", "nightly: \"report\""]).await;
        assert_eq!(made.code, Some(0), "{made:?}");
        let key = made.stdout.trim_end();
        assert!(key.starts_with("dsnk_") && !made.stderr.contains(key), "{made:?}");

        let lines: String =
            made.stderr.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n");
        let keys: serde_json::Value = serde_saphyr::from_str(&lines).unwrap();
        let mut settings = settings().await;
        settings.config["issuers"]["scripts"] = json!({ "kind": "api_key", "keys": keys });
        let served = Process::ready(settings).await;
        let whoami =
            |key: &str| served.client.clone().get(format!("{}/v1/whoami", served.url)).bearer_auth(key);
        let answer = Answer::of(whoami(key)).await.ok();
        assert_eq!(answer["issuer"], "scripts");
        assert_eq!(answer["subject"], "nightly: \"report\"");

        let other = dsn_broker(&["api-key", "new", "other"]).await.stdout;
        assert_ne!(other.trim_end(), key);
        assert_eq!(Answer::of(whoami(other.trim_end())).await.problem(), "unauthenticated");
    });
}
