//! `values.schema.json`: the broker's own schema for `config`, and for all else what `values.yaml` shows.
//!
//! `make generate` writes it anew.

use serde_json::{Map, Value, json};

use super::tools::render;
use super::values::{Row, defaults, rows};
use super::{chart, values_file};
use crate::cli::program::dsn_broker;
use crate::stand::run;

#[test]
fn it_is_the_brokers_and_the_values_own() {
    run(async {
        let broker: Value = serde_json::from_str(&dsn_broker(&["schema"]).await.stdout).unwrap();
        let schema = format!("{:#}\n", schema(broker));
        let file = chart().join("values.schema.json");
        if std::env::var_os("WRITE_GOLDEN").is_some() {
            std::fs::write(file, schema).unwrap();
        } else {
            let committed = std::fs::read_to_string(file).unwrap_or_default();
            assert!(schema == committed, "helm/dsn-broker/values.schema.json is stale: run `make generate`");
        }
    });
}

#[test]
fn wrong_values_are_refused_with_what_is_wrong() {
    run(async {
        let minimal = std::fs::read_to_string(values_file("minimal")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let values = folder.path().join("values.yaml");
        for (from, to, said) in [
            ("tls:", "tsl: {}\ntls:", ["at ''", "'tsl' not allowed"]),
            ("tls:", "broker: { replicas: two }\ntls:", ["at '/broker/replicas'", "want integer"]),
            ("tls:", "broker: { image: { digest: latest } }\ntls:", ["at '/broker/image/digest'", "pattern"]),
            ("tls:", "injector: { webhook: { timeoutSeconds: 60 } }\ntls:", ["timeoutSeconds'", "maximum"]),
            (
                "tls:",
                "injector: { webhook: { failurePolicy: Open } }\ntls:",
                ["failurePolicy'", "'Fail', 'Ignore'"],
            ),
            ("secrets/seal-k1", "/secrets/seal-k1", ["at '/secrets/dsn-broker/seal-k1'", "pattern"]),
            (
                "ledger-url: secrets",
                "ledger-url: ../secrets",
                ["at '/secrets/dsn-broker/ledger-url'", "pattern"],
            ),
            ("      ttl: 15m", "      ttl: soon", ["at '/config/roles/orders-reader/ttl'", "pattern"]),
            ("      ttl: 15m", "      tll: 15m", ["at '/config/roles/orders-reader'", "'tll' not allowed"]),
            ("  seal:", "  seals:", ["at '/config'", "'seals' not allowed"]),
            (
                "{ file: secrets/ledger-url }",
                "postgres://a:hunter2@h/l",
                ["at '/config/ledger/url'", "want object"],
            ),
        ] {
            assert!(minimal.contains(from), "{from}");
            std::fs::write(&values, minimal.replacen(from, to, 1)).unwrap();
            let Some(rendered) = render(&values).await else { return };
            assert!(!rendered.ok, "{to} is let through");
            for said in said {
                assert!(rendered.stderr.contains(said), "{to}: {said} is not in\n{}", rendered.stderr);
            }
        }
        std::fs::write(&values, "{}").unwrap();
        let Some(rendered) = render(&values).await else { return };
        assert!(rendered.stderr.contains("at '/config'"), "{}", rendered.stderr);
        assert!(
            rendered.stderr.contains("missing properties 'ledger', 'cache', 'seal'"),
            "{}",
            rendered.stderr
        );
    });
}

fn schema(mut broker: Value) -> Value {
    // Its definitions become the whole's, so that what refers to them goes on to find them.
    let mut definitions = broker["$defs"].take();
    broker.as_object_mut().unwrap().retain(|key, _| !matches!(key.as_str(), "$schema" | "$defs"));
    definitions["Configuration"] = broker;
    let mut schema = property("", &defaults(), &rows());
    // The configuration is the broker's to say, in full where there is to be one.
    schema["properties"]["config"] = json!({ "type": "object" });
    schema["properties"]["global"] =
        json!({ "description": "What a chart above this one has for all.", "type": "object" });
    let around = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The values of the chart dsn-broker",
        "if": { "properties": { "broker": { "properties": { "enabled": { "const": true } } } } },
        "then": { "properties": { "config": { "$ref": "#/$defs/Configuration" } } },
        "$defs": definitions,
    });
    let mut whole: Map<String, Value> = schema.as_object().unwrap().clone();
    whole.extend(around.as_object().unwrap().clone());
    Value::Object(whole)
}

