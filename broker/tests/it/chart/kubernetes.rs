//! A real API server takes all of it, and Helm installs it there. Nothing runs it: there is no cluster.

use devstack::Kubernetes;

use super::tools::helm;
use super::{chart, objects, reviewed, sets, values_file};
use crate::stand::{kubernetes, run};

#[test]
fn a_real_api_server_takes_every_object() {
    run(async {
        let Some(kubernetes) = kubernetes("what the chart renders").await else { return };
        kubernetes.create_namespace("dsn").await.unwrap();
        let (mut mistakes, mut pods) = (Vec::new(), Vec::new());
        for set in sets() {
            for document in reviewed(&set).split("\n---\n") {
                if document.contains("\nkind: Pod\n") {
                    pods.push(document.to_owned());
                } else if let Err(error) = check(kubernetes, document).await {
                    mistakes.push(format!("{set}: {error:#}"));
                }
            }
        }
        // A pod is taken where its service account is there.
        for account in ["broker-dsn-broker", "dsn-broker"] {
            kubernetes.create_service_account("dsn", account).await.unwrap();
        }
        assert!(pods.len() > 1);
        for pod in pods {
            if let Err(error) = check(kubernetes, &pod).await {
                mistakes.push(format!("{error:#}"));
            }
        }
        assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
        // What our own types do not say, it does.
        let minimal = reviewed("minimal").replace("startsWith(", "startsWiht(");
        let webhook = minimal.split("\n---\n").find(|document| document.contains("startsWiht(")).unwrap();
        let error = check(kubernetes, webhook).await.unwrap_err().to_string();
        assert!(error.contains("undeclared reference to 'startsWiht'"), "{error}");
    });
}

#[test]
fn helm_installs_it_upgrades_it_and_takes_it_away() {
    run(async {
        let Some(kubernetes) = kubernetes("helm install").await else { return };
        let (chart, kubeconfig) = (chart(), kubernetes.kubeconfig());
        let [chart, kubeconfig] = [&chart, &kubeconfig].map(|path| path.to_str().unwrap());
        for set in sets() {
            let (namespace, values) = (format!("chart-{set}"), values_file(&set));
            let there = ["--namespace", &namespace, "--kubeconfig", kubeconfig, "--no-hooks"];
            let with = ["broker", chart, "--values", values.to_str().unwrap()];
            let helm = async |words: &[&str]| {
                let said = helm(&[words, &there].concat()).await?;
                assert!(said.ok, "{set}: {words:?}: {}", said.stderr);
                Some(said.stdout)
            };
            let installed = helm(&[&["install", "--create-namespace"], &with[..]].concat()).await;
            if installed.is_none() {
                return;
            }
            let manifest =
                ["get", "manifest", "broker", "--namespace", &namespace, "--kubeconfig", kubeconfig];
            let before = objects(&super::tools::helm(&manifest).await.unwrap().stdout);
            assert!(before.len() > 2, "{set}: {before:?}");
            for object in &before {
                kubernetes.read(object).await.unwrap();
            }

            // All objects change, also those that can be changed in part alone.
            let change = ["--set", "commonLabels.changed=yes"];
            helm(&[&["upgrade"], &with[..], &change].concat()).await.unwrap();
            let after = objects(&super::tools::helm(&manifest).await.unwrap().stdout);
            for object in &after {
                let stored = kubernetes.read(object).await.unwrap();
                assert_eq!(stored["metadata"]["labels"]["changed"], "yes", "{set}: {stored}");
            }

            helm(&["uninstall", "broker"]).await.unwrap();
            for object in &after {
                assert!(kubernetes.read(object).await.is_err(), "{set}: {object} is left");
            }
        }
    });
}

async fn check(kubernetes: &Kubernetes, document: &str) -> anyhow::Result<()> {
    let [object] = &objects(document)[..] else { panic!("this is not one object: {document}") };
    kubernetes.check_text(object, document).await
}
