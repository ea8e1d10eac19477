//! What the annotations of a pod say, before any of it is understood.

use std::collections::BTreeMap;

/// What all of ours begin with.
pub(crate) const PREFIX: &str = "dsn-broker.io/";

/// What a person is told: why the pod is refused, and what is worth knowing where it is not.
#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) mistakes: Vec<String>,
    pub(crate) warnings: Vec<String>,
}

impl Notes {
    pub(crate) fn mistake(&mut self, what: impl Into<String>) {
        self.mistakes.push(what.into());
    }

    pub(crate) fn warn(&mut self, what: impl Into<String>) {
        self.warnings.push(what.into());
    }
}

/// A value, and the annotation that a person wrote it in.
#[derive(Clone)]
pub(crate) struct Said {
    pub(crate) annotation: String,
    pub(crate) value: String,
}

impl Said {
    pub(crate) fn new(annotation: impl Into<String>, value: impl Into<String>) -> Self {
        Self { annotation: annotation.into(), value: value.into() }
    }

    /// What the value means, or what is wrong with it.
    pub(crate) fn read<T>(
        &self,
        notes: &mut Notes,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        read(&self.value).map_err(|wrong| notes.mistake(format!("{}: {wrong}", self.annotation))).ok()
    }
}

/// Annotations by their names without the prefix. What is understood is taken out; what is left is a mistake.
#[derive(Default)]
pub(crate) struct Annotations(BTreeMap<String, Said>);

impl Annotations {
    /// Those under this prefix.
    pub(crate) fn under(prefix: &str, all: &BTreeMap<String, String>) -> Self {
        let ours = all.iter().filter_map(|(annotation, value)| {
            Some((annotation.strip_prefix(prefix)?.to_owned(), Said::new(annotation, value)))
        });
        Self(ours.collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Adds what another way of writing means. Nothing that is there gives way to it.
    pub(crate) fn add(&mut self, name: &str, said: Said, notes: &mut Notes) {
        match self.0.get(name) {
            None => drop(self.0.insert(name.to_owned(), said)),
            Some(there) => {
                notes.mistake(format!(
                    "{} and {} say the same: leave one out",
                    there.annotation, said.annotation
                ));
            }
        }
    }

    pub(crate) fn take(&mut self, name: &str) -> Option<Said> {
        self.0.remove(name)
    }

    /// All that begin so, by the rest of their names.
    pub(crate) fn take_all(&mut self, family: &str) -> BTreeMap<String, Said> {
        let names: Vec<_> = self.0.keys().filter(|name| name.starts_with(family)).cloned().collect();
        let taken = names.into_iter().filter_map(|name| {
            let said = self.0.remove(&name)?;
            Some((name.strip_prefix(family)?.to_owned(), said))
        });
        taken.collect()
    }

    pub(crate) fn rest(self) -> impl Iterator<Item = (String, Said)> {
        self.0.into_iter()
    }
}

/// That which someone may have meant, to be put behind a message.
pub(crate) fn meant<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    known
        .into_iter()
        .map(|known| (strsim::osa_distance(written, known), known))
        .filter(|(distance, known)| *distance <= 1 + known.len() / 5)
        .min()
        .map_or_else(String::new, |(_, known)| format!(", did you mean {known}?"))
}
