//! The formats: one table.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::dsn::formats::Spec;
use crate::dsn::reader::{Ca, Reader, Seen, Trusts};
use crate::dsn::refused::{self, Refused};
use crate::dsn::{Mode, Parameters, RenderError, Rendered, Settings, Target, Trust, formats};
use crate::model::Protocol;
use crate::secret::Secret;

macro_rules! formats {
    ($($variant:ident $name:literal $module:ident $language:ident: $help:literal;)*) => {
        /// A way to write a target down.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
        pub enum Format {
            $(#[doc = $help] #[serde(rename = $name)] $variant,)*
        }

        impl Format {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it is for, in a line.
            pub fn help(self) -> &'static str {
                match self { $(Self::$variant => $help,)* }
            }

            /// For whom it is.
            pub fn language(self) -> Language {
                match self { $(Self::$variant => Language::$language,)* }
            }

            fn spec(self) -> &'static Spec {
                match self { $(Self::$variant => &formats::$module::SPEC,)* }
            }
        }
    };
}

formats! {
    Uri                      "uri"                       uri                       Tools:      "a connection URI: libpq's for psql and most drivers, or mysql://…";
    Keyword                  "keyword"                   keyword                   Tools:      "libpq's connection string of keywords and values";
    Env                      "env"                       env                       Tools:      "libpq's PG* variables, as lines for a POSIX shell to source";
    Dotenv                   "dotenv"                    dotenv                    Tools:      "a line DATABASE_URL=… for a .env file";
    Pgpass                   "pgpass"                    pgpass                    Tools:      "a line for libpq's password file; TLS is not part of it";
    PgService                "pg-service"                pg_service                Tools:      "a file of services for libpq, with one that is called dsn";
    MyCnf                    "my-cnf"                    my_cnf                    Tools:      "an option file for the clients of MariaDB; those of MySQL refuse it";
    MysqlCnf                 "mysql-cnf"                 mysql_cnf                 Tools:      "an option file for the clients of Oracle's MySQL; those of MariaDB refuse it";
    Shell                    "shell"                     shell                     Tools:      "a command that opens a session with psql or mariadb, without the secret in the process list";
    Json                     "json"                      json                      Tools:      "the parameters as a JSON object, with the CA in ca_pem";
    QuerycopEnv              "querycop-env"              querycop_env              Tools:      "variables with which Querycop, a proxy, verifies the database; no secret is in them";
    Sqlx                     "sqlx"                      sqlx                      Rust:       "a connection URL for sqlx";
    SeaOrm                   "sea-orm"                   sea_orm                   Rust:       "a connection URL for SeaORM";
    TokioPostgres            "tokio-postgres"            tokio_postgres            Rust:       "a connection URL for tokio-postgres; what verifies the server is in the lines of code";
    DeadpoolPostgres         "deadpool-postgres"         deadpool_postgres         Rust:       "a connection URL for deadpool-postgres; what verifies the server is in the lines of code";
    Diesel                   "diesel"                    diesel                    Rust:       "a connection URI for Diesel";
    DieselAsync              "diesel-async"              diesel_async              Rust:       "a connection URL for diesel-async; what verifies the server is in the lines of code";
    MysqlAsync               "mysql-async"               mysql_async               Rust:       "a connection URL for mysql_async";
    Psycopg                  "psycopg"                   psycopg                   Python:     "a connection URI for psycopg 3";
    Psycopg2                 "psycopg2"                  psycopg2                  Python:     "a connection URI for psycopg2";
    Asyncpg                  "asyncpg"                   asyncpg                   Python:     "a connection URI for asyncpg; the code has whom to trust";
    Pg8000                   "pg8000"                    pg8000                    Python:     "the arguments of pg8000 as a JSON object";
    Django                   "django"                    django                    Python:     "an entry of Django's DATABASES as a JSON object";
    DjDatabaseUrl            "dj-database-url"           dj_database_url           Python:     "a URL that dj-database-url makes Django's settings of";
    SqlalchemyPsycopg        "sqlalchemy-psycopg"        sqlalchemy_psycopg        Python:     "a URL for SQLAlchemy with psycopg 3";
    SqlalchemyPsycopg2       "sqlalchemy-psycopg2"       sqlalchemy_psycopg2       Python:     "a URL for SQLAlchemy with psycopg2";
    SqlalchemyAsyncpg        "sqlalchemy-asyncpg"        sqlalchemy_asyncpg        Python:     "a URL for SQLAlchemy with asyncpg";
    Pymysql                  "pymysql"                   pymysql                   Python:     "the arguments of PyMySQL as a JSON object";
    Mysqlclient              "mysqlclient"               mysqlclient               Python:     "the arguments of mysqlclient (MySQLdb) as a JSON object";
    MysqlConnectorPython     "mysql-connector-python"    mysql_connector_python    Python:     "the arguments of MySQL Connector/Python as a JSON object";
    Asyncmy                  "asyncmy"                   asyncmy                   Python:     "the arguments of asyncmy as a JSON object";
    SqlalchemyPymysql        "sqlalchemy-pymysql"        sqlalchemy_pymysql        Python:     "a URL for SQLAlchemy with PyMySQL";
    SqlalchemyMysqlclient    "sqlalchemy-mysqlclient"    sqlalchemy_mysqlclient    Python:     "a URL for SQLAlchemy with mysqlclient (MySQLdb)";
    SqlalchemyMysqlconnector "sqlalchemy-mysqlconnector" sqlalchemy_mysqlconnector Python:     "a URL for SQLAlchemy with MySQL Connector/Python";
    SqlalchemyAsyncmy        "sqlalchemy-asyncmy"        sqlalchemy_asyncmy        Python:     "a URL for SQLAlchemy with asyncmy; the code has whom to trust";
    NodePostgres             "node-postgres"             node_postgres             JavaScript: "a connection URI for node-postgres (pg)";
    NodePostgresOptions      "node-postgres-options"     node_postgres_options     JavaScript: "the options of node-postgres (pg) as a JSON object, with the CA in it";
    PostgresJs               "postgres-js"               postgres_js               JavaScript: "the options of postgres.js as a JSON object";
    Mysql2                   "mysql2"                    mysql2                    JavaScript: "a connection URI for mysql2, with the CA in it";
    MariadbJs                "mariadb-js"                mariadb_js                JavaScript: "the options of the npm package mariadb as a JSON object";
    Drizzle                  "drizzle"                   drizzle                   JavaScript: "the options of Drizzle's connection as a JSON object: of node-postgres, or of mysql2";
    Knex                     "knex"                      knex                      JavaScript: "Knex's configuration as a JSON object, with pg or mysql2";
    Sequelize                "sequelize"                 sequelize                 JavaScript: "Sequelize's options as a JSON object, with pg or mysql2";
    Typeorm                  "typeorm"                   typeorm                   JavaScript: "the options of TypeORM's DataSource as a JSON object, with pg or mysql2";
    Prisma                   "prisma"                    prisma                    JavaScript: "the options of Prisma's driver adapters as a JSON object: of node-postgres, or of mariadb";
    Prisma6                  "prisma-6"                  prisma_6                  JavaScript: "a URL for the engine of Prisma 6 and earlier";
    Pgx                      "pgx"                       pgx                       Go:         "a connection URI for pgx, also for its pool and for database/sql";
    LibPq                    "lib-pq"                    lib_pq                    Go:         "a connection URI for lib/pq";
    GoSqlDriver              "go-sql-driver"             go_sql_driver             Go:         "the DSN of Go-MySQL-Driver; the code sets a private CA";
    Gorm                     "gorm"                      gorm                      Go:         "what GORM opens: a connection URI, or the DSN of Go-MySQL-Driver";
    Pgjdbc                   "pgjdbc"                    pgjdbc                    Java:       "a JDBC URL for pgJDBC; user and password travel beside it";
    ConnectorJ               "connector-j"               connector_j               Java:       "a JDBC URL for MySQL Connector/J; user and password travel beside it, and a private CA is a trust store";
    MariadbConnectorJ        "mariadb-connector-j"       mariadb_connector_j       Java:       "a JDBC URL for MariaDB Connector/J; user and password travel beside it";
    Spring                   "spring"                    spring                    Java:       "lines of application.properties for Spring Boot, with pgJDBC or MariaDB Connector/J";
    Npgsql                   "npgsql"                    npgsql                    DotNet:     "a connection string for Npgsql";
    RubyPg                   "ruby-pg"                   ruby_pg                   Ruby:       "a connection URI for pg";
    RubyMysql2               "ruby-mysql2"               ruby_mysql2               Ruby:       "an option file for mysql2: the default_file of its options";
    ActiveRecord             "activerecord"              activerecord              Ruby:       "ActiveRecord: for Postgres a hash, as JSON and YAML; for MySQL an option file";
    Pdo                      "pdo"                       pdo                       Php:        "a DSN for PDO with all that goes beside it, as a JSON object";
    PhpPg                    "php-pg"                    php_pg                    Php:        "a connection URI for pg_connect";
    Mysqli                   "mysqli"                    mysqli                    Php:        "what mysqli is told, as a JSON object";
    Laravel                  "laravel"                   laravel                   Php:        "a connection of Laravel's config/database.php, as a JSON object";
}

