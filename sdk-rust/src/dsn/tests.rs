//! Answers of a broker, for tests of what is made from them.

use serde_json::json;

use super::*;

/// A DSN that lives for a minute, and says this instead of the usual.
pub(crate) fn with(patch: &Value) -> Result<Dsn, Error> {
    Dsn::new(answer(patch), None, Instant::now())
}

/// The answer with a DSN that lives for a minute, and says this instead of the usual.
pub(crate) fn answer(patch: &Value) -> Answer {
    let expires_at = now() + TimeDelta::seconds(60);
    let mut answer = json!({
        "lease_id": "1", "role": "orders-reader", "database": "orders", "engine": "postgres",
        "endpoint": "primary", "format": "json", "dsn": "text", "ca_pem": null, "shared": true,
        "parameters": {
            "host": "localhost", "port": 5432, "user": "user", "password": "hidden", "dbname": "orders",
            "sslmode": "disable",
        },
        "refresh_after": expires_at - TimeDelta::seconds(30), "expires_at": expires_at,
    });
    for (name, value) in patch.as_object().unwrap() {
        match (&mut answer[name], value) {
            (Value::Object(parameters), Value::Object(others)) => parameters.extend(others.clone()),
            (old, new) => *old = new.clone(),
        }
    }
    serde_json::from_value(answer).unwrap()
}
