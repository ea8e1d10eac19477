//! Who RDS lets in where MySQL is spoken: users of a plugin of its own with tokens, and all others with passwords.

use crate::engine::EngineError;
use crate::engine::mysql::Mysql;

/// What keeps a user from logging in with a token, as the broker's own user sees it.
pub(super) async fn not_admitted(users: &Mysql, username: &str) -> Result<Option<String>, EngineError> {
    let plugins = users.plugins(username).await?;
    if plugins.iter().any(|plugin| plugin == PLUGIN) {
        return Ok(None);
    }
    let (said, verb) = match plugins.is_empty() {
        true => ("there is no such user", "CREATE"),
        false => ("it logs in with a password, and not with a token", "ALTER"),
    };
    let name = username.replace('`', "``");
    Ok(Some(format!(
        "{username:?}: {said}: {verb} USER `{name}`@`%` IDENTIFIED WITH {PLUGIN} AS 'RDS' REQUIRE SSL;"
    )))
}

/// Amazon RDS user guide, "Creating a database account using IAM authentication".
const PLUGIN: &str = "AWSAuthenticationPlugin";
