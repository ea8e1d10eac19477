//! The parameters of a connection, in the order in which every format writes them.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::dsn::reader::Modes;
use crate::dsn::{Format, Mode, RenderError, Target, Trust};
use crate::model::Protocol;

/// The parameters of one connection, checked: each value can be said in every format.
#[derive(Debug)]
pub struct Parameters<'a> {
    protocol: Protocol,
    list: Vec<(Parameter, Value<'a>)>,
}

/// A parameter. The names are libpq's; a [`Reader`](crate::dsn::Reader) may have others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are libpq's")]
pub enum Parameter {
    Host,
    Port,
    User,
    Password,
    Dbname,
    Sslmode,
    Sslrootcert,
    Sslnegotiation,
    ChannelBinding,
    CleartextPlugin,
    TargetSessionAttrs,
    ConnectTimeout,
    /// The same in milliseconds, for readers that count these.
    ConnectMillis,
    ApplicationName,
    /// A private CA itself, PEM; libpq cannot be told that.
    CaPem,
    /// What is said besides: always, or because of a pooler.
    Further,
}

/// The value of a parameter. The password is one of them, so it prints as nothing.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value<'a> {
    /// A text.
    Text(&'a str),
    /// A number.
    Number(u64),
    /// Yes or no.
    Flag(bool),
}

impl<'a> Parameters<'a> {
    /// What `target` says, checked. There is no `sslrootcert` for a private CA without `ca_file`:
    /// whoever writes these down has to carry the CA in another way.
    pub fn of(target: &Target<'a>) -> Result<Self, RenderError> {
        let text = |parameter, value| (parameter, Value::Text(value));
        let mut list = vec![
            text(Parameter::Host, target.host),
            (Parameter::Port, Value::Number(target.port.into())),
            text(Parameter::User, target.username),
            text(Parameter::Password, target.password.expose()),
            text(Parameter::Dbname, target.dbname),
            text(Parameter::Sslmode, sslmode(target)?),
        ];
        list.extend(root_cert(target)?.map(|path| text(Parameter::Sslrootcert, path)));
        let libpq_over_tls = target.protocol == Protocol::Postgres && target.mode != Mode::Plaintext;
        if target.direct_tls && libpq_over_tls {
            list.push(text(Parameter::Sslnegotiation, "direct"));
        }
        if target.channel_binding && libpq_over_tls {
            list.push(text(Parameter::ChannelBinding, "require"));
        }
        if target.cleartext {
            list.push((Parameter::CleartextPlugin, Value::Flag(true)));
        }
        list.extend(target.target_session_attrs.map(|attrs| text(Parameter::TargetSessionAttrs, attrs)));
        list.push((Parameter::ConnectTimeout, Value::Number(whole_seconds(target.connect_timeout))));
        list.push(text(Parameter::ApplicationName, target.application_name));
        list.iter().try_for_each(|(parameter, value)| check(*parameter, *value))?;
        if let (Protocol::Mysql, Some(_)) = (target.protocol, target.target_session_attrs) {
            let why = "is nothing that drivers for MySQL know";
            return Err(RenderError::Inexpressible { parameter: Parameter::TargetSessionAttrs, why });
        }
        Ok(Self { protocol: target.protocol, list })
    }

    /// All of them, the password in the clear.
    pub fn expose(&self) -> impl Iterator<Item = (Parameter, Value<'a>)> {
        self.list.iter().copied()
    }

    /// All of them, the password in the clear, by the names that they have in JSON.
    pub fn expose_by_keyword(&self) -> impl Iterator<Item = (&'static str, Value<'a>)> {
        let reader = Format::Json.reader(self.protocol);
        let named =
            move |(parameter, value): &(Parameter, Value<'a>)| Some((reader?.name(*parameter)?, *value));
        self.list.iter().filter_map(named)
    }

    /// Forgets all but these.
    pub(super) fn keep(&mut self, wanted: impl Fn(Parameter) -> bool) {
        self.list.retain(|(parameter, _)| wanted(*parameter));
    }

    /// One of them, if it is set.
    pub(super) fn get(&self, wanted: Parameter) -> Option<Value<'a>> {
        self.list.iter().find(|(parameter, _)| *parameter == wanted).map(|(_, value)| *value)
    }
}

