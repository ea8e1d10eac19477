//! Neon's API, as far as it concerns one project.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, Request, State as Extract};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{Compute, DOMAIN, MAIN, PROJECT, State};

/// All routes.
pub(super) fn routes(state: &Arc<State>) -> Router {
    let branch = Router::new()
        .route("/", get(show_branch))
        .route("/endpoints", get(list_computes))
        .route("/roles", get(list_roles))
        .route("/roles/{role}/reveal_password", get(reveal_password))
        .route("/roles/{role}/reset_password", post(reset_password));
    let project = Router::new()
        .route("/", get(show_project))
        .route("/operations", get(list_operations))
        .route("/endpoints", get(list_computes))
        .route("/endpoints/{endpoint}/suspend", post(suspend))
        .route("/branches", get(list_branches))
        .nest("/branches/{branch}", branch)
        .layer(middleware::from_fn(of_project));
    Router::new()
        .route("/api/v2/projects", get(list_projects))
        .nest("/api/v2/projects/{project}", project)
        .fallback(async || refuse(StatusCode::NOT_FOUND, "route not found"))
        .layer(middleware::from_fn_with_state(Arc::clone(state), authorized))
        .with_state(Arc::clone(state))
}

async fn authorized(Extract(state): Extract<Arc<State>>, request: Request, next: Next) -> Response {
    let id = request.headers().get("x-request-id").cloned();
    let id = id.unwrap_or_else(|| HeaderValue::from_static("11111111-2222-4333-8444-555555555555"));
    let right = format!("Bearer {}", state.key);
    let known = request.headers().get(header::AUTHORIZATION).is_some_and(|value| value == right.as_str());
    let mut response = match known {
        true => next.run(request).await,
        false => refuse(StatusCode::UNAUTHORIZED, "supplied credentials do not pass authentication"),
    };
    response.headers_mut().insert("x-request-id", id);
    response
}

type Parts = Path<HashMap<String, String>>;

async fn of_project(Path(parts): Parts, request: Request, next: Next) -> Response {
    match parts.get("project").is_some_and(|project| project == PROJECT) {
        true => next.run(request).await,
        false => refuse(StatusCode::NOT_FOUND, "project not found"),
    }
}

async fn list_projects(Query(query): Query<HashMap<String, String>>) -> Json<Value> {
    let search = query.get("search").map_or("", String::as_str);
    let other = json!({ "id": "other-field-87654321", "name": "orders-old" });
    let all = [project(), other].into_iter().filter(|one| {
        ["id", "name"]
            .iter()
            .any(|member| one.get(member).and_then(Value::as_str).is_some_and(|name| name.contains(search)))
    });
    let (page, next) = page(all.collect(), &query, 10);
    // There is a cursor also on the last page.
    Json(json!({ "projects": page, "pagination": { "cursor": next.unwrap_or_else(|| "end".to_owned()) } }))
}

async fn show_project() -> Json<Value> {
    Json(json!({ "project": project() }))
}

fn project() -> Value {
    json!({
        "id": PROJECT, "name": "orders", "platform_id": "aws", "region_id": "aws-us-east-1", "pg_version": 15,
        "proxy_host": DOMAIN, "store_passwords": true,
    })
}

/// Small pages, so that there is more than one.
async fn list_branches(
    Extract(state): Extract<Arc<State>>,
    Query(query): Query<HashMap<String, String>>,
) -> Json<Value> {
    let branches = state.now().branches.clone();
    let all = branches.iter().map(|branch| show(&branch.id, &branch.name)).collect();
    let (page, next) = page(all, &query, LARGEST_PAGE);
    Json(json!({ "branches": page, "annotations": {}, "pagination": { "next": next, "sort_by": "name" } }))
}

async fn show_branch(Extract(state): Extract<Arc<State>>, Path(parts): Parts) -> Response {
    let wanted = parts.get("branch").map_or("", String::as_str);
    let found = state.now().branches.iter().find(|branch| branch.id == wanted).cloned();
    match found {
        Some(branch) => Json(json!({ "branch": show(&branch.id, &branch.name) })).into_response(),
        None => refuse(StatusCode::NOT_FOUND, "branch not found"),
    }
}

fn show(id: &str, name: &str) -> Value {
    json!({
        "id": id, "project_id": PROJECT, "name": name, "current_state": "ready", "default": id == MAIN,
        "primary": id == MAIN, "protected": false,
    })
}

