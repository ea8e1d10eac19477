//! Whatever pods look like: nothing of theirs is changed, and nothing is put there twice.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

use crate::injector::webhook::{Webhook, pods};
use crate::scene::run;

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_not_ours_stays_as_it_is_and_ours_is_there_once(pod in pod()) {
        run(async {
            let webhook = Webhook::shared().await;
            let answer = webhook.create(&pod).await;
            if !answer.allowed {
                prop_assert!(answer.message.len() > 20);
                return Ok(());
            }
            let applied = answer.applied(&pod);
            prop_assert_eq!(without_ours(applied.clone()), without_ours(pod.clone()));
            let again = webhook.create(&applied).await;
            prop_assert!(again.allowed && again.patch.is_empty(), "{:?}", again);
            prop_assert!(answer.patch.iter().all(|change| change["op"] == "add"));
            Ok(())
        })?;
    }
}

#[test]
fn what_kubernetes_and_other_webhooks_add_is_no_reason_to_refuse_or_inject_again() {
    run(async {
        let webhook = Webhook::shared().await;
        for (name, pod) in pods() {
            let mut pod = webhook.create(&pod).await.applied(&pod);
            let init = pod["spec"]["initContainers"].as_array_mut();
            for ours in
                init.into_iter().flatten().filter(|it| it["name"].as_str().unwrap().starts_with("dsn-"))
            {
                ours["imagePullPolicy"] = "IfNotPresent".into();
                ours["image"] = "mirror.example/dsn:1".into();
                ours["resources"]["limits"]["ephemeral-storage"] = "1Gi".into();
                ours["volumeMounts"]
                    .as_array_mut()
                    .unwrap()
                    .push(json!({ "name": "api", "mountPath": "/api" }));
            }
            let again = webhook.create(&pod).await;
            assert!(again.allowed && again.patch.is_empty(), "{name}: {again:?}");
            // Another user than all others'.
            let late = json!({ "name": "late", "image": "late:1", "command": ["late"], "securityContext": { "runAsUser": 4711 } });
            pod["spec"]["containers"].as_array_mut().unwrap().push(late);
            let again = webhook.create(&pod).await;
            assert!(again.allowed, "{name}: {again:?}");
            let later = again.applied(&pod);
            assert_eq!(later["spec"]["initContainers"], pod["spec"]["initContainers"], "{name}");
            assert!(webhook.create(&later).await.patch.is_empty(), "{name}");
        }
    });
}

/// What is left when all that the injector may add is taken away; what is empty is as if it were not there.
fn without_ours(mut pod: Value) -> Value {
    let is_ours = |item: &Value| {
        let name = item["name"].as_str().unwrap_or_default();
        name.starts_with("dsn-") || name.starts_with("DSN_BROKER_")
    };
    let spec = &mut pod["spec"];
    for list in ["containers", "initContainers", "volumes"] {
        let Some(items) = spec.get_mut(list).and_then(Value::as_array_mut) else { continue };
        items.retain(|item| !is_ours(item));
        for item in items.iter_mut().filter_map(Value::as_object_mut) {
            for list in ["volumeMounts", "env"] {
                if let Some(items) = item.get_mut(list).and_then(Value::as_array_mut) {
                    items.retain(|item| !is_ours(item));
                }
            }
            let command = item.get_mut("command").and_then(Value::as_array_mut);
            if let Some(command) =
                command.filter(|command| command.first() == Some(&json!("/run/dsn-bin/dsn")))
            {
                let end = command.iter().position(|part| part == "--").unwrap();
                command.drain(..=end);
            }
        }
    }
    if let Some(groups) =
        spec.pointer_mut("/securityContext/supplementalGroups").and_then(Value::as_array_mut)
    {
        groups.retain(|group| *group == 7);
    }
    spec.as_object_mut().unwrap().remove("shareProcessNamespace");
    let metadata = pod["metadata"]["annotations"].as_object_mut().unwrap();
    metadata.retain(|key, _| !key.ends_with("status"));
    without_empty(pod)
}

