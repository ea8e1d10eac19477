//! What is wrong with a configuration, and where.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::config::located::Located;

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration {} cannot be read", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It was read, and these things in it are wrong.
    #[error("{}", lines(.file, .mistakes))]
    Wrong {
        /// The file.
        file: PathBuf,
        /// Everything that is wrong, in the order of the file; never empty.
        mistakes: Vec<Mistake>,
    },
}

/// One thing that is wrong with a configuration, or worth a warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The line, from 1; 0 where the file has no line for it.
    pub line: u64,
    /// The column, from 1.
    pub column: u64,
    /// Where it is: `roles.orders-reader.ttl`. Empty for the file as a whole.
    pub key: String,
    /// What is wrong and what to do. Never a secret.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "{}:{}: ", self.line, self.column)?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

/// Where something is in the configuration: one step after another from the top.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Key(pub(super) Vec<Step>);

/// One step of a [`Key`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Into a map.
    Name(String),
    /// Into a list.
    Index(usize),
}

impl Key {
    pub(super) fn top(name: &str) -> Self {
        Self::default().at(name)
    }

    pub(super) fn at(&self, name: impl fmt::Display) -> Self {
        self.with(Step::Name(name.to_string()))
    }

    pub(super) fn index(&self, index: usize) -> Self {
        self.with(Step::Index(index))
    }

    fn with(&self, step: Step) -> Self {
        Self(self.0.iter().cloned().chain([step]).collect())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            match step {
                Step::Name(name) if name.contains(['.', '[', ' ']) => write!(f, "{dot}{name:?}")?,
                Step::Name(name) => write!(f, "{dot}{name}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// Gathers mistakes, so that all are named at once.
#[derive(Debug, Default)]
pub(super) struct Mistakes(Vec<(Key, String)>);

impl Mistakes {
    pub(super) fn add(&mut self, key: Key, message: impl Into<String>) {
        self.0.push((key, message.into()));
    }

    /// Adds the error and its sources.
    pub(super) fn add_error(&mut self, key: Key, error: &dyn std::error::Error) {
        let chain = std::iter::successors(Some(error), |error| error.source());
        self.add(key, chain.map(ToString::to_string).collect::<Vec<_>>().join(": "));
    }

    /// The mistakes with their places, in the order of the file.
    pub(super) fn locate(self, tree: &Located) -> Vec<Mistake> {
        let located = self.0.into_iter().map(|(key, message)| {
            let place = tree.nearest(&key);
            Mistake { line: place.line(), column: place.column(), key: key.to_string(), message }
        });
        let mut mistakes: Vec<_> = located.collect();
        mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
        mistakes
    }
}

fn lines(file: &std::path::Path, mistakes: &[Mistake]) -> String {
    let separator = |mistake: &Mistake| if mistake.line > 0 { ":" } else { ": " };
    let line = |mistake: &Mistake| format!("{}{}{mistake}", file.display(), separator(mistake));
    mistakes.iter().map(line).collect::<Vec<_>>().join("\n")
}
