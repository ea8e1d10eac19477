//! The credentials of a branch, through the API.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::config::PlanetScale;
use crate::engine::EngineError;
use crate::engine::api::{ApiClient, ApiError, Request};
use crate::engine::planetscale::answer::{Bouncer, BranchState, Item, Login, Page};
use crate::engine::planetscale::product::{Deed, Product};
use crate::model::Handle;

/// A branch, as its API shows it.
pub(super) struct Branch {
    api: ApiClient,
    organization: String,
    database: String,
    name: String,
    product: Product,
    allow_default_role: bool,
}

impl Branch {
    pub(super) fn new(api: ApiClient, section: &PlanetScale, product: Product) -> Self {
        let PlanetScale { organization, database, branch, allow_default_role, .. } = section.clone();
        Self { api, organization, database, name: branch, product, allow_default_role }
    }

    /// What it is called in messages.
    pub(super) fn place(&self) -> String {
        format!("{} {}/{}/{}", self.api.host(), self.organization, self.database, self.name)
    }

    /// How it is.
    pub(super) async fn state(&self) -> Result<BranchState, EngineError> {
        let asked = self.api.ask(Request::new(Method::GET, &self.path(&[]))).await;
        asked.map_err(|error| self.explained(error, Deed::Look))
    }

    /// Its dedicated bouncers.
    pub(super) async fn bouncers(&self) -> Result<Vec<Bouncer>, EngineError> {
        self.all(&["bouncers"], None, Deed::Look).await
    }

    /// Makes a credential. What came of it is not known after [`EngineError::Unavailable`].
    pub(super) async fn create(&self, wish: &Value) -> Result<Item, EngineError> {
        let path = self.path(&[self.product.segment()]);
        let asked = self.api.ask(Request::new(Method::POST, &path).json(wish)).await;
        asked.map_err(|error| self.explained(error, Deed::Make))
    }

    /// Waits until it can be used. The caller bounds how long that may take.
    pub(super) async fn ready(&self, item: &Item) -> Result<(), EngineError> {
        let (mut ready, mut pause) = (item.ready, FIRST_PAUSE);
        while ready == Some(false) {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            let path = self.path(&[self.product.segment(), &item.id]);
            let asked: Result<Item, _> = self.api.ask(Request::new(Method::GET, &path)).await;
            ready = asked.map_err(|error| after_making(self.explained(error, Deed::List)))?.ready;
        }
        Ok(())
    }

    /// Gives it the time again that it was made with.
    pub(super) async fn renew(&self, id: &str) -> Result<Item, EngineError> {
        let path = self.path(&[self.product.segment(), id, "renew"]);
        let asked = self.api.ask(Request::new(Method::POST, &path)).await;
        asked.map_err(|error| self.explained(error, Deed::Make))
    }

    /// Removes what the handle says, by its identifier, or everything of its name where we do not know it.
    pub(super) async fn remove(&self, handle: &Handle) -> Result<(), EngineError> {
        let ids = match &handle.id {
            Some(id) => vec![id.clone()],
            None => self.named(&handle.username).await?.into_iter().map(|item| item.id).collect(),
        };
        for id in ids {
            self.delete(&id, handle).await?;
        }
        Ok(())
    }

    /// Removes all others of the name of what was made.
    pub(super) async fn remove_others(&self, name: &str, id: &str) -> Result<(), EngineError> {
        for item in self.named(name).await?.iter().filter(|item| item.id != id) {
            self.delete(&item.id, &Handle::of(name)).await?;
        }
        Ok(())
    }

    /// Gives a role a new password, which is in the answer.
    pub(super) async fn reset(&self, role: &Item) -> Result<Login, EngineError> {
        let own = self.path(&[self.product.segment(), &role.id, "reset"]);
        let default = self.path(&[self.product.segment(), "reset-default"]);
        let path = if role.is_default() { default } else { own };
        let asked = self.api.ask(Request::new(Method::POST, &path)).await;
        asked.map_err(|error| self.explained(error, Deed::Remove))
    }

    /// The one credential of this name that somebody can log in with. The default role only where that is allowed.
    pub(super) async fn find(&self, name: &str) -> Result<Option<Item>, EngineError> {
        let mut found = if self.product == Product::Postgres && name == DEFAULT_ROLE {
            let path = self.path(&[self.product.segment(), "default"]);
            let asked = self.api.ask(Request::new(Method::GET, &path)).await;
            vec![asked.map_err(|error| self.explained(error, Deed::List))?]
        } else {
            self.named(name).await?
        };
        found.retain(Item::is_live);
        let refused = |detail: &str| {
            Err(EngineError::Refused {
                detail: format!("{}: {} {name:?} {detail}", self.place(), self.product.noun()),
            })
        };
        match (found.pop(), found.is_empty()) {
            (Some(item), true) if item.is_default() && !self.allow_default_role => {
                refused("is the default role, which may do everything: `allow_default_role` is not said")
            }
            (Some(_), false) => refused("is there several times: rename or delete all of them but one"),
            (found, _) => Ok(found),
        }
    }

