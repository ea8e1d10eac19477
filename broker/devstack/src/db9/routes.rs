//! DB9's API, as far as it concerns one database.

use std::sync::Arc;
use std::time::SystemTime;

use axum::body::Bytes;
use axum::extract::{Path, Request, State as Extract};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::sql::{self, DBNAME};
use super::{Now, State};
use crate::entropy;

/// All routes; the keys alone need no authorization.
pub(super) fn routes(state: &Arc<State>) -> Router {
    let one = Router::new()
        .route("/", get(show))
        .route("/connect-token", post(connect_token))
        .route("/reset-password", post(reset_password))
        .route("/credentials", get(credentials))
        .route("/users", get(list_users).post(create_user))
        .route("/users/{name}", delete(delete_user))
        .route("/sql", post(run_sql))
        .layer(middleware::from_fn_with_state(Arc::clone(state), of_tenant));
    let databases = Router::new()
        .route("/customer/databases", get(list))
        .nest("/customer/databases/{id}", one)
        .layer(middleware::from_fn_with_state(Arc::clone(state), authorized));
    Router::new()
        .merge(databases)
        .route("/.well-known/db9-connect-jwks.json", get(jwks))
        .fallback(async || refuse(StatusCode::NOT_FOUND, "no such route"))
        .with_state(Arc::clone(state))
}

async fn authorized(Extract(state): Extract<Arc<State>>, request: Request, next: Next) -> Response {
    match bearer(&request) {
        Some(token) if token == state.token || token == state.scoped_token => next.run(request).await,
        _ => refuse(StatusCode::UNAUTHORIZED, "invalid or expired token"),
    }
}

async fn of_tenant(
    Extract(state): Extract<Arc<State>>,
    Path(path): Path<Vec<(String, String)>>,
    request: Request,
    next: Next,
) -> Response {
    let known = path.iter().any(|(name, id)| name == "id" && *id == state.tenant);
    let scoped = bearer(&request) == Some(state.scoped_token.as_str());
    if !known {
        return refuse(StatusCode::NOT_FOUND, "database not found");
    }
    if scoped && request.uri().path().ends_with("/connect-token") {
        return refuse(StatusCode::FORBIDDEN, "token is scoped to a database");
    }
    next.run(request).await
}