/// What a value may be that has this default, unless it is said below.
fn property(path: &str, default: &Value, rows: &[Row]) -> Value {
    let mut schema = Map::new();
    if let Some(row) = rows.iter().find(|row| row.path == path && !row.about.is_empty()) {
        schema.insert("description".into(), row.about.clone().into());
    }
    let type_of = match default {
        Value::Object(_) => "object",
        Value::Array(_) => "array",
        Value::String(_) => "string",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::Null => panic!("{path} has no default"),
    };
    schema.insert("type".into(), type_of.into());
    if default.is_number() {
        schema.insert("minimum".into(), 0.into());
    }
    if let Some(entries) = default.as_object().filter(|entries| !entries.is_empty()) {
        let below = entries.iter().map(|(key, default)| {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            (key.clone(), property(&path, default, rows))
        });
        schema.insert("properties".into(), below.collect::<Map<_, _>>().into());
        schema.insert("additionalProperties".into(), false.into());
    }
    if let Some((_, more)) = special().into_iter().find(|(at, _)| at.split(' ').any(|at| at == path)) {
        schema.extend(more.as_object().unwrap().clone());
    }
    Value::Object(schema)
}

/// What the default alone does not show.
fn special() -> Vec<(&'static str, Value)> {
    let files = json!({
        "additionalProperties": {
            "type": "object", "minProperties": 1,
            // A path within the folder of the configuration.
            "additionalProperties": { "type": "string", "pattern": r"^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$" },
        }
    });
    let texts = json!({ "additionalProperties": { "type": "string" } });
    let duration = json!({ "pattern": "^([0-9]+(h|m|s))+$" });
    let a_number_or_part = json!({ "type": ["integer", "string"], "pattern": "^[0-9]+%$" });
    vec![
        ("secrets configMaps", files),
        ("environment", json!({ "items": { "type": "object", "required": ["name"] } })),
        ("tls.certManager.duration tls.certManager.renewBefore monitoring.serviceMonitor.interval", duration),
        (
            "broker.image.pullPolicy injector.image.pullPolicy",
            json!({ "enum": ["Always", "IfNotPresent", "Never"] }),
        ),
        ("broker.image.digest injector.image.digest", json!({ "pattern": "^(sha256:[0-9a-f]{64})?$" })),
        ("broker.image.repository injector.image.repository", json!({ "minLength": 1 })),
        ("broker.service.type", json!({ "enum": ["ClusterIP", "NodePort", "LoadBalancer"] })),
        ("broker.service.port", json!({ "minimum": 1, "maximum": 65535 })),
        (
            "broker.podDisruptionBudget.maxUnavailable injector.podDisruptionBudget.maxUnavailable",
            a_number_or_part,
        ),
        // Those of containers are Kubernetes' to say.
        (
            "broker.resources injector.resources migrate.resources",
            json!({ "properties": {}, "additionalProperties": true }),
        ),
        ("injector.webhook.failurePolicy", json!({ "enum": ["Fail", "Ignore"] })),
        ("injector.webhook.timeoutSeconds", json!({ "minimum": 1, "maximum": 30 })),
        (
            "injector.webhook.exemptNamespaces monitoring.rules.without \
             tls.certManager.dnsNames broker.service.loadBalancerSourceRanges",
            json!({ "items": { "type": "string" } }),
        ),
        ("injector.brokerUrl", json!({ "pattern": "^(https://.+)?$" })),
        (
            "commonLabels broker.podLabels broker.podAnnotations injector.podLabels injector.podAnnotations \
             broker.nodeSelector injector.nodeSelector broker.service.annotations broker.serviceAccount.annotations \
             injector.webhook.annotations monitoring.serviceMonitor.labels monitoring.rules.labels \
             monitoring.rules.alertLabels monitoring.dashboard.annotations",
            texts,
        ),
        (
            "monitoring.dashboard.labels",
            json!({ "properties": {}, "additionalProperties": { "type": "string" } }),
        ),
    ]
}
