//! Every object is what Kubernetes, Prometheus and cert-manager take, and what a careful administrator would let in.

use serde_json::{Value, json};

use super::tools::{inspect, render};
use super::{objects, of_kind, reviewed, sets, values_file};
use crate::stand::{repository, run};

#[test]
fn every_object_is_strictly_of_its_type() {
    run(async {
        for set in sets() {
            let Some(inspected) = inspect(&["objects"], &reviewed(&set)).await else { return };
            assert!(inspected.ok, "{set}: {}{}", inspected.stdout, inspected.stderr);
        }
        let misspelt = reviewed("minimal").replace("maxUnavailable: 0", "maxUnavailabel: 0");
        let Some(inspected) = inspect(&["objects"], &misspelt).await else { return };
        assert!(!inspected.ok && inspected.stdout.contains("maxUnavailabel"), "{}", inspected.stdout);
    });
}

#[test]
fn prometheus_loads_the_rules() {
    run(async {
        for set in ["full", "broker-alone"] {
            let Some(inspected) = inspect(&["rules"], &reviewed(set)).await else { return };
            assert!(inspected.ok, "{set}: {}{}", inspected.stdout, inspected.stderr);
        }
        let wrong = reviewed("full").replace("histogram_quantile(", "histogram_quantil(");
        let Some(inspected) = inspect(&["rules"], &wrong).await else { return };
        assert!(!inspected.ok && inspected.stdout.contains("histogram_quantil"), "{}", inspected.stdout);
    });
}

#[test]
fn the_webhook_sees_the_pods_that_ask_and_no_other() {
    run(async {
        let pods = std::fs::read_to_string(repository().join("helm/tests/pods.yaml")).unwrap();
        for set in ["minimal", "injector-alone"] {
            let input = format!("{}\n---\n{pods}", reviewed(set));
            let Some(inspected) = inspect(&["webhooks"], &input).await else { return };
            assert!(inspected.ok, "{set}: {}{}", inspected.stdout, inspected.stderr);
        }
        // With a condition of the operator's, too, a pod without annotations is none of its business.
        let labelled = pods.replace("namespace: shop", "namespace: shop2");
        let full = reviewed("full").replace("      matchLabels:\n        dsn-broker: allowed\n", "");
        let Some(inspected) = inspect(&["webhooks"], &format!("{full}\n---\n{labelled}")).await else {
            return;
        };
        assert!(inspected.ok, "{}{}", inspected.stdout, inspected.stderr);
        let blind = reviewed("minimal").replace("\"dsn-broker.io/\"", "\"dsn-broker.oi/\"");
        let Some(inspected) = inspect(&["webhooks"], &format!("{blind}\n---\n{pods}")).await else { return };
        assert!(!inspected.ok && inspected.stdout.contains("asks"), "{}", inspected.stdout);
    });
}

/// What the `restricted` Pod Security Standard asks for, and a file system that cannot be written.
#[test]
fn no_pod_may_do_more_than_it_must() {
    let mut pods = 0;
    for set in sets() {
        for object in &objects(&reviewed(&set)) {
            let Some(pod) = pod(object) else { continue };
            pods += 1;
            let name = format!("{set}: {} {}", object["kind"], object["metadata"]["name"]);
            let security = &pod["securityContext"];
            assert_eq!(security["runAsNonRoot"], true, "{name}");
            // One set leaves it to the cluster.
            let user = if set == "injector-alone" { Value::Null } else { 65532.into() };
            assert_eq!((&security["runAsUser"], &security["fsGroup"]), (&user, &user), "{name}");
            assert_eq!(security["seccompProfile"], json!({ "type": "RuntimeDefault" }), "{name}");
            for shared in ["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"] {
                assert!(pod[shared].is_null(), "{name}");
            }
            assert!(
                pod["automountServiceAccountToken"].is_boolean(),
                "{name} leaves open whether it has a token"
            );
            for volume in pod["volumes"].as_array().into_iter().flatten() {
                assert!(volume["hostPath"].is_null(), "{name}");
            }
            for container in pod["containers"].as_array().unwrap() {
                let security = &container["securityContext"];
                assert_eq!(security["allowPrivilegeEscalation"], false, "{name}");
                assert_eq!(security["readOnlyRootFilesystem"], true, "{name}");
                assert_eq!(security["capabilities"], json!({ "drop": ["ALL"] }), "{name}");
                assert!(container["resources"]["requests"].is_object(), "{name}");
                assert!(container["resources"]["limits"]["memory"].is_string(), "{name}");
            }
        }
    }
    assert!(pods > 8, "{pods} are too few");
}

