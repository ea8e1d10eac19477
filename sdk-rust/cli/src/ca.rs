//! The CA of a database, for texts that name its file.

use std::path::PathBuf;

use anyhow::Context as _;
use dsn_broker_sdk::{Dsn, Error, Request};

use crate::file::{self, Readers};

/// A request whose text names the file of a private CA where it has to.
pub(crate) struct WithCa {
    request: Request,
    file: PathBuf,
    is_named: bool,
}

impl WithCa {
    pub(crate) fn new(request: Request, file: PathBuf) -> Self {
        Self { request, file, is_named: false }
    }

    /// What the broker answers.
    ///
    /// It refuses to render a text that has to name the file and does not before it makes anything: nothing is made in vain.
    pub(crate) async fn ask<T>(
        &mut self,
        ask: impl AsyncFn(Request) -> Result<T, Error>,
    ) -> anyhow::Result<T> {
        if !self.is_named {
            match ask(self.request.clone()).await {
                Err(error) if is_wanted(&error) => self.is_named = true,
                answer => return Ok(answer?),
            }
        }
        let file = self.file.to_str().context("the path of the CA is not UTF-8")?;
        Ok(ask(self.request.clone().ca_file(file)).await?)
    }

    /// Writes the CA, if it is a private one.
    pub(crate) fn write(&self, answer: &Dsn) -> anyhow::Result<()> {
        answer.ca_pem().map_or(Ok(()), |pem| file::replace(&self.file, pem, Readers::Everyone))
    }

    /// Whether the answer is to be asked for anew, since it names a file and its database has no CA of its own any more.
    pub(crate) fn is_outdated(&mut self, answer: &Dsn) -> bool {
        let is_outdated = self.is_named && answer.ca_pem().is_none();
        self.is_named &= !is_outdated;
        is_outdated
    }
}

/// Whether a text cannot be had without the name of the file.
pub(crate) fn is_wanted(error: &Error) -> bool {
    matches!(error, Error::Refused(problem) if problem.field.as_deref() == Some("ca_file"))
}
