//! The calls of Neon's API that the engine makes (<https://api-docs.neon.tech>). All of them only read.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::config;
use crate::engine::BuildError;
use crate::engine::api::{ApiClient, ApiError, Provider, Request};
use crate::secret::Secret;

/// Neon's API.
pub(super) struct Calls {
    api: ApiClient,
    /// The project, by its identifier or its name.
    pub(super) project: String,
    /// The branch, by its identifier or its name.
    pub(super) branch: Option<String>,
}

/// What has an identifier and a name: a project or a branch.
#[derive(Deserialize)]
pub(super) struct Named {
    pub(super) id: String,
    #[serde(default)]
    pub(super) name: String,
    /// Of a branch.
    #[serde(default)]
    pub(super) default: bool,
}

/// A compute.
#[derive(Clone, Deserialize)]
pub(super) struct Compute {
    pub(super) id: String,
    pub(super) host: String,
    pub(super) branch_id: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) disabled: bool,
}

/// The cursor of the next page is `cursor` for projects, and `next` for branches.
#[derive(Default, Deserialize)]
struct Pagination {
    cursor: Option<String>,
    next: Option<String>,
}

impl Calls {
    /// Asks nothing yet.
    pub(super) fn new(section: &config::Neon, timeout: Duration) -> Result<Self, BuildError> {
        let authorization = Secret::new(format!("Bearer {}", section.api_key.read()?.expose()));
        Ok(Self {
            api: ApiClient::new(&PROVIDER, &section.api, &authorization, timeout)?,
            project: section.project.clone(),
            branch: section.branch.clone(),
        })
    }

    /// The project of this identifier, if there is one.
    pub(super) async fn project(&self, id: &str) -> Result<Option<Named>, ApiError> {
        #[derive(Deserialize)]
        struct Answer {
            project: Named,
        }
        match self.get::<Answer>(&["projects", id], &[]).await {
            Ok(answer) => Ok(Some(answer.project)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All projects that a search finds.
    pub(super) async fn projects(&self, search: &str) -> Result<Vec<Named>, ApiError> {
        #[derive(Deserialize)]
        struct Page {
            projects: Vec<Named>,
            #[serde(default)]
            pagination: Pagination,
        }
        self.pages(&["projects"], &[("search", search), ("limit", "400")], |page: Page| {
            (page.projects, page.pagination)
        })
        .await
    }

    /// All branches of a project.
    pub(super) async fn branches(&self, project: &str) -> Result<Vec<Named>, ApiError> {
        #[derive(Deserialize)]
        struct Page {
            branches: Vec<Named>,
            #[serde(default)]
            pagination: Pagination,
        }
        let read = |page: Page| (page.branches, page.pagination);
        self.pages(&["projects", project, "branches"], &[("limit", "1000")], read).await
    }

    /// All computes of a project.
    pub(super) async fn computes(&self, project: &str) -> Result<Vec<Compute>, ApiError> {
        #[derive(Deserialize)]
        struct Answer {
            endpoints: Vec<Compute>,
        }
        Ok(self.get::<Answer>(&["projects", project, "endpoints"], &[]).await?.endpoints)
    }

    /// The password of a user that the API or the console made.
    pub(super) async fn password(&self, project: &str, branch: &str, user: &str) -> Result<Secret, ApiError> {
        #[derive(Deserialize)]
        struct Answer {
            password: String,
        }
        let path = ["projects", project, "branches", branch, "roles", user, "reveal_password"];
        match self.get::<Answer>(&path, &[]).await {
            Ok(answer) => Ok(Secret::new(answer.password)),
            Err(ApiError::Refused { status: status @ StatusCode::PRECONDITION_FAILED, detail }) => {
                let detail = format!("{detail}: then say the password of {user:?} with `admin.password`");
                Err(ApiError::Refused { status, detail })
            }
            Err(error) => Err(error),
        }
    }

    async fn get<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, &str)]) -> Result<T, ApiError> {
        self.api.ask(Request::new(Method::GET, path).query(query)).await
    }

    /// Reads page after page until one is empty or names no next one.
    async fn pages<Page: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        read: impl Fn(Page) -> (Vec<Named>, Pagination),
    ) -> Result<Vec<Named>, ApiError> {
        let mut all = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let query: Vec<_> =
                query.iter().copied().chain(cursor.as_deref().map(|cursor| ("cursor", cursor))).collect();
            let (found, pagination) = read(self.get(path, &query).await?);
            let empty = found.is_empty();
            all.extend(found);
            let next = pagination.next.or(pagination.cursor).filter(|next| !next.is_empty());
            if empty || next.is_none() || next == cursor {
                return Ok(all);
            }
            cursor = next;
        }
    }
}

/// 700 requests a minute in all (<https://neon.com/docs/reference/api-reference>).
const PROVIDER: Provider = Provider { url: "https://console.neon.tech/api/v2", requests_per_minute: 700 };
