//! `dsn-broker migrate`

use serde_json::Value;

use super::program::{configured, settings};
use crate::stand::run;

const PRIVILEGES: &str = "select table_name, privilege_type from information_schema.role_table_grants \
    where grantee = 'ledger_writer' order by 1, 2";

#[test]
fn it_may_be_run_again_and_gives_the_writer_what_it_needs_and_no_more() {
    run(async {
        let settings = settings().await;
        for _ in 0..2 {
            let done = configured(&settings, &["migrate"]).await;
            assert_eq!((done.code, done.stderr.as_str()), (Some(0), "the ledger's schema is up to date\n"));
        }
        let privileges = settings.world.ledger().query_text(&settings.ledger, PRIVILEGES).await.unwrap();
        let expected = "audit_events|INSERT\naudit_events|SELECT\naudit_heads|INSERT\naudit_heads|SELECT\n\
                        installation|SELECT\nleases|INSERT\nleases|SELECT\nleases|UPDATE\n\
                        passwords|INSERT\npasswords|SELECT\npasswords|UPDATE";
        assert_eq!(privileges.trim_end(), expected);
    });
}

#[test]
fn without_its_owner_it_cannot_be_made_and_says_so() {
    run(async {
        let mut settings = settings().await;
        settings.config["ledger"]["owner_url"] = Value::Null;
        let done = configured(&settings, &["migrate"]).await;
        assert_eq!(done.code, Some(1));
        assert!(done.stderr.contains("permission denied"), "{}", done.stderr);
    });
}
