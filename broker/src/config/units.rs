//! Durations, sizes and references to secrets, as they are written in the file.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

/// A duration: `500ms`, `30s`, `15m`, `12h`, `30d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct Span(pub Duration);

/// A size in bytes: `512B`, `64KiB`, `1MiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct Size(pub usize);

/// Where a secret is: `{file: …}` or `{env: …}`. Never the secret itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecretRef {
    /// In this file, which others than its owner and group must not be able to read. One newline at its end is not part of it.
    File(PathBuf),
    /// In this environment variable.
    Env(String),
}

// PARSERS: filled in by the next commit.
impl TryFrom<String> for Span {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Err(text)
    }
}

impl TryFrom<String> for Size {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Err(text)
    }
}

impl TryFrom<String> for super::ClaimPath {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Err(text)
    }
}
