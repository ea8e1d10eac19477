//! How long a client may leave what it is sent untaken.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

/// Watches the writes to one connection.
pub(super) struct Untaken {
    patience: Duration,
    /// `None` while everything is taken.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Untaken {
    pub(super) fn within(patience: Duration) -> Self {
        Self { patience, deadline: None }
    }

    /// The outcome of a write; an error once nothing was taken for too long. What is taken in full begins the time anew.
    pub(super) fn watch<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.deadline = None;
            return written;
        }
        let patience = self.patience;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(patience)));
        deadline.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}
