//! A row that cannot be what it says it is names its place, and stops nobody else.

use std::time::Duration;

use dsn_broker::id::LeaseId;
use dsn_broker::ledger::{Filter, LedgerError};

use crate::stand::{Stand, run};

const CHECKS: [&str; 5] = [
    "leases_state_is_known",
    "leases_reason_is_known",
    "leases_share_is_known",
    "leases_drain_is_not_negative",
    "leases_times_fit_the_state",
];

async fn drop_checks(stand: &Stand) {
    for name in CHECKS {
        stand.at_ledger(&format!("alter table leases drop constraint {name}")).await;
    }
}

#[test]
fn a_row_that_cannot_be_is_an_error_that_names_table_column_and_row() {
    run(async {
        let stand = Stand::start().await;
        let answer = stand.caller("app-orders").dsn("orders-reader").await;
        let id = answer["lease_id"].as_str().unwrap();
        let lease: LeaseId = id.parse().unwrap();
        drop_checks(&stand).await;
        for (expected, change) in [
            ("state", "state = 'alive'"),
            ("state", "ended_at = now()"),
            ("state", "expires_at = null"),
            ("state", "state = 'pending'"),
            ("reason", "reason = 'boredom'"),
            ("share", "share = 'everyone'"),
            ("engine", "engine = 'abacus'"),
            ("drain_ms", "drain_ms = -1"),
            ("role", "role = 'no role'"),
            ("database", "database = ''"),
            ("issuer", "issuer = ''"),
            ("handle", "handle = '[]'"),
        ] {
            stand.at_ledger("create table kept as select * from leases").await;
            stand.at_ledger(&format!("update leases set {change}")).await;
            let found = stand.app.broker.ledger.lease(lease).await;
            let Err(LedgerError::Inconsistent { table, column, row }) = found else {
                panic!("{change}: {found:?}");
            };
            assert_eq!((table, column, row.as_str()), ("leases", expected, id), "{change}");
            assert!(stand.app.broker.ledger.leases(&Filter::default(), 10).await.is_err());
            stand
                .at_ledger("delete from leases; insert into leases select * from kept; drop table kept")
                .await;
        }
        assert_eq!(stand.caller("operator").get(&format!("/v1/leases/{id}")).await.status, 200);
        stand.at_ledger("update leases set state = 'alive'").await;
        let answer = stand.caller("operator").get(&format!("/v1/leases/{id}")).await;
        assert_eq!(answer.problem(), "internal", "{}", answer.text);
        stand.stop().await;
    });
}

#[test]
fn a_due_row_that_cannot_be_read_keeps_no_other_lease_from_its_end() {
    run(async {
        let stand = Stand::with(|config| config["databases"]["orders"]["concurrency"] = 2.into()).await;
        let caller = stand.caller("app-orders");
        let poison = caller.dsn("orders-request").await;
        for _ in 0..3 {
            caller.dsn("orders-request").await;
        }
        drop_checks(&stand).await;
        let poison = poison["lease_id"].as_str().unwrap();
        let spoil = format!(
            "update leases set share = 'everyone', due_at = due_at - interval '1s' where id = '{poison}'"
        );
        stand.at_ledger(&spoil).await;
        stand.clock.advance(Duration::from_secs(3600));
        stand.clock.advance(Duration::from_secs(31));
        stand
            .until(|| async {
                stand.clock.advance(Duration::from_secs(1));
                let users = stand.users().await;
                if users.len() == 1 { Ok(()) } else { Err(format!("{users:?}")) }
            })
            .await;
        assert_eq!(stand.at_ledger("select count(*) from leases where due_at is not null").await, "1");
        stand.stop().await;
    });
}
