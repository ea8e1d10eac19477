//! A web application that gets its database when it starts, and keeps it.
//!
//!     DSN_BROKER_URL=https://broker.example.com DSN_BROKER_TOKEN_FILE=/var/run/secrets/dsn-broker/token axum

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use dsn_broker_sdk::{Broker, Keeper, KeptPool};
use sqlx::Postgres;
use sqlx::postgres::PgPoolOptions;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

struct App {
    keeper: Keeper,
    pool: KeptPool<Postgres>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // A broker that is being restarted is waited for; a refusal is not.
    let request = Broker::from_env()?.request("orders-reader").patience(Duration::from_secs(60));
    let keeper = request.keep().await?;
    let pool = keeper.clone().sqlx_pool(PgPoolOptions::new().max_connections(8)).await?;
    let app = Router::new()
        .route("/orders", get(orders))
        .route("/readyz", get(ready))
        .with_state(Arc::new(App { keeper, pool }));
    let address = std::env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let mut terminate = signal(SignalKind::terminate())?;
    axum::serve(TcpListener::bind(address).await?, app)
        .with_graceful_shutdown(async move {
            let _ = terminate.recv().await;
        })
        .await?;
    Ok(())
}

/// Who has ordered something, and as whom we asked.
async fn orders(State(app): State<Arc<App>>) -> Result<Json<(String, Vec<String>)>, StatusCode> {
    let query = "select current_user::text, array_agg(customer order by id) from app.orders";
    let answer = sqlx::query_as(query).fetch_one(&*app.pool).await;
    answer.map(Json).map_err(|_| StatusCode::SERVICE_UNAVAILABLE)
}

/// Ready for as long as there is a good DSN, whether the broker answers just now or not.
async fn ready(State(app): State<Arc<App>>) -> StatusCode {
    match app.keeper.current() {
        Ok(_) => StatusCode::OK,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}