/// Who asks for a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Tools, files, and whoever reads a text that has no driver of its own.
    Tools,
    /// Programs in Python.
    Python,
    /// Programs in JavaScript or TypeScript.
    JavaScript,
    /// Programs in Rust.
    Rust,
    /// Programs in Go.
    Go,
    /// Programs for the JVM.
    Java,
    /// Programs for .NET.
    DotNet,
    /// Programs in Ruby.
    Ruby,
    /// Programs in PHP.
    Php,
}

impl Language {
    /// All of them, in their order on the page.
    pub(super) const ALL: &[Self] = &[
        Self::Tools,
        Self::Rust,
        Self::Python,
        Self::JavaScript,
        Self::Go,
        Self::Java,
        Self::DotNet,
        Self::Ruby,
        Self::Php,
    ];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Tools => "Tools, files, and any driver",
            Self::Python => "Python",
            Self::JavaScript => "JavaScript and TypeScript",
            Self::Rust => "Rust",
            Self::Go => "Go",
            Self::Java => "Java and the JVM",
            Self::DotNet => ".NET",
            Self::Ruby => "Ruby",
            Self::Php => "PHP",
        }
    }

    /// What Markdown calls it.
    pub(super) fn fence(self) -> &'static str {
        match self {
            Self::Tools => "sh",
            Self::Python => "python",
            Self::JavaScript => "js",
            Self::Rust => "rust",
            Self::Go => "go",
            Self::Java => "java",
            Self::DotNet => "csharp",
            Self::Ruby => "ruby",
            Self::Php => "php",
        }
    }
}

