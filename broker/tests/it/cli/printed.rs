//! What the program prints for others to use.

use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::program::dsn_broker;
use crate::stand::{repository, run};

#[test]
fn openapi_prints_the_document_of_record() {
    run(async {
        let printed = dsn_broker(&["openapi"]).await;
        let committed = std::fs::read_to_string(repository().join("openapi/openapi.json")).unwrap();
        assert!(printed.stdout == committed, "openapi/openapi.json is stale: run `make generate`");
    });
}

#[test]
fn formats_prints_the_page_of_record() {
    run(async {
        let printed = dsn_broker(&["formats"]).await;
        let committed = std::fs::read_to_string(repository().join("broker/connect.md")).unwrap();
        assert!(printed.stdout == committed, "broker/connect.md is stale: run `make generate`");
    });
}

/// The judge is Python's `jsonschema`.
const JUDGE: &str = "
import json, sys
from jsonschema import Draft202012Validator as Schema
schema, right, wrong = json.load(sys.stdin)
Schema.check_schema(schema)
for error in Schema(schema).iter_errors(right):
    print('refused', error.json_path, error.message)
for each in wrong:
    if Schema(schema).is_valid(each):
        print('accepted', each)
";

#[test]
fn schema_prints_a_json_schema_that_accepts_the_example_and_no_unknown_key() {
    run(async {
        let schema: serde_json::Value = serde_json::from_str(&dsn_broker(&["schema"]).await.stdout).unwrap();
        let example = std::fs::read_to_string(repository().join("broker/config.example.yaml")).unwrap();
        let example: serde_json::Value = serde_saphyr::from_str(&example).unwrap();
        let mut unknown = example.clone();
        unknown["server"]["lisen"] = "0.0.0.0:1".into();
        let mut missing = example.clone();
        missing.as_object_mut().unwrap().remove("ledger");
        let mut inline = example.clone();
        inline["ledger"]["url"] = "postgres://broker:hunter2@localhost/ledger".into();

        let mut judge = Command::new("/usr/bin/python3")
            .args(["-c", JUDGE])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let given = serde_json::json!([schema, example, [unknown, missing, inline]]).to_string();
        judge.stdin.take().unwrap().write_all(given.as_bytes()).await.unwrap();
        let judged = judge.wait_with_output().await.unwrap();
        let (said, failed) =
            (String::from_utf8_lossy(&judged.stdout), String::from_utf8_lossy(&judged.stderr));
        assert!(judged.status.success() && said.is_empty(), "{said}{failed}");
    });
}
