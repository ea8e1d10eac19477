//! An AdmissionReview and its answer.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::injector::annotation::{Notes, PREFIX};
use crate::injector::pod::Pod;
use crate::injector::wish::Wish;
use crate::injector::{Settings, injection, vault};
use crate::show;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Review {
    api_version: String,
    kind: String,
    request: Option<Request>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    uid: String,
    resource: Resource,
    #[serde(default)]
    sub_resource: String,
    operation: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    object: Value,
}

#[derive(Deserialize)]
struct Resource {
    group: String,
    version: String,
    resource: String,
}

/// What becomes of an object.
enum Verdict {
    Untouched,
    Patched { patch: Vec<Value>, warnings: Vec<String> },
    Refused { code: u16, reason: &'static str, message: String },
}

/// Answers a review, or says why it is none.
pub(super) fn answer(body: &[u8], settings: &Settings) -> Result<Value, String> {
    let review: Review =
        serde_json::from_slice(body).map_err(|error| format!("the body is no AdmissionReview: {error}"))?;
    if (review.api_version.as_str(), review.kind.as_str()) != (VERSION, "AdmissionReview") {
        return Err(format!(
            "only AdmissionReview of {VERSION} is understood, and this is {} of {}: write admissionReviewVersions: [v1] into the webhook",
            review.kind, review.api_version
        ));
    }
    let request = review.request.ok_or("the AdmissionReview has no request")?;
    let uid = request.uid.clone();
    let mut response = match verdict(request, settings) {
        Verdict::Untouched => json!({ "allowed": true }),
        Verdict::Patched { patch, warnings } => {
            let mut response = json!({ "allowed": true });
            if !patch.is_empty() {
                let patch = STANDARD.encode(Value::from(patch).to_string());
                response = json!({ "allowed": true, "patchType": "JSONPatch", "patch": patch });
            }
            if let (false, Some(response)) = (warnings.is_empty(), response.as_object_mut()) {
                response.insert("warnings".to_owned(), warnings.into());
            }
            response
        }
        Verdict::Refused { code, reason, message } => {
            let status = json!({ "status": "Failure", "code": code, "reason": reason, "message": message });
            json!({ "allowed": false, "status": status })
        }
    };
    if let Some(response) = response.as_object_mut() {
        response.insert("uid".to_owned(), uid.into());
    }
    Ok(json!({ "apiVersion": VERSION, "kind": "AdmissionReview", "response": response }))
}

fn verdict(request: Request, settings: &Settings) -> Verdict {
    let Resource { group, version, resource } = &request.resource;
    if (group.as_str(), version.as_str(), resource.as_str()) != ("", "v1", "pods") {
        let message = format!(
            "dsn-broker injects into pods alone, and this is {resource} of {group}/{version}: let the webhook's rules name resources: [pods]"
        );
        return Verdict::Refused { code: 400, reason: "BadRequest", message };
    }
    if request.operation != "CREATE" || !request.sub_resource.is_empty() {
        return Verdict::Untouched;
    }
    if !request.object.is_object() {
        let message = "the request to create a pod has no pod in it".to_owned();
        return Verdict::Refused { code: 400, reason: "BadRequest", message };
    }
    let mut notes = Notes::default();
    let who = who(&request);
    let patch = mutate(request.object, settings, &mut notes);
    if notes.mistakes.is_empty() {
        let Some(patch) = patch else { return Verdict::Untouched };
        show::note(&format!("{who}: {}", if patch.is_empty() { "has it all" } else { "injected" }));
        return Verdict::Patched { patch, warnings: notes.warnings };
    }
    let message = notes.mistakes.join("; ");
    show::note(&one_line(&format!("{who}: refused: {message}")));
    Verdict::Refused { code: 422, reason: "Invalid", message }
}

/// The patch for a pod that asks for something.
fn mutate(object: Value, settings: &Settings, notes: &mut Notes) -> Option<Vec<Value>> {
    let annotations = annotations(&object, notes)?;
    let wish = Wish::read(&annotations, settings.vault_annotations, notes)?;
    if annotations.contains_key("kubernetes.io/config.mirror") {
        notes.mistake("the pod is a static one, which the kubelet starts as its file says: dsn-broker cannot be injected");
    }
    let ca_pem = settings.ca_pem().map_err(|error| notes.mistake(format!("{error:#}"))).ok()?;
    let mut pod = Pod::new(object);
    injection::inject(&mut pod, &wish, settings, ca_pem.as_deref(), notes);
    let foreign = settings.vault_annotations.then(|| vault::status(&annotations)).flatten();
    for status in [Some(format!("{PREFIX}status")), foreign].into_iter().flatten() {
        if annotations.get(&status).is_none_or(|status| status != "injected") {
            pod.set("/metadata/annotations", &status, "injected".into());
        }
    }
    Some(pod.into_patch())
}

fn annotations(object: &Value, notes: &mut Notes) -> Option<BTreeMap<String, String>> {
    let annotations = object.pointer("/metadata/annotations").filter(|there| !there.is_null())?;
    let read = BTreeMap::deserialize(annotations);
    read.map_err(|error| notes.mistake(format!("metadata.annotations: {error}"))).ok()
}

/// What people call the pod.
fn who(request: &Request) -> String {
    let metadata = |key: &str| request.object.pointer(&format!("/metadata/{key}")).and_then(Value::as_str);
    let name = Some(request.name.as_str()).filter(|name| !name.is_empty());
    let name = name.or_else(|| metadata("name")).or_else(|| metadata("generateName")).unwrap_or("a pod");
    one_line(&format!("{}/{name}", request.namespace))
}

/// Nobody writes lines of their own into the log.
fn one_line(text: &str) -> String {
    text.chars().filter(|it| !it.is_control()).collect()
}

const VERSION: &str = "admission.k8s.io/v1";