impl Format {
    /// Writes `target` in this format.
    ///
    /// # Errors
    ///
    /// When the format cannot say exactly that; nothing is left out or weakened instead.
    pub fn render<'a>(self, target: &Target<'a>) -> Result<Rendered<'a>, RenderError> {
        let (reader, parameters, settings) = self.settings(target)?;
        let ca_pem = match target.trust {
            Trust::System => None,
            Trust::Private { pem } => Some(pem),
        };
        Ok(Rendered {
            text: Secret::new((reader.render)(&settings)),
            parameters,
            ca_pem,
            reader,
            code: reader.code(target),
            needs: settings.needs(reader, target),
        })
    }

    /// Whether this format can say `target`. Fails as [`Format::render`] does.
    pub fn can_say(self, target: &Target<'_>) -> Result<(), RenderError> {
        self.settings(target).map(drop)
    }

    fn settings<'a>(
        self,
        target: &Target<'a>,
    ) -> Result<(&'static Reader, Parameters<'a>, Settings<'a>), RenderError> {
        self.check(target).map_err(|error| error.or_rather(|| self.nearest(target)))
    }

    fn check<'a>(
        self,
        target: &Target<'a>,
    ) -> Result<(&'static Reader, Parameters<'a>, Settings<'a>), RenderError> {
        let other = || RenderError::OtherProtocol { format: self, protocol: target.protocol };
        let reader = self.reader(target.protocol).ok_or_else(other)?;
        let mut parameters = Parameters::of(target)?;
        let settings = Settings::of(self, reader, target, &parameters)?;
        if self.is_for_proxies() {
            // Nothing of them is about who comes.
            parameters.keep(|parameter| reader.name(parameter).is_some());
        }
        Ok((reader, parameters, settings))
    }

    /// Another that can say `target`: for the same language, or the one that can say most.
    fn nearest(self, target: &Target<'_>) -> Option<Self> {
        let is_alike = |other: &Self| {
            let reader = other.reader(target.protocol);
            *other != self
                && other.language() == self.language()
                && !other.is_for_proxies()
                && reader.is_some_and(|reader| reader.ca != Ca::Elsewhere && reader.seen != Seen::InSource)
        };
        let alike = Self::ALL.iter().copied().filter(is_alike);
        alike.chain([Self::Json]).find(|other| other.check(target).is_ok())
    }

    /// Whether it is for a proxy: about the database itself, whatever clients connect to.
    pub fn is_for_proxies(self) -> bool {
        self == Self::QuerycopEnv
    }

    /// The media type of its text.
    pub fn media_type(self) -> &'static str {
        self.spec().media_type
    }

    /// Who reads it for a database to which this is spoken.
    pub fn reader(self, protocol: Protocol) -> Option<&'static Reader> {
        match protocol {
            Protocol::Postgres => self.spec().postgres,
            Protocol::Mysql => self.spec().mysql,
        }
    }

    /// Those for databases to which this is spoken, the default first.
    pub fn for_protocol(protocol: Protocol) -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(move |format| format.reader(protocol).is_some())
    }

    /// The same, where the server may be shown the password itself, or where this much of its certificate is verified.
    pub fn for_login(protocol: Protocol, cleartext: bool, mode: Mode) -> impl Iterator<Item = Self> {
        let is_safe = move |reader: &Reader| {
            (reader.cleartext || !cleartext)
                && reader.modes.word(mode).is_some()
                && (mode != Mode::VerifyCa || reader.trust != Trusts::Additive)
        };
        Self::for_protocol(protocol).filter(move |format| format.reader(protocol).is_some_and(is_safe))
    }
}

