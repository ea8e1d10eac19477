//! Rotated passwords at Neon, whose edge refuses a password in its own words.

use super::*;
use crate::stand::{log, run};

#[test]
fn a_password_that_is_not_the_right_one_is_not_adopted() {
    run(async {
        let neon = neon().await;
        let mut settings = settings(&neon, |_| {}).await;
        let users = pair(&neon, &settings).await;
        let adopt =
            json!({ "username": users[0], "password": settings.secret("wrong", "Adopted-password-2") });
        settings.config["roles"]["neon-wrong"] = json!({
            "database": "neon", "ttl": "1h",
            "credential": { "kind": "rotated_password", "users": users, "rotate": "manual", "adopt": adopt },
        });
        settings.config["bindings"][0]["roles"].as_array_mut().unwrap().push("neon-wrong".into());
        let site = Site { neon, stand: Stand::on(settings).await };
        let refused = site.try_dsn("neon-wrong").await;
        assert_eq!(refused.problem(), "engine-refused");
        let lines = log::of_request(refused.headers["x-request-id"].to_str().unwrap());
        let why = "correct it, or leave `adopt` out";
        assert!(lines.iter().any(|line| line.to_string().contains(why)), "{lines:#?}");
        site.stop().await;
    });
}
