//! What the broker's own user may do with its ledger: add to the audit, and nothing else there.

use crate::stand::{Settings, run, unique, world};

#[test]
fn the_brokers_user_adds_to_the_audit_and_can_neither_change_nor_remove_it() {
    run(async {
        let settings = Settings::new(world().await, &unique()).await;
        settings.migrate().await;
        let event = "insert into audit_events (stream, seq, at, action, detail, mac) \
                     values ('00000000-0000-7000-8000-000000000001', 1, now(), 'a', '{}', sha256(''))";
        let head = "insert into audit_heads (stream, seq, kind, at, mac, signature) \
                    values ('00000000-0000-7000-8000-000000000001', 1, 'head', now(), sha256(''), sha256(''))";
        for statement in [event, head, "select * from audit_events, audit_heads, installation, leases"] {
            let outcome = settings.as_writer(statement).await;
            assert!(outcome.ok, "{statement}: {}", outcome.stderr);
        }
        for (statement, refusal) in [
            ("update audit_events set detail = '{}'", "permission denied"),
            ("delete from audit_events", "permission denied"),
            ("truncate audit_events", "permission denied"),
            ("drop table audit_events", "must be owner"),
            ("alter table audit_events disable trigger all", "must be owner"),
            ("update audit_heads set seq = 2", "permission denied"),
            ("delete from audit_heads", "permission denied"),
            ("truncate audit_heads", "permission denied"),
            ("delete from leases", "permission denied"),
            ("truncate leases", "permission denied"),
            ("update installation set tag = '000000'", "permission denied"),
            ("delete from installation", "permission denied"),
            ("create table mine ()", "permission denied"),
            ("set role ledger_owner", "permission denied"),
        ] {
            let outcome = settings.as_writer(statement).await;
            assert!(!outcome.ok && outcome.stderr.contains(refusal), "{statement}: {}", outcome.stderr);
        }
        assert_eq!(settings.ask_ledger("select count(*) from audit_events").await, "1");
    });
}

#[test]
fn a_migration_that_was_run_is_run_again_without_effect() {
    run(async {
        let settings = Settings::new(world().await, &unique()).await;
        settings.migrate().await;
        let tag = settings.ask_ledger("select tag from installation").await;
        settings.write();
        let outcome = settings.program(&["migrate"]).await;
        assert!(outcome.ok, "{}", outcome.stderr);
        assert_eq!(settings.ask_ledger("select tag from installation").await, tag);
    });
}
