//! What a text says to its reader: the parameters of a connection, by the reader's names.

use crate::dsn::reader::{Ca, ChannelBinding, DirectTls, Reader, Roots, Timeout};
use crate::dsn::{Format, Mode, Parameter, Parameters, RenderError, Target, Trust, Value};

/// What a text says to its reader, checked: it can say that.
#[derive(Debug)]
pub struct Settings<'a> {
    list: Vec<Setting<'a>>,
}

/// One of them.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    parameter: Parameter,
    name: &'static str,
    value: Value<'a>,
}

impl<'a> Settings<'a> {
    /// What `reader` is to be told. Refuses what it cannot be told: nothing is left out or weakened instead, but for
    /// what [`Reader::capabilities`] says.
    pub(super) fn of(
        format: Format,
        reader: &'static Reader,
        target: &Target<'a>,
        parameters: &Parameters<'a>,
    ) -> Result<Self, RenderError> {
        let not = |why| RenderError::NotInFormat { format, why };
        if target.cleartext && !format.is_for_proxies() {
            if target.mode != Mode::VerifyFull {
                return Err(RenderError::CleartextUnverified { database: target.database.clone() });
            }
            if !reader.cleartext {
                return Err(not(
                    "has no word that all drivers know for `mysql_clear_password`, by which they show a token to the \
                     server: use `my-cnf`, or `json` and tell the driver what it calls `enable-cleartext-plugin`",
                ));
            }
        }
        let mut list = Vec::with_capacity(reader.says.len());
        for (parameter, name) in reader.says {
            let value = match parameter {
                Parameter::Sslmode => Some(Value::Text(mode(format, reader, target)?)),
                Parameter::Sslrootcert => ca_path(format, reader, target)?.map(Value::Text),
                Parameter::CaPem => ca_pem(target).filter(|_| reader.ca == Ca::Pem).map(Value::Text),
                Parameter::ConnectTimeout if reader.timeout != Timeout::InText => None,
                Parameter::ChannelBinding if reader.channel_binding != ChannelBinding::Enforced => None,
                Parameter::Sslnegotiation if reader.direct_tls != DirectTls::Yes => None,
                _ => parameters.get(*parameter),
            };
            list.extend(value.map(|value| Setting { parameter: *parameter, name, value }));
        }
        let settings = Self { list };
        settings.check(format, reader, parameters)?;
        Ok(settings)
    }

    /// All of them by name, the password in the clear.
    pub(super) fn expose(&self) -> impl Iterator<Item = (&'static str, Value<'a>)> {
        self.list.iter().map(|setting| (setting.name, setting.value))
    }

    /// All but one of them.
    pub(super) fn without(&self, left_out: Parameter) -> impl Iterator<Item = (&'static str, Value<'a>)> {
        let others = self.list.iter().filter(move |setting| setting.parameter != left_out);
        others.map(|setting| (setting.name, setting.value))
    }

    /// Those that say more than where and who.
    pub(super) fn options(&self) -> impl Iterator<Item = (&'static str, Value<'a>)> {
        let options = self.list.iter().filter(|setting| !setting.parameter.is_place());
        options.map(|setting| (setting.name, setting.value))
    }

    /// One of them; empty where it is not said.
    pub(super) fn text(&self, wanted: Parameter) -> Value<'a> {
        self.get(wanted).unwrap_or(Value::Text(""))
    }

    /// One of them, if it is said.
    pub(super) fn get(&self, wanted: Parameter) -> Option<Value<'a>> {
        self.list.iter().find(|setting| setting.parameter == wanted).map(|setting| setting.value)
    }

    fn check(&self, format: Format, reader: &Reader, parameters: &Parameters<'_>) -> Result<(), RenderError> {
        let attrs = Parameter::TargetSessionAttrs;
        if let (Some(_), None, false) =
            (parameters.get(attrs), reader.name(attrs), format.is_for_proxies() || reader.ca == Ca::Elsewhere)
        {
            let why = "cannot say `target_session_attrs`, which this endpoint needs: use another endpoint";
            return Err(RenderError::NotInFormat { format, why });
        }
        let is_long =
            |longest: usize| self.expose().any(|(_, value)| value.with_text(|text| escaped(text) > longest));
        if reader.longest.is_some_and(is_long) {
            let why = "holds no line as long as that: its readers cut it; use `json` or `uri`";
            return Err(RenderError::NotInFormat { format, why });
        }
        Ok(())
    }
}

/// As long as a text is with a backslash before each of its quotes and backslashes.
fn escaped(text: &str) -> usize {
    text.len() + text.matches(['"', '\\']).count()
}

fn mode(format: Format, reader: &Reader, target: &Target<'_>) -> Result<&'static str, RenderError> {
    reader.modes.word(target.mode).ok_or(match target.mode {
        Mode::Plaintext => RenderError::NotInFormat { format, why: "cannot say that there is no TLS; use `json` or `uri`" },
        _ => RenderError::NotInFormat {
            format,
            why: "cannot say that the host name is not verified: its readers verify all or nothing; use `json` or `uri`",
        },
    })
}

/// The file of the CA, or what stands for the system's roots.
fn ca_path<'a>(format: Format, reader: &Reader, target: &Target<'a>) -> Result<Option<&'a str>, RenderError> {
    Ok(match (target.mode, target.ca_file, target.trust) {
        (Mode::Plaintext, ..) => None,
        (_, Some(path), _) => Some(path),
        (_, None, Trust::Private { .. }) => match reader.ca {
            Ca::Path => {
                return Err(RenderError::NeedsCaFile { format, database: target.database.clone() });
            }
            Ca::Pem | Ca::Elsewhere => None,
        },
        (_, None, Trust::System) => match (reader.roots, target.bundle) {
            (Roots::Word(word), _) => Some(word),
            (Roots::Silence, _) => None,
            (Roots::Bundle, Some(path)) => Some(path),
            (Roots::Bundle, None) => return Err(RenderError::NeedsBundle { format }),
        },
    })
}

fn ca_pem<'a>(target: &Target<'a>) -> Option<&'a str> {
    match target.trust {
        Trust::Private { pem } => Some(pem),
        Trust::System => None,
    }
}
