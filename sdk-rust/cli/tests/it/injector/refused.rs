//! Pods that ask for what cannot be: each is refused, and told what to write.

use serde_json::{Value, json};

use crate::injector::webhook::{Webhook, pod, pods};
use crate::scene::run;

/// Asks for a role, and says this besides; refused with these words.
const OURS: &[(&str, &str, &str)] = &[
    ("inject", "yes", r#"dsn-broker.io/inject: "yes" is neither "true" nor "false" nor the name of a role"#),
    ("inject", "TRUE", r#""TRUE" is neither "true" nor "false""#),
    ("inject", "", r#""" is neither "true" nor "false""#),
    ("inject", "Orders", "dsn-broker.io/inject: \"Orders\" is not a name"),
    ("inject", "a,,b", "is not a list of names"),
    (
        "role-orders",
        "Orders Reader",
        "dsn-broker.io/role-orders: \"Orders Reader\" is not a name: use 1 to 63 of a-z",
    ),
    ("role-..", "web", "dsn-broker.io/role-..: \"/run/dsn/..\" is not an absolute path"),
    ("role-a/b", "web", "one must not be inside of the other"),
    ("role-ready", "web", "/run/dsn/ready is where the agent says that all is there"),
    ("role-orders.ca.pem", "web", "would both write to"),
    ("template-orders", "{{ pasword }}", "files[0].template: the variable `pasword` is not known"),
    ("template-orders", "{{ password", "files[0].template: line 1: syntax error"),
    ("format-orders", "URI!", "is not a format"),
    (
        "format-order",
        "uri",
        "there is no dsn-broker.io/role-order, did you mean dsn-broker.io/format-orders?",
    ),
    (
        "fromat-orders",
        "uri",
        "dsn-broker.io/fromat-orders is no annotation of dsn-broker, did you mean dsn-broker.io/format-orders?",
    ),
    ("init_only", "true", "did you mean dsn-broker.io/init-only?"),
    ("rubbish", "true", "dsn-broker.io/rubbish is no annotation of dsn-broker"),
    ("endpoint-orders", "Primary", "dsn-broker.io/endpoint-orders: \"Primary\" is not a name"),
    ("os-orders", "Windows 11", "is not an operating system"),
    ("path", "run/dsn", "dsn-broker.io/path: \"run/dsn\" is not an absolute path"),
    ("path", "/run/dsn/", "is not an absolute path without"),
    ("path", "/run/../etc/x", "is not an absolute path without"),
    ("path", "/", "a volume at / would hide all else"),
    ("path", "/etc", "/etc belongs to the system"),
    ("path", "/proc/self", "/proc/self belongs to the system"),
    ("path", "/var/run/secrets/kubernetes.io", "belongs to the system"),
    ("path-orders", "orders", "dsn-broker.io/path-orders: \"orders\" is not an absolute path"),
    ("path-orders", "/orders", "a volume at"),
    ("path-orders", "/usr/bin/env", "belongs to the system"),
    ("path-orders", "/run/dsn/deep/orders", "one must not be inside of the other"),
    ("mode-orders", "rw-------", "is not a mode for a file with a secret"),
    ("mode-orders", "0755", "is not a mode"),
    ("mode-orders", "4400", "is not a mode"),
    ("mode-orders", "0466", "is not a mode"),
    ("mode-orders", "0600", "with mode 0600 the containers could not read it"),
    (
        "containers",
        "wep",
        "dsn-broker.io/containers: the pod has no container wep, but web, did you mean web?",
    ),
    ("containers", " , ", "is not a list of names"),
    (
        "exec",
        "true",
        "dsn-broker.io/exec: the container web has no command, and what its image starts is not known here",
    ),
    ("exec", "web,other", "dsn-broker.io/exec: the pod has no container other"),
    (
        "env-orders",
        "DATABASE_URL",
        "is for programs that are run with dsn-broker.io/exec: write dsn-broker.io/exec: \"true\"",
    ),
    ("on-change", "restart", "is neither signal:HUP:PROCESS nor command:"),
    ("on-change", "signal:KILL:nginx", "NAME is one of HUP, USR1"),
    ("on-change", "signal:HUP:a-name-that-is-too-long", "at most 15 characters"),
    ("on-change", "signal:HUP:nginx", "the agent may send signals only to processes of its own user"),
    ("on-change", "command:nginx -s reload", "is not a list such as command:"),
    ("on-change", "command:[]", "is not a list such as command:"),
    ("init-only", "yes", "dsn-broker.io/init-only: \"yes\" is neither \"true\" nor \"false\""),
    ("init-first", "last", "is neither \"true\" nor \"false\""),
    ("token-audience", " ", "dsn-broker.io/token-audience: it is empty"),
    ("agent-cpu-request", "half", "is not an amount"),
    ("agent-memory-limit", "64 MB", "is not an amount"),
    ("agent-memory-limit", "-1Mi", "is not an amount"),
    ("agent-run-as-user", "0", "the agent never runs as root"),
    ("agent-run-as-user", "web", "is not a number of a user"),
    ("agent-run-as-group", "web", "is not a number of a user"),
    ("agent-run-as-same-user", "true", "the containers have no runAsUser that is one and not root's"),
];

#[test]
fn each_mistake_in_our_annotations_is_named_with_what_to_write() {
    run(async {
        let webhook = Webhook::shared().await;
        for (key, value, words) in OURS {
            let key = format!("dsn-broker.io/{key}");
            let mut annotations =
                vec![("dsn-broker.io/inject", "true"), ("dsn-broker.io/role-orders", "orders-reader")];
            annotations.retain(|(there, _)| *there != key);
            annotations.push((&key, value));
            refuses(webhook, &pod(&annotations), words).await;
        }
    });
}

/// Whole sets of annotations.
#[test]
fn annotations_that_do_not_go_together_are_refused() {
    run(async {
        let webhook = Webhook::shared().await;
        for (annotations, words) in [
            (&[("role-orders", "orders")][..], "dsn-broker.io/inject is missing beside other annotations"),
            (&[("inject", "true")], "no role is asked for: write dsn-broker.io/role-NAME"),
            (&[("inject", "orders"), ("role-orders", "orders")], "say the same: leave one out"),
            (
                &[("inject", "a"), ("format-a", "uri"), ("template-a", "{{ dsn }}")],
                "both say what is in the file: leave one out",
            ),
            (&[("inject", "a,b"), ("path-a", "/x/y"), ("path-b", "/x/y")], "would both write to /x/y"),
            (
                &[("inject", "a"), ("on-change", "command:[\"x\"]"), ("init-only", "true")],
                "nothing changes with init-only",
            ),
            (
                &[("inject", "a"), ("exec", "true"), ("template-a", "x")],
                "dsn-broker.io/template-a is for files",
            ),
            (
                &[("inject", "a"), ("exec", "true"), ("init-only", "true")],
                "dsn-broker.io/init-only is for files",
            ),
            (
                &[("inject", "a"), ("exec", "true"), ("agent-run-as-user", "1")],
                "agent-run-as-user is for files",
            ),
            (
                &[("inject", "a"), ("exec", "true"), ("on-change", "signal:HUP:x")],
                "is none of restart, hup, usr1, nothing",
            ),
            (&[("inject", "a"), ("exec", "true"), ("env-a", "1ST")], "\"1ST\" is not the name of a variable"),
            (
                &[("inject", "a"), ("exec", "true"), ("env-a", "DSN_BROKER_URL")],
                "DSN_BROKER_URL is kept from the program",
            ),
            (&[("inject", "a,b"), ("exec", "true"), ("env-a", "A")], "dsn-broker.io/env-b is missing"),
            (
                &[("inject", "a,b"), ("exec", "true"), ("env-a", "A"), ("env-b", "A")],
                "the variable A cannot have the DSNs of two roles",
            ),
            (
                &[("inject", "a,b"), ("exec", "true"), ("env-a", "A"), ("env-b", "B"), ("format-a", "sqlx")],
                "a and b: a program gets its DSNs in one format",
            ),
            (
                &[("inject", "a"), ("exec", "web"), ("containers", "web")],
                "both name containers: leave one out",
            ),
        ] {
            let keys: Vec<_> =
                annotations.iter().map(|(key, value)| (format!("dsn-broker.io/{key}"), *value)).collect();
            let annotations: Vec<_> = keys.iter().map(|(key, value)| (key.as_str(), *value)).collect();
            refuses(webhook, &pod(&annotations), words).await;
        }
    });
}

#[test]
fn pods_that_have_no_place_for_it_are_refused() {
    run(async {
        let webhook = Webhook::shared().await;
        let files = [("dsn-broker.io/inject", "orders")];
        let init_first = [
            ("dsn-broker.io/inject", "orders"),
            ("dsn-broker.io/init-first", "false"),
            ("dsn-broker.io/containers", "up"),
        ];
        let exec = [("dsn-broker.io/inject", "orders"), ("dsn-broker.io/exec", "true")];
        let signal = [
            ("dsn-broker.io/inject", "orders"),
            ("dsn-broker.io/on-change", "signal:HUP:nginx"),
            ("dsn-broker.io/agent-run-as-user", "101"),
        ];
        let mirror = [("dsn-broker.io/inject", "orders"), ("kubernetes.io/config.mirror", "x")];
        for (annotations, pointer, value, words) in [
            (&files[..], "/spec/os", json!({ "name": "windows" }), "the pod is for Windows"),
            (
                &files,
                "/spec/volumes",
                json!([{ "name": "dsn-broker", "emptyDir": {} }]),
                "the pod has a volume dsn-broker of its own",
            ),
            (
                &files,
                "/spec/volumes",
                json!([{ "name": "dsn-broker-token", "secret": { "secretName": "x" } }]),
                "the pod has a volume dsn-broker-token of its own",
            ),
            (
                &files,
                "/spec/containers/0/volumeMounts",
                json!([{ "name": "own", "mountPath": "/run/dsn/" }]),
                "the container web has its volume own at /run/dsn",
            ),
            (
                &files,
                "/spec/containers/0/name",
                json!("dsn-agent"),
                "the pod has a container dsn-agent of its own",
            ),
            (
                &files,
                "/spec/initContainers",
                json!([{ "name": "dsn-agent", "image": "x" }]),
                "an init container dsn-agent that is not what its annotations ask for",
            ),
            (
                &init_first,
                "/spec/initContainers",
                json!([{ "name": "up", "image": "x" }]),
                "the init container up runs before the agent",
            ),
            (
                &exec,
                "/spec/initContainers",
                json!([{ "name": "dsn-install", "image": "x" }]),
                "the pod has an init container dsn-install of its own",
            ),
            (
                &exec,
                "/spec/containers/0/command",
                json!(["/run/dsn-bin/dsn", "get"]),
                "the container web runs /run/dsn-bin/dsn itself",
            ),
            (
                &exec,
                "/spec/containers/0/env",
                json!([{ "name": "DATABASE_URL", "value": "x" }]),
                "the container web has a variable DATABASE_URL of its own",
            ),
            (
                &exec,
                "/spec/containers/0/env",
                json!([{ "name": "DSN_BROKER_TOKEN", "value": "x" }]),
                "the container web has a variable DSN_BROKER_TOKEN of its own",
            ),
            (&signal, "/spec/shareProcessNamespace", json!(false), "a signal needs shareProcessNamespace"),
            (&signal, "/spec/hostPID", json!(true), "a signal needs shareProcessNamespace"),
            (&mirror, "/spec/hostPID", json!(false), "the pod is a static one"),
        ] {
            let mut pod = pod(annotations);
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            pod.pointer_mut(parent).unwrap()[key] = value;
            refuses(webhook, &pod, words).await;
        }
        let template = "x".repeat(130 * 1024);
        let large = pod(&[("dsn-broker.io/inject", "a"), ("dsn-broker.io/template-a", &template)]);
        refuses(webhook, &large, "make the templates shorter").await;
    });
}

/// Beside `agent-inject: "true"` and a secret of Vault's.
const VAULTS: &[(&str, &str, &str)] = &[
    ("agent-inject", "True", "agent-inject: \"True\" is neither"),
    ("agent-inject-status", "injected", "Vault's injector was here before"),
    (
        "agent-inject-secret-kv",
        "secret/data/web",
        "is neither database/creds/ROLE nor database/static-creds/ROLE",
    ),
    (
        "agent-inject-template-db",
        "{{ with secret }}",
        "templates of Vault are not translated: write dsn-broker.io/format-db",
    ),
    ("agent-inject-template-file-db", "/x", "templates of Vault are not translated"),
    ("agent-inject-default-template", "json", "write dsn-broker.io/format-NAME"),
    ("agent-inject-command-db", "kill -HUP 1", "write dsn-broker.io/on-change"),
    ("agent-inject-token", "true", "there is no token of Vault here"),
    ("agent-inject-file-other", "x", "agent-inject-file-other belongs to no"),
    ("agent-inject-perms-db", "0777", "agent-inject-perms-db: \"0777\" is not a mode"),
    ("tls-skip-verify", "true", "tls-skip-verify: the broker's certificate is always verified"),
    ("agent-set-security-context", "false", "the agent never runs without a security context"),
    ("agent-configmap", "x", "a configuration of Vault's agent is not read"),
    ("agent-extra-secret", "x", "nothing is mounted into the agent"),
    ("agent-copy-volume-mounts", "x", "nothing is mounted into the agent"),
    ("agent-json-patch", "[]", "the agent's container is not patched"),
    ("agent-init-json-patch", "[]", "the agent's container is not patched"),
    ("agent-run-as-user", "0", "agent-run-as-user: the agent never runs as root"),
    ("agent-pre-populate-onyl", "true", "did you mean vault.hashicorp.com/agent-pre-populate-only?"),
    ("secret-volume-path", "/etc", "secret-volume-path: /etc belongs to the system"),
];

#[test]
fn what_of_vaults_would_be_missed_is_refused_by_name() {
    run(async {
        let webhook = Webhook::shared().await;
        let usual = [("agent-inject", "true"), ("agent-inject-secret-db", "database/creds/orders")];
        for (key, value, words) in VAULTS {
            let mut keys = vec![(format!("vault.hashicorp.com/{key}"), *value)];
            let others = usual.iter().filter(|(there, _)| there != key);
            keys.extend(others.map(|(key, value)| (format!("vault.hashicorp.com/{key}"), *value)));
            let annotations: Vec<_> = keys.iter().map(|(key, value)| (key.as_str(), *value)).collect();
            refuses(webhook, &pod(&annotations), words).await;
        }
        let both = [("vault.hashicorp.com/agent-inject", "true"), ("openbao.org/agent-inject", "true")];
        refuses(webhook, &pod(&both), "say the same: leave one out").await;
        let ours = [("vault.hashicorp.com/agent-inject", "true"), ("dsn-broker.io/inject", "orders")];
        refuses(webhook, &pod(&ours), "say the same: leave one out").await;
        let none = webhook.create(&pod(&[("vault.hashicorp.com/agent-inject", "false")])).await;
        assert!(none.allowed && none.patch.is_empty());
    });
}

#[test]
fn vaults_annotations_mean_nothing_unless_the_injector_is_told() {
    run(async {
        let webhook = tokio::spawn(Webhook::start(&[])).await.unwrap();
        let answer = webhook.create(&pods()["vault"]).await;
        assert!(answer.allowed && answer.patch.is_empty() && answer.warnings.is_empty(), "{answer:?}");
    });
}

#[test]
fn all_mistakes_are_told_at_once() {
    run(async {
        let webhook = Webhook::shared().await;
        let all = [
            ("dsn-broker.io/inject", "orders"),
            ("dsn-broker.io/path", "/etc"),
            ("dsn-broker.io/init-only", "?"),
        ];
        let answer = webhook.create(&pod(&all)).await;
        let one = [("inject", "true"), ("role-a", "A"), ("format-a", "uri")];
        let one = one.map(|(key, value)| (format!("dsn-broker.io/{key}"), value));
        let said =
            webhook.create(&pod(&one.each_ref().map(|(key, value)| (key.as_str(), *value)))).await.message;
        assert!(said.ends_with("begin with a letter or a digit"), "nothing else is wrong: {said}");
        assert!(
            answer.message.contains("/etc belongs") && answer.message.contains("init-only"),
            "{answer:?}"
        );
    });
}

#[test]
fn a_pod_that_only_says_that_it_has_it_gets_it() {
    run(async {
        let webhook = Webhook::shared().await;
        let said = [("dsn-broker.io/inject", "orders"), ("dsn-broker.io/status", "injected")];
        let pod = pod(&said);
        let applied = webhook.create(&pod).await.applied(&pod);
        assert_eq!(applied["spec"]["initContainers"][0]["name"], "dsn-agent");
    });
}

#[test]
fn a_pod_that_asks_for_nothing_is_left_alone() {
    run(async {
        let webhook = Webhook::shared().await;
        for annotations in [
            &[][..],
            &[("dsn-broker.io/inject", "false"), ("dsn-broker.io/rubbish", "x")],
            &[("dsn-broker.io/status", "injected")],
        ] {
            let answer = webhook.create(&pod(annotations)).await;
            assert!(answer.allowed && answer.patch.is_empty() && answer.warnings.is_empty(), "{answer:?}");
        }
        let mut bare = pod(&[]);
        bare["metadata"] = json!({ "annotations": null });
        assert!(webhook.create(&bare).await.allowed);
    });
}

async fn refuses(webhook: &Webhook, pod: &Value, words: &str) {
    let answer = webhook.create(pod).await;
    assert!(!answer.allowed && answer.patch.is_empty(), "{words}: {answer:?}");
    assert!(answer.message.contains(words), "wanted {words:?}\n   got {:?}", answer.message);
    assert_eq!(answer.code, 422);
}
