//! The operations, as the OpenAPI document lists them.

use std::collections::BTreeSet;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::stand::Stand;

/// An operation of the document.
pub struct Operation {
    pub id: String,
    pub tag: String,
    pub method: Method,
    pub path: String,
    /// The statuses that it may answer with.
    pub statuses: BTreeSet<u16>,
}

/// The document of record.
pub fn document() -> Value {
    serde_json::to_value(dsn_broker::http::openapi()).unwrap()
}

/// All operations, their parameters filled in.
pub fn operations() -> Vec<Operation> {
    let document = document();
    let paths = document["paths"].as_object().unwrap();
    let all: Vec<_> = paths
        .iter()
        .flat_map(|(path, item)| {
            let path = path
                .replace("{role}", "orders-reader")
                .replace("{id}", "00000000-0000-7000-8000-000000000000")
                .replace("{name}", "orders");
            assert!(!path.contains('{'), "{path} has a parameter that this test does not know");
            item.as_object().unwrap().iter().map(move |(method, operation)| Operation {
                id: operation["operationId"].as_str().unwrap().to_owned(),
                tag: operation["tags"][0].as_str().unwrap().to_owned(),
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                statuses: operation["responses"]
                    .as_object()
                    .unwrap()
                    .keys()
                    .map(|status| status.parse().unwrap())
                    .collect(),
            })
        })
        .collect();
    assert!(all.len() >= 13, "{}", all.len());
    all
}

impl Operation {
    /// A request without any proof, otherwise good.
    pub fn request(&self, stand: &Stand) -> RequestBuilder {
        let ca_file = stand.settings.ca_path.display();
        let query = if self.id == "fetch_dsn" { format!("?ca_file={ca_file}") } else { String::new() };
        let request = stand.request(self.method.clone(), &format!("{}{query}", self.path));
        match self.id.as_str() {
            "request_revocations" => request.json(&json!({ "role": "orders-unbound", "reason": "a test" })),
            "request_dsn" => request.json(&json!({ "ca_file": stand.settings.ca_path })),
            _ if self.method == Method::POST => request.json(&json!({})),
            _ => request,
        }
    }
}