/// How long a replica is given covers what it does in that time, one after the other.
#[test]
fn a_replica_that_ends_has_the_time_for_it() {
    for (set, drain, grace) in [("minimal", 10, 20), ("full", 15, 90)] {
        let objects = objects(&reviewed(set));
        let (_, deployment) = of_kind(&objects, "Deployment")[0];
        assert_eq!(
            deployment["spec"]["strategy"]["rollingUpdate"],
            json!({ "maxUnavailable": 0, "maxSurge": 1 })
        );
        let pod = &deployment["spec"]["template"]["spec"];
        assert_eq!(pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"], drain, "{set}");
        assert!(pod["terminationGracePeriodSeconds"].as_u64().unwrap() > drain + grace, "{set}");
    }
}

/// Replicas load a changed configuration by themselves; new ones are started only where those there could not.
#[test]
fn a_restart_is_for_what_needs_one() {
    run(async {
        let minimal = std::fs::read_to_string(values_file("minimal")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let checksum = async |from: &str, to: &str| {
            assert!(minimal.contains(from));
            let values = folder.path().join("values.yaml");
            std::fs::write(&values, minimal.replace(from, to)).unwrap();
            let rendered = render(&values).await?;
            assert!(rendered.ok, "{}", rendered.stderr);
            let objects = objects(&rendered.stdout);
            let (_, deployment) = of_kind(&objects, "Deployment")[0];
            let annotations = &deployment["spec"]["template"]["metadata"]["annotations"];
            Some(annotations["checksum/restart"].as_str().unwrap().to_owned())
        };
        let Some(before) = checksum("ttl: 15m", "ttl: 15m").await else { return };
        for (from, to, restarts) in [
            ("ttl: 15m", "ttl: 20m", false),
            ("id: k1", "id: k2", false),
            ("orders.db", "orders2.db", false),
            ("  ledger:\n", "  ledger:\n    timeout: 3s\n", true),
            ("redis: { url", "redis: { timeout: 1s, url", true),
            ("config:\n", "config:\n  server: { limits: { concurrency: 7 } }\n", true),
            ("config:\n", "config:\n  server: { reload_every: 7s }\n", false),
        ] {
            let after = checksum(from, to).await.unwrap();
            assert_eq!(after != before, restarts, "{to}");
        }
    });
}

#[test]
fn names_stay_as_short_as_they_must() {
    run(async {
        for set in ["minimal", "full"] {
            let folder = tempfile::tempdir().unwrap();
            let values = folder.path().join("values.yaml");
            let text = std::fs::read_to_string(values_file(set)).unwrap();
            std::fs::write(&values, format!("fullnameOverride: {}\n{text}", "n".repeat(80))).unwrap();
            let Some(rendered) = render(&values).await else { return };
            assert!(rendered.ok, "{}", rendered.stderr);
            for object in objects(&rendered.stdout) {
                let name = object["metadata"]["name"].as_str().unwrap();
                let longest = if object["kind"] == "CronJob" { 52 } else { 63 };
                assert!(name.len() <= longest, "{} {name}", object["kind"]);
            }
        }
    });
}

fn pod(object: &Value) -> Option<&Value> {
    match object["kind"].as_str()? {
        "Pod" => Some(&object["spec"]),
        "Deployment" | "Job" => Some(&object["spec"]["template"]["spec"]),
        _ => None,
    }
}
