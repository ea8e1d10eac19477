//! The server behind the endpoints, as somebody who logs in there: what it speaks decides about users and privileges.

mod mysql;
mod postgres;

use std::sync::Arc;

use crate::config::{Database, DynamicUser};
use crate::engine::mysql::Mysql;
use crate::engine::postgres::{Login, Postgres};
use crate::engine::{BuildError, DynamicUsers, EngineError, Inspection, Passwords, RoleInfo, Tools};
use crate::model::Protocol;

/// A server, by what it speaks.
#[derive(Clone)]
pub(super) enum Server {
    Postgres(Arc<Postgres>),
    Mysql(Arc<Mysql>),
}

impl Server {
    /// Connects to nothing until it is used.
    pub(super) fn new(database: &Database, login: Login, tools: &Tools) -> Result<Self, BuildError> {
        Ok(match database.protocol() {
            Protocol::Postgres => Self::Postgres(Arc::new(Postgres::new(database, login, tools)?)),
            Protocol::Mysql => Self::Mysql(Arc::new(Mysql::new(database, login, tools)?)),
        })
    }

    pub(super) fn users(&self) -> Arc<dyn DynamicUsers> {
        match self {
            Self::Postgres(postgres) => Arc::clone(postgres) as Arc<dyn DynamicUsers>,
            Self::Mysql(mysql) => Arc::clone(mysql) as Arc<dyn DynamicUsers>,
        }
    }

    pub(super) fn passwords(&self) -> Arc<dyn Passwords> {
        match self {
            Self::Postgres(postgres) => Arc::clone(postgres) as Arc<dyn Passwords>,
            Self::Mysql(mysql) => Arc::clone(mysql) as Arc<dyn Passwords>,
        }
    }

    pub(super) fn inspection(&self) -> &dyn Inspection {
        match self {
            Self::Postgres(postgres) => &**postgres,
            Self::Mysql(mysql) => &**mysql,
        }
    }

    /// What the user that logs in can do itself.
    pub(super) async fn own(&self, username: &str) -> Result<RoleInfo, EngineError> {
        match self {
            Self::Postgres(postgres) => postgres::own(postgres, username).await,
            Self::Mysql(mysql) => mysql.own().await,
        }
    }

    /// What keeps a user from logging in with a token, as the broker's own user sees it.
    pub(super) async fn not_admitted(&self, username: &str) -> Result<Option<String>, EngineError> {
        match self {
            Self::Postgres(postgres) => postgres::not_admitted(postgres, username).await,
            Self::Mysql(mysql) => mysql::not_admitted(mysql, username).await,
        }
    }

    /// What would keep a new user from logging in with its password.
    pub(super) async fn barred(&self, spec: &DynamicUser) -> Result<Vec<String>, EngineError> {
        match self {
            Self::Postgres(postgres) => postgres::barred(postgres, spec).await,
            // Its own plugin decides, and not its roles.
            Self::Mysql(_) => Ok(Vec::new()),
        }
    }
}
