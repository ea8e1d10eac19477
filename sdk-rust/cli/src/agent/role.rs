//! The files of one role, which hold one credential.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use dsn_broker_sdk::{Broker, Changes, Dsn, Error, Keeper, Request};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::config::File;
use super::standing::Standings;
use super::{LOOK, pause};
use crate::ca::{self, WithCa};
use crate::file::{self, Readers};
use crate::show;

/// A role, and the files that are kept for it.
pub(super) struct Role {
    name: String,
    /// One for each text that the broker is asked for.
    texts: Vec<Text>,
    /// That of the first text. The others are asked for when it has another.
    kept: Option<Kept>,
    /// What was answered to each, all at about the same time.
    answers: Vec<Arc<Dsn>>,
    /// Of which of them all files are.
    written: Option<Arc<Dsn>>,
    /// Whether it was said that the texts are of different credentials.
    is_told: bool,
    /// What was last said to be wrong.
    said: Option<String>,
}

/// A text of the broker, and the files that are made of it.
struct Text {
    request: WithCa,
    files: Vec<File>,
}

struct Kept {
    keeper: Keeper,
    changes: Changes,
}

impl Role {
    /// All roles of the files.
    pub(super) fn all(broker: &Broker, mut files: Vec<File>) -> Vec<Self> {
        let mut roles: Vec<Self> = Vec::new();
        // Those that are content with any text come last.
        files.sort_by_key(File::takes_any_text);
        for file in files {
            if let Some(role) = roles.iter_mut().find(|role| role.name == file.role) {
                role.add(broker, file);
                continue;
            }
            let mut role = Self {
                name: file.role.clone(),
                texts: Vec::new(),
                kept: None,
                answers: Vec::new(),
                written: None,
                is_told: false,
                said: None,
            };
            role.add(broker, file);
            roles.push(role);
        }
        roles
    }

