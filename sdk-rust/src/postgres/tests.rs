use serde_json::{Value, json};

use super::*;
use crate::dsn::tests::with;

fn config(parameters: Value) -> Result<Config, Error> {
    with(&json!({ "parameters": parameters })).unwrap().tokio_postgres().map(|(config, _)| config)
}

#[test]
fn what_the_broker_says_is_said_and_nothing_weaker() {
    let said = config(json!({
        "sslmode": "verify-full", "sslnegotiation": "direct", "channel_binding": "require",
        "target_session_attrs": "read-write", "connect_timeout": 7, "application_name": "dsn:1",
    }));
    let said = said.unwrap();
    assert_eq!(said.get_ssl_mode(), SslMode::Require);
    assert_eq!(said.get_ssl_negotiation(), SslNegotiation::Direct);
    assert_eq!(said.get_channel_binding(), ChannelBinding::Require);
    assert_eq!(said.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
    assert_eq!(said.get_connect_timeout(), Some(&Duration::from_secs(7)));
    assert_eq!(said.get_application_name(), Some("dsn:1"));
    assert_eq!(config(json!({ "sslmode": "disable" })).unwrap().get_ssl_mode(), SslMode::Disable);
}

#[test]
fn what_it_cannot_be_told_is_refused() {
    for (name, value) in [
        ("sslmode", json!("verify-ca")),
        ("sslmode", json!("require")),
        ("sslmode", json!(null)),
        ("sslnegotiation", json!("other")),
        ("channel_binding", json!("other")),
        ("target_session_attrs", json!("standby")),
    ] {
        let refused = config(json!({ name: value })).unwrap_err().to_string();
        assert!(refused.contains(name) && !refused.contains("hidden"), "{refused}");
    }
    let dsn = with(&json!({ "ca_pem": "no certificate" })).unwrap();
    assert!(dsn.tokio_postgres().is_err_and(|error| error.to_string().contains("CA")));
}
