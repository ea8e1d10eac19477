//! Names and a password that have to be quoted everywhere.

use serde_json::{Value, json};

use crate::stand::Settings;

pub const GROUP: &str = r#"o'd"d \ %s $1 ä"#;

pub const PASSWORD: &str = r#"Ab+c/d=e@f:g%h?i#j&k!l $m'n"o\p;q,r[s]{t}|u<v>w`"#;

/// A name of a stand's own.
pub fn name(settings: &Settings, which: &str) -> String {
    format!("{GROUP}_{}_{which}", settings.target)
}

/// As an identifier of Postgres.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// As a literal of Postgres.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A pair of which the first has a password already.
pub fn adopted(settings: &Settings, users: &[String; 2]) -> Value {
    let adopt = json!({ "username": users[0], "password": settings.secret("odd", PASSWORD) });
    json!({ "kind": "rotated_password", "users": users, "rotate": "manual", "adopt": adopt })
}

/// What makes a group of Postgres like `like`, of which `admin` may make others members; and its name.
pub fn group(settings: &Settings, like: &str, admin: &str) -> (String, String) {
    let name = name(settings, "ro");
    let sql = format!(
        "create role {0} nologin in role {like}; grant {0} to {admin} with admin option",
        quoted(&name)
    );
    (sql, name)
}

/// What makes a pair of users of Postgres in the group `like`, whose passwords `admin` may change; and their names.
pub fn pair(settings: &Settings, like: &str, admin: &str) -> (String, [String; 2]) {
    let names = ["a", "b"].map(|which| name(settings, which));
    let user = |name| {
        format!(
            "create role {0} login password {1} in role {like}; grant {0} to {admin} with admin option",
            quoted(name),
            literal(PASSWORD)
        )
    };
    (format!("{}; {}", user(&names[0]), user(&names[1])), names)
}