    fn add(&mut self, broker: &Broker, file: File) {
        if let Some(text) = self.texts.iter_mut().find(|text| text.is_for(&file)) {
            return text.files.push(file);
        }
        // Where no text is wanted, none is that has to name a file.
        let format = if file.takes_any_text() { "json" } else { &file.format };
        let mut request = broker.request(&self.name).format(format);
        if let Some(endpoint) = &file.endpoint {
            request = request.endpoint(endpoint);
        }
        if let Some(os) = &file.os {
            request = request.os(os);
        }
        self.texts.push(Text { request: WithCa::new(request, file.ca_file.clone()), files: vec![file] });
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Writes the files once, as often as it takes.
    pub(super) async fn write(mut self) {
        let mut failures = 0;
        while let Err(error) = self.renew(&Notify::new()).await {
            failures += 1;
            self.say(Some(format!("{error:#}")));
            sleep(pause(failures, wanted(&error))).await;
        }
    }

    /// Keeps the files for ever. Tells how they are, and when they have changed.
    pub(super) async fn keep(mut self, standings: Standings, changed: Arc<Notify>) -> Infallible {
        let mut failures = 0;
        loop {
            let (wrong, wait) = match self.renew(&changed).await {
                Ok(()) => {
                    failures = 0;
                    (self.late(), LOOK)
                }
                Err(error) => {
                    failures += 1;
                    (Some(format!("{error:#}")), pause(failures, wanted(&error)))
                }
            };
            standings.tell(&self.name, self.written.as_ref(), wrong.as_deref());
            self.say(wrong);
            tokio::select! {
                () = change(self.kept.as_mut()) => {}
                () = sleep(wait) => {}
            }
        }
    }

    /// Makes the files what they should be, if they are not.
    async fn renew(&mut self, changed: &Notify) -> anyhow::Result<()> {
        let current = self.current().await?;
        if !is_same(self.answers.first(), &current) {
            self.answers = self.with_others(Arc::clone(&current)).await?;
        }
        if !is_same(self.written.as_ref(), &current) {
            self.write_all(changed)?;
            self.written = Some(current);
        }
        Ok(())
    }

    /// The present answer to the first text.
    async fn current(&mut self) -> anyhow::Result<Arc<Dsn>> {
        // Its database may have got a CA of its own.
        self.kept.take_if(|kept| kept.keeper.last_error().is_some_and(|error| ca::is_wanted(&error)));
        if let Some(kept) = &self.kept {
            return Ok(kept.keeper.current()?);
        }
        let Some(first) = self.texts.first_mut() else { bail!("there are none") };
        let keeper = first.request.ask(Request::keep).await?;
        let (current, changes) = (keeper.current()?, keeper.changes());
        self.kept = Some(Kept { keeper, changes });
        Ok(current)
    }

    /// The answers to all texts, of one credential where it can be shared.
    async fn with_others(&mut self, current: Arc<Dsn>) -> anyhow::Result<Vec<Arc<Dsn>>> {
        let mut answers = vec![current];
        for text in self.texts.iter_mut().skip(1) {
            let ask = async |request: Request| request.get().await;
            answers.push(Arc::new(text.request.ask(ask).await?));
        }
        let is_outdated = |(text, answer): (&mut Text, &Arc<Dsn>)| text.request.is_outdated(answer);
        let is_outdated = self.texts.iter_mut().zip(&answers).map(is_outdated).filter(|it| *it).count() > 0;
        let are_apart = answers.windows(2).any(|pair| match pair {
            [one, other] => one.is_shared() && one.lease_id() != other.lease_id(),
            _ => false,
        });
        if answers.len() > 1 && answers.iter().any(|answer| !answer.is_shared()) && !self.is_told {
            self.is_told = true;
            let (name, count) = (&self.name, answers.len());
            show::note(&format!(
                "the files of {name} are {count} different texts, each with a credential of its own, since none is shared \
                 (`share: request`): with `share: instance` they have one, and so have templates without `dsn`"
            ));
        }
        if is_outdated || are_apart {
            self.kept = None;
            bail!("their credential or CA changed while they were asked for; they are asked for again");
        }
        Ok(answers)
    }

    /// Writes what is not there already: each CA before what names it, and nothing if not all can be rendered.
    fn write_all(&self, changed: &Notify) -> anyhow::Result<()> {
        let mut contents = Vec::new();
        let files = self.texts.iter().zip(&self.answers);
        let files = files.flat_map(|(text, answer)| text.files.iter().map(move |file| (file, answer)));
        for (File { path, template, ca_file, rights, .. }, answer) in files {
            contents.extend(answer.ca_pem().map(|pem| (ca_file, pem.to_owned(), Readers::Everyone)));
            let content = match template {
                Some(template) => {
                    template.render(answer, ca_file).with_context(|| path.display().to_string())?
                }
                None => answer.text().to_owned(),
            };
            contents.push((path, content, Readers::These(*rights)));
        }
        for (path, content, readers) in contents {
            if !file::is_there(path, &content, readers) {
                let was_there = path.exists();
                file::replace(path, &content, readers)?;
                // What is there for the first time is nothing that anyone has read before.
                if was_there {
                    show::note(&format!("{} has changed", path.display()));
                    changed.notify_one();
                } else {
                    show::note(&format!("{} is there", path.display()));
                }
            }
        }
        Ok(())
    }

    /// Why there is no successor, where there should be one.
    fn late(&self) -> Option<String> {
        let error = self.kept.as_ref()?.keeper.last_error()?;
        Some(format!("there is no successor yet of their DSN: {error}"))
    }

    /// Says what is wrong, once.
    fn say(&mut self, wrong: Option<String>) {
        if let Some(wrong) = wrong.as_ref().filter(|wrong| self.said.as_ref() != Some(wrong)) {
            show::note(&format!("the files of {}: {wrong}", self.name));
        }
        self.said = wrong;
    }
}

impl Text {
    /// Whether the file is made of it, too.
    fn is_for(&self, file: &File) -> bool {
        let is_it = |own: &File| {
            let is_text = (&own.format, &own.os, &own.ca_file) == (&file.format, &file.os, &file.ca_file);
            own.endpoint == file.endpoint && (is_text || file.takes_any_text())
        };
        self.files.first().is_some_and(is_it)
    }
}

/// When the broker wants to be asked again.
fn wanted(error: &anyhow::Error) -> Option<Duration> {
    error.downcast_ref::<Error>()?.retry_after()
}

/// Waits for another DSN, if there is one that is kept.
async fn change(kept: Option<&mut Kept>) {
    let next = match kept {
        Some(kept) => kept.changes.next().await,
        None => None,
    };
    if next.is_none() {
        std::future::pending().await
    }
}

fn is_same(held: Option<&Arc<Dsn>>, current: &Arc<Dsn>) -> bool {
    held.is_some_and(|held| Arc::ptr_eq(held, current))
}
