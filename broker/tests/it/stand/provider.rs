//! What the tests of databases at providers share.

use devstack::Postgres;
use serde_json::Value;

use super::{Answer, Stand, psql};

impl Stand {
    /// The DSN of a role, as an application gets it.
    pub async fn dsn(&self, role: &str) -> Value {
        self.try_dsn(role).await.ok()
    }

    /// The same, whatever is answered.
    pub async fn try_dsn(&self, role: &str) -> Answer {
        let caller = self.caller("app-orders");
        caller.get(&caller.dsn_path(role)).await
    }

    /// Has an operator rotate the password of a role.
    pub async fn rotate(&self, database: &str, role: &str) -> Answer {
        let body = serde_json::json!({ "role": role });
        self.caller("operator").post(&format!("/v1/databases/{database}/rotate"), &body).await
    }

    /// Waits until this many users of ours are left on a server.
    pub async fn until_made(&self, server: &Postgres, count: usize) {
        self.until(|| async {
            let users = made(server).await;
            if users.len() == count {
                return Ok(());
            }
            let leases = self.at_ledger("select state, due_at, attempts, last_error from leases").await;
            Err(format!("{users:?} {leases}"))
        })
        .await;
    }
}

impl Answer {
    /// The status, and the name of the kind of a problem.
    pub fn told(&self) -> (u16, String) {
        (self.status.as_u16(), self.problem())
    }
}

/// The users of ours on a server.
pub async fn made(server: &Postgres) -> Vec<String> {
    let query = r"select rolname from pg_roles where rolname like 'dsn\_%' order by 1";
    server.query_text("postgres", query).await.unwrap().lines().map(str::to_owned).collect()
}

/// A member of an answer that is a text.
#[track_caller]
pub fn text<'a>(answer: &'a Value, member: &str) -> &'a str {
    answer[member].as_str().unwrap_or_else(|| panic!("no {member}: {answer}"))
}

/// The user and password in the DSN are good.
pub async fn lets_in(dsn: &str) -> bool {
    psql(dsn, "select 1").await.ok
}
