use std::process::ExitCode;

use serde_json::{Value, json};

use crate::doctor::Found;
use crate::show::{self, BAD, FAINT, GOOD, style};

/// What was found, step by step.
pub(super) struct Report {
    /// Whether it is said at its end, to a script.
    json: bool,
    about: String,
    steps: Vec<Value>,
    is_well: bool,
}

impl Report {
    pub(super) fn new(json: bool) -> Self {
        Self { json, about: String::new(), steps: Vec::new(), is_well: true }
    }

    /// What the steps are about from now on.
    pub(super) fn about(&mut self, about: &str) -> anyhow::Result<()> {
        about.clone_into(&mut self.about);
        self.say(about)
    }

    /// A step, with what there is to go on with; nothing if it failed.
    pub(super) fn step<T>(&mut self, step: &str, found: Found<T>) -> anyhow::Result<Option<T>> {
        let about = &self.about;
        match found {
            Ok((value, what)) => {
                self.steps.push(json!({ "about": about, "step": step, "ok": true, "what": what }));
                self.say(&format!("  {}  {step:<11} {what}", style(GOOD, "ok  ")))?;
                Ok(Some(value))
            }
            Err(trouble) => {
                let (what, remedy) = (&trouble.what, &trouble.remedy);
                self.steps.push(
                    json!({ "about": about, "step": step, "ok": false, "what": what, "remedy": remedy }),
                );
                self.say(&format!("  {}  {step:<11} {what}", style(BAD, "FAIL")))?;
                self.say(&format!("        {:<11} {remedy}", style(FAINT, "what to do")))?;
                self.is_well = false;
                Ok(None)
            }
        }
    }

    pub(super) fn note(&self, text: &str) -> anyhow::Result<()> {
        self.say(&style(FAINT, text))
    }

    fn say(&self, line: &str) -> anyhow::Result<()> {
        if self.json { Ok(()) } else { show::text(line) }
    }

    /// All that was found; it fails if anything did.
    pub(super) fn end(self) -> anyhow::Result<ExitCode> {
        if self.json {
            show::json(&Value::Array(self.steps))?;
        }
        Ok(if self.is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
