//! The end of a user: no new logins, no sessions, no user.

use crate::engine::mysql::connections::{self, Connections};
use crate::engine::mysql::failure::{Failure, Kind, NO_SUCH_THREAD};
use crate::engine::mysql::quote;

/// Ends the user's sessions and removes it. Succeeds if there is none.
///
/// A session that was about to begin when logins ended is not seen at first: so it is looked for once more when the user
/// is gone.
pub(super) async fn remove(connections: &Connections, username: &str) -> Result<(), Failure> {
    end_sessions(connections, &lock(username)?, username).await?;
    end_sessions(connections, &format!("DROP USER IF EXISTS {}", quote::user(username)?), username).await
}

/// Ends the sessions of a user that stays.
pub(super) async fn end_all_sessions(connections: &Connections, username: &str) -> Result<(), Failure> {
    end_sessions(connections, "DO 0", username).await
}

/// Ends new logins; succeeds if there is no such user.
pub(super) fn lock(username: &str) -> Result<String, Failure> {
    Ok(format!("ALTER USER IF EXISTS {} ACCOUNT LOCK", quote::user(username)?))
}

/// Does something, and ends the sessions that there are then.
async fn end_sessions(connections: &Connections, first: &str, username: &str) -> Result<(), Failure> {
    let sessions = format!(
        "{first};\nSELECT CAST(ID AS CHAR) FROM information_schema.PROCESSLIST WHERE USER = {}",
        quote::literal(username)?
    );
    for look in 1..=LOOKS {
        let rows = connections.run(|server| server.must_show_sessions().map(|()| sessions.clone())).await?;
        if rows.is_empty() {
            return Ok(());
        }
        for row in &rows {
            let id: u64 = connections::text(row)?
                .parse()
                .map_err(|_| Failure::refused("the server named a session without a number"))?;
            match connections.run(|server| Ok(server.kill(id))).await {
                // It has ended by itself.
                Err(failure) if failure.is(NO_SUCH_THREAD) => {}
                other => drop(other?),
            }
        }
        connections.pause(look).await;
    }
    Err(Failure { kind: Kind::Unavailable, number: None, detail: "sessions have not ended yet".to_owned() })
}

/// How often it is looked whether sessions have ended: for some 3 seconds.
const LOOKS: u32 = 30;
