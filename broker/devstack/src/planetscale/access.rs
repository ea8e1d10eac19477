//! Who may do what: service tokens as `id:secret`, and OAuth.

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use serde_json::json;

use super::branches::{Branch, Kind};
use super::state::Known;
use crate::Answer;

/// What is asked for, as far as accesses are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Branch,
    Read,
    Make,
    Remove,
}

/// Lets the call pass, or says what to answer instead.
pub(super) fn check(known: &Known, headers: &HeaderMap, branch: &Branch, deed: Deed) -> Result<(), Answer> {
    let said = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if said.strip_prefix("Bearer ").is_some_and(|token| known.oauth_tokens.contains(token)) {
        return Ok(());
    }
    let Some(accesses) = known.service_tokens.get(said) else {
        return Err(refusal(known.habits.bad_token));
    };
    let enough =
        |access: &&str| accesses.contains(*access) && (!branch.production || fits_production(access));
    if wanted(branch.engine, deed).iter().any(enough) {
        return Ok(());
    }
    Err(refusal(known.habits.missing_access))
}

/// Creating, connecting and deleting has variants for production; looking has not.
fn fits_production(access: &str) -> bool {
    access.contains("production") || access == "read_branch" || access.ends_with("e_branch")
}

fn wanted(engine: Kind, deed: Deed) -> &'static [&'static str] {
    match (deed, engine) {
        (Deed::Branch, _) => {
            &["read_branch", "delete_branch", "create_branch", "connect_production_branch", "connect_branch"]
        }
        (Deed::Read, _) => &[
            "read_branch",
            "delete_branch",
            "create_branch",
            "connect_production_branch",
            "connect_production_read_only_branch",
            "connect_branch",
        ],
        (Deed::Make, Kind::Mysql) => {
            &["connect_branch", "connect_production_branch", "connect_production_read_only_branch"]
        }
        (Deed::Make, Kind::Postgres) => &[
            "create_branch_password",
            "create_production_branch_password",
            "create_production_read_only_branch_password",
        ],
        (Deed::Remove, _) => &[
            "delete_branch_password",
            "delete_production_branch_password",
            "delete_production_read_only_branch_password",
        ],
    }
}

fn refusal(status: StatusCode) -> Answer {
    let (code, message) = match status {
        StatusCode::UNAUTHORIZED => ("unauthorized", "Unauthorized"),
        StatusCode::FORBIDDEN => ("forbidden", "Forbidden"),
        _ => ("not_found", "Not Found"),
    };
    error(status, code, message)
}

pub(super) fn not_found() -> Answer {
    refusal(StatusCode::NOT_FOUND)
}

pub(super) fn unprocessable(message: &str) -> Answer {
    error(StatusCode::UNPROCESSABLE_ENTITY, "unprocessable", message)
}

pub(super) fn invalid(what: &str) -> Answer {
    error(StatusCode::UNPROCESSABLE_ENTITY, "invalid_params", &format!("{what} is invalid"))
}

pub(super) fn error(status: StatusCode, code: &str, message: &str) -> Answer {
    Answer::json(status, &json!({ "code": code, "message": message }))
}
