//! Servers that die, hang and come back: what goes on without them, and that all heals without a restart.

mod ledger;
mod load;
mod redis;
mod target;

use crate::stand::{Answer, Stand};

/// Asks until the answer has this status; answers it.
async fn until_status(stand: &Stand, role: &str, status: u16) -> Answer {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let caller = stand.caller("app-orders");
        let answer = caller.get(&caller.dsn_path(role)).await;
        if answer.status == status {
            return answer;
        }
        assert!(tokio::time::Instant::now() < deadline, "{}: {}", answer.status, answer.text);
    }
}
