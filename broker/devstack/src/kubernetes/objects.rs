//! Objects: any, by its kind, and those that the story of a workload is made of.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::Method;
use serde_json::{Value, json};

use super::Kubernetes;
use super::api::{PATIENCE, YAML};

impl Kubernetes {
    /// Makes this object, and answers what became of it. It is refused for a field that nobody knows.
    pub async fn create(&self, object: &Value) -> anyhow::Result<Value> {
        let path = self.collection(object).await?;
        self.ask(Method::POST, &format!("{path}?fieldValidation=Strict"), Some(object)).await
    }

    /// This object, as it is there.
    pub async fn read(&self, object: &Value) -> anyhow::Result<Value> {
        let (path, name) = (self.collection(object).await?, text_at(object, "/metadata/name")?);
        self.ask(Method::GET, &format!("{path}/{name}"), None).await
    }

    /// Whether it would make this object, and has nothing to say against it: it does all but store it.
    pub async fn check(&self, object: &Value) -> anyhow::Result<()> {
        self.check_text(object, &object.to_string()).await
    }

    /// The same for the object in this text of YAML, which it may read in its own way: to it, `0440` has the base of 8.
    pub async fn check_text(&self, object: &Value, text: &str) -> anyhow::Result<()> {
        let path = format!("{}?fieldValidation=Strict&dryRun=All", self.collection(object).await?);
        let taken = self.send(Method::POST, &path, Some((YAML, text.to_owned()))).await?;
        match taken.warnings.as_slice() {
            [] => Ok(()),
            warnings => bail!("{path}: {}", warnings.join("; ")),
        }
    }

    /// Makes a custom resource known, from a file of YAML, and waits until it is.
    pub async fn define(&self, definition: &Path) -> anyhow::Result<()> {
        let text = tokio::fs::read_to_string(definition).await?;
        let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        let defined = self.send(Method::POST, path, Some((YAML, text))).await?.body;
        let group = text_at(&defined, "/spec/group")?;
        let version = text_at(&defined, "/spec/versions/0/name")?;
        let kind = text_at(&defined, "/spec/names/kind")?;
        let version = format!("{group}/{version}");
        // An error is that there is no such group, either.
        until(async |_| Ok(self.resource(&version, kind).await.is_ok_and(|found| found.is_some()))).await
    }

    /// Makes a namespace, and the service account `default` in it.
    pub async fn create_namespace(&self, name: &str) -> anyhow::Result<()> {
        let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
        self.create(&namespace).await?;
        self.create_service_account(name, "default").await
    }

