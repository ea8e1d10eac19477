//! The password of the broker's own user, which the broker can change itself.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;

use crate::engine::EngineError;
use crate::engine::postgres::PasswordSource;
use crate::secret::Secret;

/// What is kept of passwords that were changed by the broker.
pub trait KeptPasswords: Send + Sync {
    /// Those of this user, the likeliest first: the one that was in force last, and the one that may be since.
    fn of<'a>(&'a self, username: &'a str) -> BoxFuture<'a, Vec<Secret>>;
}

/// The password of the configuration, until the broker has changed it.
pub(in crate::engine) struct Changeable {
    username: String,
    configured: Secret,
    kept: Arc<dyn KeptPasswords>,
    /// The one that was right the last time.
    right: Mutex<Option<Secret>>,
}

/// Logs in with the password that is thought right; where it is refused, with those that may be.
pub(in crate::engine) async fn log_in<C, E: From<EngineError>, F: Future<Output = Result<C, E>>>(
    source: &dyn PasswordSource,
    connect: impl Fn(Secret) -> F,
    is_refusal: impl Fn(&E) -> bool,
) -> Result<C, E> {
    let password = source.password().await?;
    let refused = match connect(password.clone()).await {
        Err(error) if is_refusal(&error) => error,
        other => return other,
    };
    for other in source.others(&password).await {
        match connect(other.clone()).await {
            Err(error) if is_refusal(&error) => {}
            connected => {
                if connected.is_ok() {
                    source.was_right(&other);
                }
                return connected;
            }
        }
    }
    Err(refused)
}

impl Changeable {
    pub(in crate::engine) fn new(username: &str, configured: Secret, kept: Arc<dyn KeptPasswords>) -> Self {
        Self { username: username.to_owned(), configured, kept, right: Mutex::new(None) }
    }
}

impl PasswordSource for Changeable {
    fn password(&self) -> BoxFuture<'_, Result<Secret, EngineError>> {
        Box::pin(async {
            let right = self.right.lock().unwrap_or_else(PoisonError::into_inner).clone();
            match right {
                Some(right) => Ok(right),
                None => Ok(self
                    .kept
                    .of(&self.username)
                    .await
                    .into_iter()
                    .next()
                    .unwrap_or(self.configured.clone())),
            }
        })
    }

    fn others<'a>(&'a self, refused: &'a Secret) -> BoxFuture<'a, Vec<Secret>> {
        Box::pin(async move {
            let mut others = self.kept.of(&self.username).await;
            // Somebody else may have changed it, and the configuration after it.
            others.push(self.configured.clone());
            others.retain(|other| other != refused);
            others
        })
    }

    fn was_right(&self, password: &Secret) {
        *self.right.lock().unwrap_or_else(PoisonError::into_inner) = Some(password.clone());
    }
}