fn without_empty(value: Value) -> Value {
    let is_empty = |value: &Value| value.is_null() || *value == json!([]) || *value == json!({});
    match value {
        Value::Array(items) => items.into_iter().map(without_empty).collect(),
        Value::Object(object) => {
            let kept = object.into_iter().map(|(key, value)| (key, without_empty(value)));
            Value::Object(kept.filter(|(_, value)| !is_empty(value)).collect::<Map<_, _>>())
        }
        value => value,
    }
}

fn pod() -> impl Strategy<Value = Value> {
    let annotations = subsequence(ANNOTATIONS.to_vec(), 0..5);
    let way = select(vec![
        ("path", "/run/other"),
        ("exec", "true"),
        ("init-only", "true"),
        ("init-first", "false"),
        ("inject", "a,b"),
    ]);
    let security = proptest::option::of((
        proptest::option::of(select(vec![0, 1000, 2000])),
        proptest::option::of(Just(3000)),
    ));
    let lists = (proptest::collection::vec(container(), 1..4), proptest::collection::vec(container(), 0..3));
    (annotations, way, security, lists, any::<bool>()).prop_map(
        |(annotations, way, security, (all, init), is_null)| {
            let mut said = Map::new();
            said.insert("example.com/own".to_owned(), "~/x".into());
            said.insert("dsn-broker.io/inject".to_owned(), "a".into());
            for (key, value) in annotations.into_iter().chain([way]) {
                said.insert(format!("dsn-broker.io/{key}"), value.into());
            }
            let named = |kind: &str, containers: Vec<Value>| -> Value {
                let named = containers.into_iter().enumerate().map(|(index, mut container)| {
                    container["name"] = format!("{kind}{index}").into();
                    container
                });
                named.collect::<Vec<_>>().into()
            };
            let mut spec = json!({ "containers": named("c", all) });
            if let Some((user, group)) = security {
                spec["securityContext"] = json!({ "runAsUser": user, "fsGroup": group });
            }
            if !init.is_empty() {
                spec["initContainers"] = named("i", init);
            }
            spec["volumes"] = if is_null { Value::Null } else { json!([{ "name": "own", "emptyDir": {} }]) };
            json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "annotations": said }, "spec": spec })
        },
    )
}

fn container() -> impl Strategy<Value = Value> {
    let user = proptest::option::of(select(vec![0, 1000, 2000]));
    let path = select(vec!["/data", "/run/dsn", "/run", "/run/dsn-bin"]);
    (user, path, any::<[bool; 3]>()).prop_map(|(user, path, [mounts, runs, knows])| {
        let mut container = json!({ "image": "x:1" });
        if let Some(user) = user {
            container["securityContext"] = json!({ "runAsUser": user });
        }
        if mounts {
            container["volumeMounts"] = json!([{ "name": "own", "mountPath": path }]);
        }
        if runs {
            container["command"] = json!(["/server", "--", "x"]);
            container["args"] = json!(["--", "y"]);
        }
        if knows {
            container["env"] = json!([{ "name": "HOME", "value": "/" }]);
        }
        container
    })
}

const ANNOTATIONS: &[(&str, &str)] = &[
    ("format-a", "psycopg"),
    ("template-a", "{{ dsn }}"),
    ("path-a", "/srv/a/dsn"),
    ("mode-a", "0440"),
    ("mode-a", "0400"),
    ("env-a", "A_URL"),
    ("containers", "c0"),
    ("containers", "c0,i0"),
    ("on-change", "signal:HUP:x"),
    ("on-change", "restart"),
    ("agent-run-as-user", "1000"),
    ("agent-run-as-user", "none"),
    ("agent-run-as-group", "4000"),
    ("agent-run-as-same-user", "false"),
    ("agent-run-as-same-user", "true"),
    ("token-audience", "other"),
];
