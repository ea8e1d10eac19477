//! The whole story: a token goes in, a verified DSN comes out, a query runs through it, and the credential is
//! gone in time.

use crate::stand::{Stand, psql, run};

const WHO: &str = "select current_user, ssl from pg_stat_ssl where pid = pg_backend_pid()";

#[test]
fn a_token_becomes_a_session_that_ends_with_its_lease() {
    run(async {
        let stand = Stand::start().await;
        let caller = stand.caller("app-orders");
        let answer = caller.dsn("orders-reader").await;
        let dsn = answer["dsn"].as_str().unwrap();
        let user = answer["parameters"]["user"].as_str().unwrap();
        let session = psql(dsn, WHO).await;
        assert_eq!(session.stdout, format!("{user}|t"), "{}", session.stderr);
        assert!(psql(dsn, "select count(*) from app.orders").await.ok);
        assert!(!psql(dsn, "delete from app.orders").await.ok, "a reader only reads");
        let shown = format!("select application_name from pg_stat_activity where usename = '{user}'");
        let named = psql(dsn, &shown).await.stdout;
        assert!(named.contains(answer["lease_id"].as_str().unwrap()), "{named}");

        let lease = format!("/v1/leases/{}", answer["lease_id"].as_str().unwrap());
        assert_eq!(caller.get(&lease).await.ok()["state"], "active");
        assert_eq!(caller.delete(&lease).await.ok()["state"], "revoked");
        let refused = psql(dsn, WHO).await;
        assert!(!refused.ok && refused.stderr.contains("authentication failed"), "{}", refused.stderr);
        assert_eq!(stand.users().await, [""; 0]);
        let next = caller.dsn("orders-reader").await;
        assert_ne!(next["lease_id"], answer["lease_id"], "what was revoked is not handed out again");
        stand.stop().await;
    });
}