impl Parameter {
    /// Whether it says where the database is, or who comes.
    pub(super) fn is_place(self) -> bool {
        matches!(self, Self::Host | Self::Port | Self::User | Self::Password | Self::Dbname)
    }

    fn libpq(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Port => "port",
            Self::User => "user",
            Self::Password => "password",
            Self::Dbname => "dbname",
            Self::Sslmode => "sslmode",
            Self::Sslrootcert => "sslrootcert",
            Self::Sslnegotiation => "sslnegotiation",
            Self::ChannelBinding => "channel_binding",
            Self::CleartextPlugin => "cleartext_plugin",
            Self::TargetSessionAttrs => "target_session_attrs",
            Self::ConnectTimeout => "connect_timeout",
            Self::ConnectMillis => "connect_timeout_ms",
            Self::ApplicationName => "application_name",
            Self::CaPem => "ca_pem",
            Self::Further => "further",
        }
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.libpq())
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Value(…)")
    }
}

impl Value<'_> {
    /// A thousand times the number.
    pub(super) fn in_thousandths(self) -> Self {
        match self {
            Self::Number(number) => Self::Number(number.saturating_mul(1000)),
            other => other,
        }
    }

    /// Calls `write` with the value as text.
    pub(super) fn with_text<T>(self, write: impl FnOnce(&str) -> T) -> T {
        match self {
            Self::Text(text) => write(text),
            Self::Number(number) => write(&number.to_string()),
            Self::Flag(flag) => write(if flag { "true" } else { "false" }),
        }
    }
}

fn sslmode(target: &Target<'_>) -> Result<&'static str, RenderError> {
    if target.mode == Mode::VerifyCa && target.trust == Trust::System {
        return Err(RenderError::HostNotVerified { database: target.database.clone() });
    }
    let modes = match target.protocol {
        Protocol::Postgres => Modes::LIBPQ,
        Protocol::Mysql => Modes::MYSQL,
    };
    Ok(modes.word(target.mode).unwrap_or_default())
}

fn root_cert<'a>(target: &Target<'a>) -> Result<Option<&'a str>, RenderError> {
    target.ca_file.map_or(Ok(()), is_absolute)?;
    Ok(match (target.mode, target.ca_file, target.trust) {
        (Mode::Plaintext, ..) => None,
        (_, Some(path), _) => Some(path),
        // Drivers for MySQL that are given no CA trust the system's.
        (_, None, Trust::System) => {
            (target.protocol == Protocol::Postgres).then_some(target.bundle.unwrap_or("system"))
        }
        (_, None, Trust::Private { .. }) => None,
    })
}

/// The caller's machine need not be of our kind: `C:\…` is as absolute there as `/…` is here.
fn is_absolute(path: &str) -> Result<(), RenderError> {
    let on_a_drive =
        matches!(path.as_bytes(), [letter, b':', b'\\' | b'/', ..] if letter.is_ascii_alphabetic());
    let why = if path.len() > LONGEST_PATH {
        "is longer than any path"
    } else if path.chars().any(char::is_control) {
        "holds a control character"
    } else if !path.starts_with('/') && !on_a_drive {
        "is not an absolute path"
    } else {
        return Ok(());
    };
    Err(RenderError::CaFile { why })
}

fn whole_seconds(duration: Duration) -> u64 {
    (duration.as_secs() + u64::from(duration.subsec_nanos() > 0)).max(1)
}

fn check(parameter: Parameter, value: Value<'_>) -> Result<(), RenderError> {
    let Value::Text(text) = value else { return Ok(()) };
    let why = if text.is_empty() {
        // libpq takes an empty value for an absent one, and looks for it elsewhere.
        "is empty"
    } else if text.chars().any(char::is_control) {
        "holds a control character"
    } else if parameter == Parameter::Host && text.contains(',') {
        "is a list"
    } else if parameter == Parameter::Host && text.starts_with(['/', '@']) {
        "is a path, and sockets have no TLS"
    } else if parameter == Parameter::Dbname && matches!(text, "." | "..") {
        // However encoded: <https://url.spec.whatwg.org/#single-dot-path-segment>.
        "is a step in a path, which many readers of URLs take and forget"
    } else {
        return Ok(());
    };
    Err(RenderError::Inexpressible { parameter, why })
}

/// Linux' `PATH_MAX`.
const LONGEST_PATH: usize = 4096;
