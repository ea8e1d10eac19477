//! How the files of each role are, for those who wait for them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use dsn_broker_sdk::Dsn;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::LOOK;
use crate::file::{self, Readers};
use crate::show;

/// How the files of all roles are.
#[derive(Clone)]
pub(super) struct Standings(Arc<watch::Sender<Vec<Standing>>>);

/// How the files of a role are.
struct Standing {
    role: String,
    /// Of which DSN all of them are.
    held: Option<Arc<Dsn>>,
    /// What is wrong, if there is something.
    wrong: Option<String>,
}

impl Standings {
    /// There is no file yet.
    pub(super) fn of<'a>(roles: impl Iterator<Item = &'a str>) -> Self {
        let standing = |role: &str| Standing { role: role.to_owned(), held: None, wrong: None };
        Self(Arc::new(watch::Sender::new(roles.map(standing).collect())))
    }

    pub(super) fn tell(&self, role: &str, held: Option<&Arc<Dsn>>, wrong: Option<&str>) {
        self.0.send_modify(|standings| {
            if let Some(standing) = standings.iter_mut().find(|standing| standing.role == role) {
                (standing.held, standing.wrong) = (held.cloned(), wrong.map(str::to_owned));
            }
        });
    }

    /// Keeps a file there for as long as all files are good.
    pub(super) async fn keep(&self, ready: PathBuf) -> anyhow::Result<()> {
        let mut news = self.0.subscribe();
        let mut said = None;
        loop {
            let (is_ready, next) = {
                let standings = news.borrow_and_update();
                let left = standings.iter().map(Standing::left).min().unwrap_or_default();
                (!left.is_zero(), if left.is_zero() { LOOK } else { left.min(LOOK) })
            };
            let done = match is_ready {
                true if file::is_there(&ready, "", Readers::Everyone) => Ok(()),
                true => file::replace(&ready, "", Readers::Everyone),
                false => remove(&ready),
            };
            let wrong = done.err().map(|error| format!("{error:#}"));
            if let Some(wrong) = wrong.as_ref().filter(|wrong| said.as_ref() != Some(*wrong)) {
                show::note(wrong);
            }
            said = wrong;
            tokio::select! {
                changed = news.changed() => changed?,
                () = tokio::time::sleep(next) => {}
            }
        }
    }

    /// Tells it by HTTP.
    pub(super) async fn serve(self, listener: TcpListener) -> anyhow::Result<()> {
        let ready = move || {
            let reasons: Vec<_> = self.0.borrow().iter().filter_map(Standing::reason).collect();
            let answer = match reasons.is_empty() {
                true => (StatusCode::OK, "all files are there, and good\n".to_owned()),
                false => (StatusCode::SERVICE_UNAVAILABLE, reasons.concat()),
            };
            std::future::ready(answer)
        };
        let router = Router::new().route("/readyz", get(ready)).route("/healthz", get(async || "ok\n"));
        Ok(axum::serve(listener, router).await?)
    }
}

impl Standing {
    /// For how long its files are good.
    fn left(&self) -> Duration {
        self.held.as_ref().map(|dsn| dsn.remaining()).unwrap_or_default()
    }

    /// Why they are not, in a line.
    fn reason(&self) -> Option<String> {
        let because = self.wrong.as_deref().map_or_else(String::new, |wrong| format!(": {wrong}"));
        match &self.held {
            None => Some(format!("{}: its files are not there yet{because}\n", self.role)),
            Some(dsn) if dsn.remaining().is_zero() => {
                Some(format!("{}: the DSN in its files ended at {}{because}\n", self.role, dsn.expires_at()))
            }
            Some(_) => None,
        }
    }
}

pub(super) async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("`ready.listen`: {address} cannot be had"))
}

/// Removes the file, if it is there.
pub(super) fn remove(file: &std::path::Path) -> anyhow::Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} cannot be removed", file.display()))
        }
        _ => Ok(()),
    }
}
