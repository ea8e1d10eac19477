//! URLs for SeaORM (<https://docs.rs/sea-orm/2/sea_orm/struct.ConnectOptions.html>), which has sqlx read them.

use crate::dsn::formats::{Reader, Spec, TEXT, sqlx as underneath};

const OPEN: &str = "\
use std::time::Duration;

use sea_orm::{ConnectOptions, Database};

let mut options = ConnectOptions::new(dsn);
options.acquire_timeout(Duration::from_secs(10));
let db = Database::connect(options).await?;";

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: TEXT,
    postgres: Some(&Reader { driver: "SeaORM 2.0 on sqlx 0.9", open: OPEN, ..underneath::POSTGRES }),
    mysql: Some(&Reader {
        driver: "SeaORM 2.0 on sqlx 0.9",
        open: OPEN,
        open_cleartext: Some(
            "\
use std::time::Duration;

use sea_orm::{ConnectOptions, Database};

let mut options = ConnectOptions::new(dsn);
options.acquire_timeout(Duration::from_secs(10));
options.map_sqlx_mysql_opts(|options| options.enable_cleartext_plugin(true));
let db = Database::connect(options).await?;",
        ),
        ..underneath::MYSQL
    }),
};
