//! Drivers for which there is no format, since none would be safe.

use crate::dsn::Format;

/// A driver that cannot be made to verify the server.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub why: &'static str,
    /// What does better.
    pub instead: Format,
}

/// All of them that are known.
pub(super) const ALL: &[Refused] = &[
    Refused { name: "aiomysql", why: AIOMYSQL, instead: Format::Asyncmy },
    Refused { name: "sqlalchemy-aiomysql", why: AIOMYSQL, instead: Format::SqlalchemyAsyncmy },
    Refused { name: "mysql", why: MYSQLJS, instead: Format::Mysql2 },
    Refused { name: "mysqljs", why: MYSQLJS, instead: Format::Mysql2 },
    Refused {
        name: "mysqlconnector",
        why: "it minds what is wrong with a certificate only after it has told the server who comes, and the password itself where the \
          server asks for that",
        instead: Format::Json,
    },
];

const AIOMYSQL: &str =
    "aiomysql does without TLS where the server says that it has none, whatever it is told to verify";

const MYSQLJS: &str = "the package `mysql` of npm never looks for the host in the server's certificate";

/// The one of this name.
pub(super) fn find(name: &str) -> Option<&'static Refused> {
    ALL.iter().find(|refused| refused.name == name)
}
