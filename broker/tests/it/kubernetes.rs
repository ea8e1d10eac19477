//! Pods as callers, with the tokens that a real API server gave them, and its own word for them.

use std::collections::BTreeMap;
use std::time::Duration;

use devstack::Kubernetes;
use serde_json::{Value, json};

use crate::stand::{Settings, Stand, kubernetes, record, run, unique, world};

/// A namespace with a pod of an application in it, and a broker beside it that believes the cluster.
struct Scene {
    kubernetes: &'static Kubernetes,
    namespace: String,
    stand: Stand,
    pod_uid: String,
}

impl Scene {
    /// With these keys of `token_review`.
    async fn start(kubernetes: &'static Kubernetes, review: Option<Value>) -> Self {
        let namespace = format!("shop-{}", unique());
        kubernetes.create_namespace(&namespace).await.unwrap();
        for account in ["app-web", "broker"] {
            kubernetes.create_service_account(&namespace, account).await.unwrap();
        }
        let pod_uid = kubernetes.create_pod(&namespace, "web-1", "app-web").await.unwrap();

        let mut settings = Settings::new(world().await, &unique()).await;
        let token = kubernetes.mint(&namespace, "broker", kubernetes.issuer(), None).await.unwrap();
        record::secret(&token);
        let token_file = settings.secret("pod-token", &token)["file"].clone();
        let mut issuer = json!({
            "kind": "kubernetes",
            "issuer": kubernetes.issuer(),
            "audiences": ["dsn-broker"],
            "jwks": { "url": kubernetes.jwks_url() },
            "ca": kubernetes.ca_path(),
            "token_file": token_file,
        });
        if let Some(mut review) = review {
            review["url"] = kubernetes.url().into();
            review["token_file"] = token_file;
            issuer["token_review"] = review;
        }
        settings.merge(&json!({
            "issuers": { "pods": issuer },
            "bindings": [{
                "workloads": {
                    "issuer": "pods",
                    "claims": { "namespace": namespace, "service_account": "app-web" },
                },
                "roles": ["orders-instance"],
            }],
        }));
        let stand = Stand::on(settings).await;
        Self { kubernetes, namespace, stand, pod_uid }
    }

    /// A token as a pod has it.
    async fn token(&self, account: &str, audience: &str, pod: Option<&str>) -> String {
        self.kubernetes.mint(&self.namespace, account, audience, pod).await.unwrap()
    }

    /// Lets the broker ask about tokens.
    async fn allow_review(&self) {
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": { "name": self.namespace },
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "system:auth-delegator",
            },
            "subjects": [{ "kind": "ServiceAccount", "name": "broker", "namespace": self.namespace }],
        });
        self.kubernetes.create(&binding).await.unwrap();
        let review =
            json!({ "verb": "create", "group": "authentication.k8s.io", "resource": "tokenreviews" });
        self.kubernetes.until_may(&self.namespace, "broker", &review).await.unwrap();
    }

    /// What becomes of a call with this token.
    async fn call(&self, token: String) -> Result<Value, String> {
        let caller = self.stand.bearer(token);
        let answer = caller.get(&caller.dsn_path("orders-instance")).await;
        if answer.status.is_success() { Ok(answer.ok()) } else { Err(answer.problem()) }
    }
}

#[test]
fn a_pod_gets_a_credential_of_its_own_by_the_token_that_it_has_anyway() {
    run(async {
        let Some(kubernetes) = kubernetes("tokens of real pods").await else { return };
        let scene = Scene::start(kubernetes, None).await;
        let call = |token| scene.call(token);
        let first = call(scene.token("app-web", "dsn-broker", Some("web-1")).await).await.unwrap();
        // Another token of the same pod is the same instance, and another pod is another one.
        let same = call(scene.token("app-web", "dsn-broker", Some("web-1")).await).await.unwrap();
        assert_eq!(first["parameters"]["user"], same["parameters"]["user"], "{first} {same}");
        kubernetes.create_pod(&scene.namespace, "web-2", "app-web").await.unwrap();
        let other = call(scene.token("app-web", "dsn-broker", Some("web-2")).await).await.unwrap();
        assert_ne!(first["parameters"]["user"], other["parameters"]["user"], "{first} {other}");
        let token = scene.token("app-web", "dsn-broker", Some("web-1")).await;
        let who = scene.stand.bearer(token).get("/v1/whoami").await.ok();
        assert_eq!(who["subject"], format!("system:serviceaccount:{}:app-web", scene.namespace));
        assert_eq!(who["instance"], scene.pod_uid, "{who}");

        kubernetes.create_pod(&scene.namespace, "job-1", "default").await.unwrap();
        let tokens = [
            ("for another audience", scene.token("app-web", "another", Some("web-1")).await),
            ("for the API server", scene.token("app-web", kubernetes.issuer(), Some("web-1")).await),
            ("of no pod", scene.token("app-web", "dsn-broker", None).await),
            ("of another account", scene.token("default", "dsn-broker", Some("job-1")).await),
        ];
        let mut problems = BTreeMap::new();
        for (which, token) in tokens {
            problems.insert(which, call(token).await.unwrap_err());
        }
        assert_eq!(problems.remove("of another account").as_deref(), Some("forbidden"));
        assert!(problems.values().all(|problem| problem == "unauthenticated"), "{problems:?}");
        scene.stand.stop().await;
    });
}

#[test]
fn the_token_of_a_deleted_pod_is_refused_where_the_api_server_is_asked_and_only_there() {
    run(async {
        let Some(kubernetes) = kubernetes("TokenReview").await else { return };
        let asked = Scene::start(kubernetes, Some(json!({}))).await;
        asked.allow_review().await;
        let not_asked = Scene::start(kubernetes, None).await;
        for scene in [&asked, &not_asked] {
            let token = scene.token("app-web", "dsn-broker", Some("web-1")).await;
            scene.call(token).await.unwrap();
        }
        for (scene, refused) in [(&asked, true), (&not_asked, false)] {
            // The API server remembers those that it was asked about for ten seconds: this is one that it does not know.
            let token = scene.token("app-web", "dsn-broker", Some("web-1")).await;
            kubernetes.delete_pod(&scene.namespace, "web-1").await.unwrap();
            let outcome = scene.call(token).await;
            assert_eq!(outcome.err().as_deref(), refused.then_some("unauthenticated"));
        }
        // Another pod of the same name is another pod.
        let token = {
            kubernetes.create_pod(&asked.namespace, "web-1", "app-web").await.unwrap();
            let token = asked.token("app-web", "dsn-broker", Some("web-1")).await;
            kubernetes.delete_pod(&asked.namespace, "web-1").await.unwrap();
            kubernetes.create_pod(&asked.namespace, "web-1", "app-web").await.unwrap();
            token
        };
        assert_eq!(asked.call(token).await.unwrap_err(), "unauthenticated");
        asked.stand.stop().await;
        not_asked.stand.stop().await;
    });
}

#[test]
fn a_broker_that_may_not_ask_about_tokens_says_so_and_accepts_none() {
    run(async {
        let Some(kubernetes) = kubernetes("TokenReview without permission").await else { return };
        let scene = Scene::start(kubernetes, Some(json!({}))).await;
        let token = scene.token("app-web", "dsn-broker", Some("web-1")).await;
        assert_eq!(scene.call(token.clone()).await.unwrap_err(), "issuer-unavailable");
        // What it refused for its own fault it does not remember for long.
        scene.allow_review().await;
        scene.stand.clock.advance(Duration::from_secs(2));
        scene.call(token).await.unwrap();
        scene.stand.stop().await;
    });
}