    /// Makes a service account.
    pub async fn create_service_account(&self, namespace: &str, name: &str) -> anyhow::Result<()> {
        let metadata = json!({ "namespace": namespace, "name": name });
        self.create(&json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata })).await?;
        Ok(())
    }

    /// Makes a pod that nobody will run, and answers its uid.
    pub async fn create_pod(
        &self,
        namespace: &str,
        name: &str,
        service_account: &str,
    ) -> anyhow::Result<String> {
        let pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": { "namespace": namespace, "name": name },
            "spec": {
                "serviceAccountName": service_account,
                "containers": [{ "name": "app", "image": "app" }],
            },
        });
        Ok(text_at(&self.create(&pod).await?, "/metadata/uid")?.to_owned())
    }

    /// Deletes a pod, at once, and waits until the API server itself knows that its tokens are good no more.
    pub async fn delete_pod(&self, namespace: &str, name: &str) -> anyhow::Result<()> {
        let path = format!("/api/v1/namespaces/{namespace}/pods/{name}");
        let pod = self.ask(Method::GET, &path, None).await?;
        let account = text_at(&pod, "/spec/serviceAccountName")?;
        let token = self.mint(namespace, account, "probe", Some(name)).await?;
        self.ask(Method::DELETE, &format!("{path}?gracePeriodSeconds=0"), None).await?;
        // It remembers for ten seconds what it has answered, so that it is asked something else each time.
        until(async |number| {
            let status = self.review(&token, &["probe", &number.to_string()]).await?;
            Ok(status.get("authenticated") != Some(&json!(true)))
        })
        .await
    }

    /// What the API server says of a token: the status of a `TokenReview` for these audiences.
    pub async fn review(&self, token: &str, audiences: &[&str]) -> anyhow::Result<Value> {
        let review = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": { "token": token, "audiences": audiences },
        });
        self.create(&review).await?.get("status").cloned().context("the review has no status")
    }

    /// Whether a service account may do this, which is said as the `resourceAttributes` of a `SubjectAccessReview`.
    pub async fn may(
        &self,
        namespace: &str,
        service_account: &str,
        attributes: &Value,
    ) -> anyhow::Result<bool> {
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": format!("system:serviceaccount:{namespace}:{service_account}"),
                "groups": ["system:serviceaccounts", "system:authenticated"],
                "resourceAttributes": attributes,
            },
        });
        Ok(self.create(&review).await?.pointer("/status/allowed") == Some(&json!(true)))
    }

    /// Waits until it may: the API server learns in the background what it was told.
    pub async fn until_may(
        &self,
        namespace: &str,
        service_account: &str,
        attributes: &Value,
    ) -> anyhow::Result<()> {
        until(async |_| self.may(namespace, service_account, attributes).await).await
    }

    /// A token of a service account for this audience, as the kubelet puts it into a pod, if one is named.
    pub async fn mint(
        &self,
        namespace: &str,
        service_account: &str,
        audience: &str,
        pod: Option<&str>,
    ) -> anyhow::Result<String> {
        let mut spec = json!({ "audiences": [audience], "expirationSeconds": 3600 });
        if let Some(name) = pod {
            let path = format!("/api/v1/namespaces/{namespace}/pods/{name}");
            let pod = self.ask(Method::GET, &path, None).await?;
            let uid = text_at(&pod, "/metadata/uid")?;
            let bound = json!({ "apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid });
            spec.as_object_mut()
                .context("the request is an object")?
                .insert("boundObjectRef".to_owned(), bound);
        }
        let request =
            json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec });
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{service_account}/token");
        let answer = self.ask(Method::POST, &path, Some(&request)).await?;
        Ok(text_at(&answer, "/status/token")?.to_owned())
    }

    /// Where objects of the same kind are, in the same namespace if they have one: `default` if the object names none.
    async fn collection(&self, object: &Value) -> anyhow::Result<String> {
        let (version, kind) = (text_at(object, "/apiVersion")?, text_at(object, "/kind")?);
        let resource = self.resource(version, kind).await?;
        let resource = resource.with_context(|| format!("{version} has no {kind}"))?;
        let name = text_at(&resource, "/name")?;
        if resource.get("namespaced") == Some(&json!(false)) {
            return Ok(format!("{}/{name}", group(version)));
        }
        let namespace = object.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or("default");
        Ok(format!("{}/namespaces/{namespace}/{name}", group(version)))
    }

    /// How this version calls a kind, if it knows it.
    async fn resource(&self, version: &str, kind: &str) -> anyhow::Result<Option<Value>> {
        let known = self.ask(Method::GET, &group(version), None).await?;
        let resources = known.get("resources").and_then(Value::as_array).into_iter().flatten();
        let mut of_kind = resources.filter(|resource| resource.get("kind") == Some(&json!(kind)));
        // The others are parts, such as `pods/status`.
        let whole = |name: &str| !name.contains('/');
        Ok(of_kind.find(|resource| resource.get("name").and_then(Value::as_str).is_some_and(whole)).cloned())
    }
}

/// Looks again and again, and tells each look its number.
async fn until(mut is_so: impl AsyncFnMut(u32) -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let mut number = 0;
    let looking = async {
        while !is_so(number).await? {
            number += 1;
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    };
    tokio::time::timeout(PATIENCE, looking).await.context("the API server does not come to know it")?
}

/// Where a group and version is: the first kinds have no group.
fn group(version: &str) -> String {
    format!("/{}/{version}", if version.contains('/') { "apis" } else { "api" })
}

fn text_at<'a>(object: &'a Value, pointer: &str) -> anyhow::Result<&'a str> {
    let text = object.pointer(pointer).and_then(Value::as_str);
    text.with_context(|| format!("there is no text at {pointer}"))
}

/// How often it is looked whether the API server knows what it was told.
const LOOK: Duration = Duration::from_millis(20);