fn bearer(request: &Request) -> Option<&str> {
    request.headers().get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

async fn jwks(Extract(state): Extract<Arc<State>>) -> Json<Value> {
    Json(state.signer.jwks())
}

async fn list(Extract(state): Extract<Arc<State>>) -> Json<Value> {
    Json(json!([database(&state)]))
}

async fn show(Extract(state): Extract<Arc<State>>) -> Json<Value> {
    Json(database(&state))
}

fn database(state: &State) -> Value {
    let (now, tenant) = (state.now(), &state.tenant);
    json!({
        "id": tenant,
        "name": "orders",
        "state": now.state,
        "region": "us-west",
        "admin_user": "admin",
        "created_at": "2026-01-02T03:04:05Z",
        "connection_string":
            format!("postgresql://{tenant}.admin@localhost:{}/{DBNAME}?sslmode=require", now.edge_port),
    })
}

async fn connect_token(Extract(state): Extract<Arc<State>>, body: Bytes) -> Response {
    let role = asked(&body, "role").unwrap_or_else(|| "admin".to_owned());
    let Now { edge_port, state: condition, token_life, .. } = *state.now();
    if condition != "ACTIVE" {
        return refuse(StatusCode::CONFLICT, "database is not active");
    }
    let (tenant, now) = (&state.tenant, state.clock.now());
    let Ok(token) = state.signer.sign(tenant, &role, now, token_life) else {
        return refuse(StatusCode::INTERNAL_SERVER_ERROR, "no token");
    };
    let answer = json!({
        "host": "localhost",
        "port": edge_port,
        "database": DBNAME,
        "user": format!("{tenant}.{role}"),
        "token": token,
        "expires_at": rfc3339(&state, now + token_life).await,
        "expires_in_seconds": token_life.as_secs(),
        "tls": true,
    });
    (StatusCode::CREATED, Json(answer)).into_response()
}

/// The server writes it, so that devstack needs no calendar.
async fn rfc3339(state: &State, moment: SystemTime) -> String {
    let seconds = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let format = r#"YYYY-MM-DD"T"HH24:MI:SS"Z""#;
    let query = format!("SELECT to_char(to_timestamp({seconds}) AT TIME ZONE 'UTC', '{format}')");
    state.postgres.query_text(DBNAME, &query).await.unwrap_or_default()
}

/// The password before is no longer good, and sessions go on.
async fn reset_password(Extract(state): Extract<Arc<State>>) -> Response {
    let Now { state: condition, passwordless, .. } = *state.now();
    if condition != "ACTIVE" {
        return refuse(StatusCode::CONFLICT, "database is not active");
    }
    if !passwordless {
        let Ok(password) = entropy::password() else {
            return refuse(StatusCode::INTERNAL_SERVER_ERROR, "no password");
        };
        let alter = format!("ALTER ROLE admin PASSWORD {}", literal(&password));
        if let Err(error) = state.postgres.execute(DBNAME, &alter).await {
            return refuse(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string());
        }
        state.now().admin_password = password;
    }
    secret_of_admin(&state)
}

async fn credentials(Extract(state): Extract<Arc<State>>) -> Response {
    secret_of_admin(&state)
}

fn secret_of_admin(state: &State) -> Response {
    let (now, tenant) = (state.now(), &state.tenant);
    if now.passwordless {
        return refuse(StatusCode::GONE, "database is passwordless");
    }
    let Now { edge_port, admin_password, .. } = &*now;
    let answer = json!({
        "admin_user": "admin",
        "admin_password": admin_password,
        "connection_string":
            format!("postgresql://{tenant}.admin:{admin_password}@localhost:{edge_port}/{DBNAME}?sslmode=require"),
    });
    Json(answer).into_response()
}

async fn list_users(Extract(state): Extract<Arc<State>>) -> Response {
    let query = "SELECT rolname AS name, rolsuper AS is_superuser, rolcanlogin AS can_login,
                        rolcreatedb AS can_create_db, rolcreaterole AS can_create_role
                   FROM pg_roles WHERE rolname !~ '^pg_' AND rolname <> 'postgres'";
    let query = format!("SELECT coalesce(json_agg(one), '[]') FROM ({query}) AS one");
    match state.postgres.query_text(DBNAME, &query).await {
        Ok(users) => ([(header::CONTENT_TYPE, "application/json")], users).into_response(),
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

async fn create_user(Extract(state): Extract<Arc<State>>, body: Bytes) -> Response {
    let (Some(name), Some(password)) = (asked(&body, "username"), asked(&body, "password")) else {
        return refuse(StatusCode::BAD_REQUEST, "username and password are required");
    };
    if state.now().passwordless {
        return refuse(StatusCode::GONE, "database is passwordless");
    }
    if name.is_empty() || name.len() > 63 {
        return refuse(StatusCode::BAD_REQUEST, "username is not valid");
    }
    let create = format!("CREATE ROLE {} LOGIN PASSWORD {}", identifier(&name), literal(&password));
    match state.postgres.execute(DBNAME, &create).await {
        Ok(()) => done(StatusCode::CREATED, &format!("User '{name}' created")),
        Err(error) if error.to_string().contains("already exists") => {
            refuse(StatusCode::CONFLICT, "user already exists")
        }
        Err(_) => refuse(StatusCode::UNPROCESSABLE_ENTITY, "the user cannot be created"),
    }
}

async fn delete_user(
    Extract(state): Extract<Arc<State>>,
    Path((_, name)): Path<(String, String)>,
) -> Response {
    if name == "admin" {
        return refuse(StatusCode::CONFLICT, "admin cannot be deleted");
    }
    match state.postgres.execute(DBNAME, &format!("DROP ROLE {}", identifier(&name))).await {
        Ok(()) => done(StatusCode::OK, &format!("User '{name}' deleted")),
        Err(error) if error.to_string().contains("does not exist") => {
            refuse(StatusCode::NOT_FOUND, "user not found")
        }
        Err(_) => refuse(StatusCode::CONFLICT, "some objects depend on the user"),
    }
}

async fn run_sql(Extract(state): Extract<Arc<State>>, body: Bytes) -> Response {
    match asked(&body, "query") {
        Some(query) => Json(sql::run(&state, &query).await).into_response(),
        None => refuse(StatusCode::BAD_REQUEST, "query is required"),
    }
}

/// A member of the body, which may be empty whatever its type is said to be.
fn asked(body: &[u8], name: &str) -> Option<String> {
    serde_json::from_slice::<Value>(body).ok()?.get(name)?.as_str().map(str::to_owned)
}

fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn done(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "message": message }))).into_response()
}

fn refuse(status: StatusCode, message: &str) -> Response {
    done(status, message)
}