impl utoipa::PartialSchema for Format {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        let helps = Self::ALL.iter().map(|format| format!("- `{format}`: {}\n", format.help()));
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some(format!("A way to write a DSN down.\n\n{}", helps.collect::<String>())))
            .enum_values(Some(Self::ALL.iter().map(|format| format.name())))
            .into()
    }
}

impl utoipa::ToSchema for Format {}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        let found = Self::ALL.iter().copied().find(|format| format.name() == text);
        found.ok_or_else(|| UnknownFormat {
            text: text.chars().take(LONGEST_ECHO).collect(),
            refused: refused::find(text),
        })
    }
}

/// A text that names no format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownFormat {
    text: String,
    refused: Option<&'static Refused>,
}

impl UnknownFormat {
    /// The format whose name is nearest, if one is near.
    pub fn nearest(&self) -> Option<Format> {
        let text = self.text.to_lowercase();
        let distance = |format: &Format| strsim::damerau_levenshtein(format.name(), &text);
        Format::ALL.iter().copied().min_by_key(distance).filter(|format| distance(format) <= NEAR)
    }
}

impl fmt::Display for UnknownFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Refused { name, why, instead }) = self.refused {
            return write!(f, "`{name}` is not offered: {why}. Use `{instead}` instead");
        }
        let names: Vec<_> = Format::ALL.iter().map(|format| format.name()).collect();
        write!(f, "{:?} is not a format: use one of {}", self.text, names.join(", "))?;
        self.nearest().map_or(Ok(()), |format| write!(f, " (did you mean {format}?)"))
    }
}

impl std::error::Error for UnknownFormat {}

/// How many edits apart a name may be that is still suggested.
const NEAR: usize = 2;

/// How much of an unknown name is repeated to the caller, in characters.
const LONGEST_ECHO: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_is_found_by_its_name() {
        for format in Format::ALL {
            assert_eq!(format.name().parse(), Ok(*format));
            assert_eq!(serde_json::to_value(format).unwrap(), format.name());
        }
        let schema = serde_json::to_value(<Format as utoipa::PartialSchema>::schema()).unwrap();
        assert_eq!(schema["enum"], serde_json::to_value(Format::ALL).unwrap(), "OpenAPI has the same");
    }

    #[test]
    fn an_unknown_format_is_named_with_all_that_exist_and_the_nearest() {
        let message = |text: &str| text.parse::<Format>().unwrap_err().to_string();
        let url = message("url");
        assert!(url.starts_with("\"url\" is not a format: use one of uri, keyword, env, dotenv, "), "{url}");
        assert!(Format::ALL.iter().all(|format| url.contains(format.name())), "{url}");
        assert!(message("DotEnv").ends_with("(did you mean dotenv?)"));
        assert!(!message("jdbc-with-a-long-name").contains("did you mean"));
        assert_eq!(message(&"x".repeat(5000)).len(), message(&"x".repeat(LONGEST_ECHO)).len());
    }

    #[test]
    fn what_cannot_be_made_to_verify_is_refused_with_the_reason_and_what_to_use() {
        for Refused { name, why, instead } in refused::ALL {
            let message = name.parse::<Format>().unwrap_err().to_string();
            assert_eq!(message, format!("`{name}` is not offered: {why}. Use `{instead}` instead"));
        }
    }
}
