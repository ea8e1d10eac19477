//! What roles and passwords have in common: how they are made, changed and forgotten.

use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::World;
use super::access::{Deed, invalid, unprocessable};
use super::branches::{Branch, Kind};
use super::credential::Credential;
use super::state::short;
use crate::{Answer, entropy};

/// What may be said of either when it is made.
#[derive(Default, Deserialize)]
pub(super) struct Common {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) ttl: u64,
}

impl World {
    /// The branch, and what is to be made there.
    pub(super) fn wish<Wish: DeserializeOwned>(
        &self,
        at: &(String, String, String),
        headers: &HeaderMap,
        body: &[u8],
        kind: Kind,
    ) -> Result<(Branch, Wish), Answer> {
        let branch = self.branch(&at.0, &at.1, &at.2, headers, Deed::Make, Some(kind))?;
        let wish = serde_json::from_slice(body).map_err(|_| invalid("the body"))?;
        if branch.ready { Ok((branch, wish)) } else { Err(unprocessable("Branch is not ready.")) }
    }

    /// Keeps what was made for this user of the server behind.
    pub(super) fn keep(
        &self,
        branch: &Branch,
        user: String,
        common: Common,
        particulars: impl FnOnce(Credential) -> Credential,
    ) -> anyhow::Result<Credential> {
        let now = self.state.clock.now();
        let mut known = self.state.lock();
        let longest = known.habits.longest_ttl.unwrap_or(u64::MAX);
        let ttl = (common.ttl > 0).then(|| Duration::from_secs(common.ttl.min(longest)));
        let credential = particulars(Credential {
            engine: branch.engine,
            branch: branch.id,
            id: short()?,
            name: if common.name.is_empty() { user.clone() } else { common.name },
            user,
            default: false,
            created_at: now,
            ttl,
            expires_at: ttl.map(|ttl| now + ttl),
            deleted: false,
            cut: false,
            looks: 0,
            inherited_roles: Vec::new(),
            query_safety: serde_json::Map::new(),
            access: String::new(),
            replica: false,
            cidrs: Vec::new(),
        });
        known.credentials.push(credential.clone());
        Ok(credential)
    }

    /// Changes what may be changed of it.
    pub(super) fn amend<Wish: DeserializeOwned>(
        &self,
        at: &(String, String, String, String),
        headers: &HeaderMap,
        body: &[u8],
        kind: Kind,
        amend: impl FnOnce(&mut Credential, Wish),
    ) -> Answer {
        let (branch, mut credential) = match self.credential(at, headers, Deed::Make, kind) {
            Ok(found) => found,
            Err(refusal) => return refusal,
        };
        let Ok(wish) = serde_json::from_slice(body) else { return invalid("the body") };
        amend(&mut credential, wish);
        self.change(&credential.id, |kept| kept.clone_from(&credential));
        self.show(&branch, &credential, None, StatusCode::OK)
    }

    /// It is gone from the server behind.
    pub(super) async fn forget(&self, credential: &Credential) -> anyhow::Result<Answer> {
        self.change(&credential.id, |kept| kept.deleted = true);
        self.cut(credential).await?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    }
}

pub(super) fn secret() -> anyhow::Result<String> {
    Ok(format!("pscale_pw_{}", entropy::password()?))
}