    /// That there is no role of this name, and what to do.
    pub(super) fn lacking(&self, name: &str) -> String {
        let (database, branch) = (&self.database, &self.name);
        format!(
            "there is no role {name:?}: make it with `pscale role create {database} {branch} {name} --inherited-roles …`"
        )
    }

    /// The credentials in whose name this occurs, expired ones included.
    pub(super) async fn search(&self, text: &str) -> Result<Vec<Item>, EngineError> {
        self.all(&[self.product.segment()], Some(text), Deed::List).await
    }

    /// All of this name, expired ones included.
    pub(super) async fn named(&self, name: &str) -> Result<Vec<Item>, EngineError> {
        let mut found = self.search(name).await?;
        found.retain(|item| item.name == name);
        Ok(found)
    }

    async fn delete(&self, id: &str, handle: &Handle) -> Result<(), EngineError> {
        let path = self.path(&[self.product.segment(), id]);
        let successor: Option<[_; 1]> = handle.owner.as_deref().map(|owner| [("successor", owner)]);
        let query: &[(&str, &str)] = successor.as_ref().map_or(&[], |query| query);
        let error = match self.api.tell(Request::new(Method::DELETE, &path).query(query)).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        if !error.is_not_found() {
            return Err(self.kept(error, handle));
        }
        // Gone, or not ours to see: the list tells.
        let still = self.search(&handle.username).await?;
        if still.iter().any(|item| item.id == id && item.is_live()) {
            return Err(self.explained(error, Deed::Remove));
        }
        Ok(())
    }

    /// Why it is still there.
    fn kept(&self, error: ApiError, handle: &Handle) -> EngineError {
        let unprocessable =
            matches!(&error, ApiError::Refused { status, .. } if *status == StatusCode::UNPROCESSABLE_ENTITY);
        match EngineError::from(error) {
            EngineError::Refused { detail } if unprocessable && self.product == Product::Postgres => {
                let advice = match &handle.owner {
                    Some(owner) => format!("is the successor {owner:?} right?"),
                    None => format!(
                        "it owns or was granted something: remove it with `pscale role delete … --successor \
                         postgres` ({}), and say `successor: postgres` in the credential of its role for the next ones",
                        handle.username
                    ),
                };
                EngineError::Refused { detail: format!("{detail}: {advice}") }
            }
            other if unprocessable => other,
            EngineError::Refused { detail } => self.advised(detail, Deed::Remove),
            other => other,
        }
    }

    /// All pages of a list.
    async fn all<T: DeserializeOwned>(
        &self,
        tail: &[&str],
        text: Option<&str>,
        deed: Deed,
    ) -> Result<Vec<T>, EngineError> {
        let (mut items, mut number) = (Vec::new(), 1_u32);
        let path = self.path(tail);
        loop {
            let page = number.to_string();
            let query: Vec<(&str, &str)> = [("page", page.as_str()), ("per_page", PER_PAGE)]
                .into_iter()
                .chain(text.map(|q| ("q", q)))
                .collect();
            let asked: Result<Page<T>, _> =
                self.api.ask(Request::new(Method::GET, &path).query(&query)).await;
            let page = asked.map_err(|error| self.explained(error, deed))?;
            items.extend(page.data);
            match page.next_page {
                None => return Ok(items),
                Some(next) if next > number => number = next,
                Some(_) => {
                    let detail =
                        format!("{}: the list of {} has no end", self.place(), self.product.segment());
                    return Err(EngineError::Unavailable { detail });
                }
            }
        }
    }

    fn path<'a>(&'a self, tail: &[&'a str]) -> Vec<&'a str> {
        let branch =
            ["organizations", &self.organization, "databases", &self.database, "branches", &self.name];
        branch.into_iter().chain(tail.iter().copied()).collect()
    }

    /// A refusal with what the token may lack: a 404 says that, too.
    fn explained(&self, error: ApiError, deed: Deed) -> EngineError {
        let hidden = matches!(
            &error,
            ApiError::Refused { status, .. }
                if matches!(*status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND)
        );
        match EngineError::from(error) {
            EngineError::Refused { detail } if hidden => self.advised(detail, deed),
            other => other,
        }
    }

    fn advised(&self, detail: String, deed: Deed) -> EngineError {
        let detail = format!(
            "{detail} (PlanetScale says so, too, where the token is wrong or may not: it needs {} on this database)",
            self.product.accesses(deed)
        );
        EngineError::Refused { detail }
    }
}

/// Something was made: however looking at it failed, it may be there.
fn after_making(error: EngineError) -> EngineError {
    match error {
        EngineError::Refused { detail } | EngineError::Busy { detail, .. } => {
            EngineError::Unavailable { detail }
        }
        other => other,
    }
}

/// The name of the role that every branch has.
const DEFAULT_ROLE: &str = "postgres";
const PER_PAGE: &str = "100";
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
