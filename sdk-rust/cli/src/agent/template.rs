//! Templates of minijinja, over what the broker answered.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use anyhow::anyhow;
use dsn_broker_sdk::Dsn;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value, escape_formatter};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// A text with places for what the broker answers. What it names and nobody knows is an error, never nothing.
#[derive(Debug)]
pub(super) struct Template {
    text: String,
    /// Whether it has a place for the whole text of the broker, and not only for its parts.
    pub(super) uses_dsn: bool,
}

impl Template {
    /// Says what is wrong with the text, as far as that can be known before there is a DSN.
    pub(super) fn new(text: String, mut wrong: impl FnMut(String)) -> Self {
        let mut names = match environment().template_from_str(&text) {
            Ok(template) => template.undeclared_variables(false),
            Err(error) => {
                wrong(said(&error, ""));
                HashSet::default()
            }
        };
        let uses_dsn = names.contains("dsn");
        names.retain(|name| !NAMES.contains(&name.as_str()) && !FUNCTIONS.contains(&name.as_str()));
        for name in BTreeSet::from_iter(names) {
            wrong(format!("the variable `{name}` is not known; there are {}", NAMES.join(", ")));
        }
        Self { text, uses_dsn }
    }

    /// The text with what the broker answered, whose CA is in that file.
    pub(super) fn render(&self, dsn: &Dsn, ca_file: &Path) -> anyhow::Result<String> {
        let ca_file = dsn.ca_pem().map(|_| ca_file.to_string_lossy());
        let variables = [
            ("dsn", Value::from(dsn.text())),
            ("host", Value::from(dsn.host())),
            ("port", Value::from(dsn.port())),
            ("user", Value::from(dsn.user())),
            ("password", Value::from(dsn.password())),
            ("dbname", Value::from(dsn.dbname())),
            ("parameters", Value::from_serialize(dsn.parameters())),
            ("ca_pem", Value::from(dsn.ca_pem())),
            ("ca_file", Value::from(ca_file.as_deref())),
            ("role", Value::from(dsn.role())),
            ("database", Value::from(dsn.database())),
            ("engine", Value::from(dsn.engine())),
            ("lease_id", Value::from(dsn.lease_id())),
            ("expires_at", Value::from_serialize(dsn.expires_at())),
        ];
        let variables: Value = variables.into_iter().collect();
        let rendered = environment().render_str(&self.text, variables);
        rendered
            .map_err(|error| anyhow!("the template cannot be filled in: {}", said(&error, dsn.password())))
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_keep_trailing_newline(true);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_formatter(|out, state, value| match value.is_none() {
        true => Err(Error::new(ErrorKind::UndefinedError, "this database has nothing of that name")),
        false => escape_formatter(out, state, value),
    });
    environment.add_filter("urlencode", |text: &str| utf8_percent_encode(text, RESERVED).to_string());
    environment
}

/// An error without the secret, should it be in it.
fn said(error: &Error, secret: &str) -> String {
    let line = error.line().map_or_else(String::new, |line| format!("line {line}: "));
    let detail = error.detail().filter(|detail| secret.is_empty() || !detail.contains(secret));
    format!("{line}{}{}", error.kind(), detail.map_or_else(String::new, |detail| format!(": {detail}")))
}

/// What can stand in a template.
const NAMES: [&str; 14] = [
    "dsn",
    "host",
    "port",
    "user",
    "password",
    "dbname",
    "parameters",
    "ca_pem",
    "ca_file",
    "role",
    "database",
    "engine",
    "lease_id",
    "expires_at",
];

/// What minijinja has besides.
const FUNCTIONS: [&str; 4] = ["range", "dict", "namespace", "debug"];

/// All but RFC 3986's unreserved: good for each part of a URL.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