/// Those that the cursor and the limit ask for, and the next cursor.
fn page(all: Vec<Value>, query: &HashMap<String, String>, largest: usize) -> (Vec<Value>, Option<String>) {
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
    let (from, limit) = (number("cursor"), number("limit").unwrap_or(10).min(largest));
    let from = match query.contains_key("cursor") {
        true => from.unwrap_or(usize::MAX),
        false => 0,
    };
    let next = from.saturating_add(limit);
    let more = next < all.len();
    (all.into_iter().skip(from).take(limit).collect(), more.then(|| next.to_string()))
}

async fn list_computes(Extract(state): Extract<Arc<State>>, Path(parts): Parts) -> Json<Value> {
    let computes = state.now().computes.clone();
    let wanted = parts.get("branch");
    let fitting = computes.iter().filter(|compute| wanted.is_none_or(|branch| compute.branch == *branch));
    Json(json!({ "endpoints": fitting.map(show_compute).collect::<Vec<_>>() }))
}

fn show_compute(compute: &Compute) -> Value {
    json!({
        "id": compute.id, "host": format!("{}.{DOMAIN}", compute.id), "project_id": PROJECT,
        "branch_id": compute.branch, "type": compute.kind, "region_id": "aws-us-east-1", "proxy_host": DOMAIN,
        "current_state": if compute.suspended { "idle" } else { "active" }, "disabled": false,
        "pooler_enabled": false, "pooler_mode": "transaction",
    })
}

async fn suspend(Extract(state): Extract<Arc<State>>, Path(parts): Parts) -> Response {
    let (time, mut now) = (state.clock.now(), state.now());
    if now.operations.running(time) {
        return locked();
    }
    let wanted = parts.get("endpoint").map_or("", String::as_str);
    let Some(compute) = now.computes.iter_mut().find(|compute| compute.id == wanted) else {
        return refuse(StatusCode::NOT_FOUND, "endpoint not found");
    };
    compute.suspended = true;
    let compute = show_compute(compute);
    let operation = now.operations.begin("suspend_compute", time, APPLYING);
    Json(json!({ "endpoint": compute, "operations": [operation] })).into_response()
}

async fn list_operations(Extract(state): Extract<Arc<State>>) -> Json<Value> {
    let operations = state.now().operations.list(state.clock.now());
    Json(json!({ "operations": operations, "pagination": { "cursor": "" } }))
}

async fn list_roles(Extract(state): Extract<Arc<State>>, Path(parts): Parts) -> Response {
    let query = "SELECT coalesce(json_agg(rolname), '[]') FROM pg_roles
                  WHERE rolname !~ '^pg_' AND rolname NOT IN ('postgres', 'neon_superuser')";
    let branch = parts.get("branch").cloned().unwrap_or_default();
    let names = state.postgres.query_text("postgres", query).await.unwrap_or_default();
    let names: Vec<String> = serde_json::from_str(&names).unwrap_or_default();
    let roles: Vec<_> = names.iter().map(|name| json!({ "branch_id": branch, "name": name })).collect();
    Json(json!({ "roles": roles })).into_response()
}

async fn reveal_password(Extract(state): Extract<Arc<State>>, Path(parts): Parts) -> Response {
    let now = state.now();
    if !now.stores_passwords {
        return refuse(StatusCode::PRECONDITION_FAILED, "storing passwords is not enabled for the project");
    }
    match parts.get("role").map(String::as_str) {
        Some("neondb_owner") => Json(json!({ "password": now.owner_password })).into_response(),
        _ => refuse(StatusCode::NOT_FOUND, "role not found"),
    }
}

async fn reset_password(Extract(state): Extract<Arc<State>>, Path(parts): Parts) -> Response {
    if state.now().operations.running(state.clock.now()) {
        return locked();
    }
    if parts.get("role").is_none_or(|role| role != "neondb_owner") {
        return refuse(StatusCode::NOT_FOUND, "role not found");
    }
    let Ok(password) = state.reset_password().await else {
        return refuse(StatusCode::INTERNAL_SERVER_ERROR, "the password cannot be reset");
    };
    let operation = state.now().operations.begin("apply_config", state.clock.now(), APPLYING);
    let role = json!({ "branch_id": parts.get("branch"), "name": "neondb_owner", "password": password });
    Json(json!({ "role": role, "operations": [operation] })).into_response()
}

fn locked() -> Response {
    let message = "project already has running conflicting operations, scheduling of new ones is prohibited";
    refuse(StatusCode::LOCKED, message)
}

/// A `GeneralError`; its code is nearly always empty.
fn refuse(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "code": "", "message": message, "request_id": "11111111" }))).into_response()
}

/// How long the configuration of a compute takes to change.
const APPLYING: Duration = Duration::from_millis(100);

const LARGEST_PAGE: usize = 1;
