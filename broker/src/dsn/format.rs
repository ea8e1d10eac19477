//! The formats: one table.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::dsn::{
    Mode, Parameters, RenderError, Rendered, Target, Trust, dotenv, env, json, keyword, my_cnf, pgpass,
    querycop_env, uri,
};
use crate::model::Protocol;
use crate::secret::Secret;

macro_rules! formats {
    ($($variant:ident $name:literal $media_type:ident $protocols:ident $ca:ident $render:path: $help:literal;)*) => {
        /// A way to write a target down.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, utoipa::ToSchema)]
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

            /// The media type of its text.
            pub fn media_type(self) -> &'static str {
                match self { $(Self::$variant => $media_type,)* }
            }

            /// What is spoken to the databases that it is for.
            fn protocols(self) -> &'static [Protocol] {
                match self { $(Self::$variant => $protocols,)* }
            }

            fn ca(self) -> Ca {
                match self { $(Self::$variant => Ca::$ca,)* }
            }

            fn text(self, target: &Target<'_>, parameters: &Parameters<'_>) -> String {
                match self { $(Self::$variant => $render(target, parameters),)* }
            }
        }
    };
}

// Which databases a format is for: those that speak one protocol, or all. How it gets a private CA to the driver:
// `ByPath`, or it is `Free` to do without a path, or it `Always` has to have one, also for the system's roots.
formats! {
    Uri     "uri"     TEXT ALL      ByPath uri::render:     "a connection URI: libpq's for psql and most drivers, or mysql://…";
    Keyword "keyword" TEXT POSTGRES ByPath keyword::render: "libpq's connection string of keywords and values";
    Env     "env"     TEXT POSTGRES ByPath env::render:     "libpq's PG* variables, as lines for a POSIX shell to source";
    Dotenv  "dotenv"  TEXT ALL      ByPath dotenv::render:  "a line DATABASE_URL=… for a .env file";
    Pgpass  "pgpass"  TEXT POSTGRES Free   pgpass::render:  "a line for libpq's password file; TLS is not part of it";
    MyCnf   "my-cnf"  TEXT MYSQL    ByPath my_cnf::render:  "an option file for the clients of MariaDB; those of MySQL refuse it";
    Json    "json"    JSON ALL      Free   json::render:    "the parameters as a JSON object, with the CA in ca_pem";
    QuerycopEnv "querycop-env" TEXT ALL Always querycop_env::render: "variables with which Querycop, a proxy, verifies the database; no secret is in them";
}

impl Format {
    /// Writes `target` in this format.
    ///
    /// # Errors
    ///
    /// When the format cannot say exactly that; nothing is left out or weakened instead.
    pub fn render<'a>(self, target: &Target<'a>) -> Result<Rendered<'a>, RenderError> {
        let parameters = self.parameters(target)?;
        let ca_pem = match target.trust {
            Trust::System => None,
            Trust::Private { pem } => Some(pem),
        };
        Ok(Rendered { text: Secret::new(self.text(target, &parameters)), parameters, ca_pem })
    }

    /// The parameters of `target`, if this format can say them. Fails as [`Format::render`] does.
    pub fn parameters<'a>(self, target: &Target<'a>) -> Result<Parameters<'a>, RenderError> {
        if !self.protocols().contains(&target.protocol) {
            return Err(RenderError::OtherProtocol { format: self, protocol: target.protocol });
        }
        // Other readers refuse it, or pass it on to the server, which does.
        let channel_binding = target.channel_binding && matches!(self, Self::Uri | Self::Keyword | Self::Env);
        let mut parameters = Parameters::of(&Target { channel_binding, ..*target })?;
        if target.cleartext && !self.is_for_proxies() {
            self.check_cleartext(target)?;
        }
        let private = target.trust != Trust::System;
        match self.ca() {
            Ca::ByPath if private && target.ca_file.is_none() => {
                return Err(RenderError::NeedsCaFile { format: self, database: target.database.clone() });
            }
            Ca::Always if target.ca_file.is_none() => return Err(RenderError::NeedsBackendCaFile),
            _ => {}
        }
        match self {
            Self::MyCnf => my_cnf::check(&parameters)?,
            Self::QuerycopEnv => parameters.keep(&querycop_env::TOLD),
            _ => {}
        }
        Ok(parameters)
    }

    /// Refuses to have a password shown to anybody, or by drivers that would not show it.
    fn check_cleartext(self, target: &Target<'_>) -> Result<(), RenderError> {
        if target.mode != Mode::VerifyFull {
            return Err(RenderError::CleartextUnverified { database: target.database.clone() });
        }
        match self.says_cleartext() {
            true => Ok(()),
            false => Err(RenderError::NotInFormat { format: self, why: NO_CLEARTEXT }),
        }
    }

    /// Whether a driver that reads it shows the password where the server asks for that. The clients of MariaDB always
    /// do; in a URI each driver has a name of its own for it, or none.
    fn says_cleartext(self) -> bool {
        !matches!(self, Self::Uri | Self::Dotenv)
    }

    /// Whether it is for a proxy: about the database itself, whatever clients connect to.
    pub fn is_for_proxies(self) -> bool {
        self == Self::QuerycopEnv
    }

    /// Those for databases to which this is spoken, the default first.
    pub fn for_protocol(protocol: Protocol) -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(move |format| format.protocols().contains(&protocol))
    }

    /// The same, where the server may be shown the password itself.
    pub fn for_login(protocol: Protocol, cleartext: bool) -> impl Iterator<Item = Self> {
        Self::for_protocol(protocol).filter(move |format| !cleartext || format.says_cleartext())
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        let found = Self::ALL.iter().copied().find(|format| format.name() == text);
        found.ok_or_else(|| UnknownFormat { text: text.chars().take(LONGEST_ECHO).collect() })
    }
}

/// A text that names no format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownFormat {
    text: String,
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
        let names: Vec<_> = Format::ALL.iter().map(|format| format.name()).collect();
        write!(f, "{:?} is not a format: use one of {}", self.text, names.join(", "))?;
        self.nearest().map_or(Ok(()), |format| write!(f, " (did you mean {format}?)"))
    }
}

impl std::error::Error for UnknownFormat {}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ca {
    ByPath,
    Free,
    Always,
}

const ALL: &[Protocol] = &[Protocol::Postgres, Protocol::Mysql];
const POSTGRES: &[Protocol] = &[Protocol::Postgres];
const MYSQL: &[Protocol] = &[Protocol::Mysql];

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

const NO_CLEARTEXT: &str = "has no word that all drivers know for `mysql_clear_password`, by which they show a token to the server: use \
     `my-cnf`, or `json` and tell the driver what it calls `enable-cleartext-plugin`";

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
    }

    #[test]
    fn an_unknown_format_is_named_with_all_that_exist_and_the_nearest() {
        let message = |text: &str| text.parse::<Format>().unwrap_err().to_string();
        assert_eq!(
            message("url"),
            "\"url\" is not a format: use one of uri, keyword, env, dotenv, pgpass, my-cnf, json, querycop-env (did you mean uri?)"
        );
        assert!(message("DotEnv").ends_with("(did you mean dotenv?)"));
        assert!(message("jdbc-with-a-long-name").ends_with("json, querycop-env"));
        assert!(message(&"x".repeat(5000)).len() < 200);
    }
}
