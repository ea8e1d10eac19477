use serde_json::{Value, json};

use super::*;
use crate::dsn::tests::with;

#[cfg(feature = "sqlx-postgres")]
fn postgres(parameters: Value) -> Result<String, Error> {
    let dsn = with(&json!({ "parameters": parameters })).unwrap();
    <sqlx::Postgres as Connect>::options(&dsn).map(|options| format!("{options:?}"))
}

#[cfg(feature = "sqlx-mysql")]
fn mysql(parameters: Value) -> Result<String, Error> {
    let dsn = with(&json!({ "parameters": parameters })).unwrap();
    <sqlx::MySql as Connect>::options(&dsn).map(|options| format!("{options:?}"))
}

#[cfg(feature = "sqlx-postgres")]
#[test]
fn a_postgres_that_cannot_be_looked_for_is_refused() {
    for attrs in ["read-write", "standby"] {
        let refused = postgres(json!({ "target_session_attrs": attrs })).unwrap_err().to_string();
        assert!(refused.contains(attrs) && refused.contains("another endpoint"), "{refused}");
    }
    postgres(json!({ "target_session_attrs": "any" })).unwrap();
}

#[cfg(feature = "sqlx-postgres")]
#[test]
fn the_mode_of_tls_is_the_brokers_and_no_other() {
    for (said, mode) in [("verify-full", "VerifyFull"), ("verify-ca", "VerifyCa"), ("disable", "Disable")] {
        let options = postgres(json!({ "sslmode": said })).unwrap();
        assert!(options.contains(&format!("ssl_mode: {mode}")), "{options}");
    }
    for unknown in [json!("require"), json!(null)] {
        let refused = postgres(json!({ "sslmode": unknown })).unwrap_err();
        assert!(matches!(refused, Error::Answer(_)), "{refused}");
    }
}

#[cfg(feature = "sqlx-mysql")]
#[test]
fn a_password_goes_in_clear_text_only_to_whom_it_is_for() {
    let clear = |mode: &str, flag: Value| {
        let options = mysql(json!({ "ssl-mode": mode, "enable-cleartext-plugin": flag })).unwrap();
        options.contains("enable_cleartext_plugin: true")
    };
    assert!(clear("VERIFY_IDENTITY", json!(true)));
    assert!(!clear("VERIFY_IDENTITY", json!(false)) && !clear("VERIFY_IDENTITY", json!(null)));
    assert!(!clear("VERIFY_CA", json!(true)) && !clear("DISABLED", json!(true)));
}
