//! What a text says to its reader: the parameters of a connection, by the reader's names.

use std::net::IpAddr;

use crate::dsn::reader::{Ca, ChannelBinding, DirectTls, Pooled, Reader, Roots, Timeout, Trusts, When};
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
        let asked = Asked { format, reader, target };
        asked.check()?;
        let mode = asked.mode()?;
        let mut list = Vec::with_capacity(reader.says.len());
        for (parameter, name) in reader.says {
            let value = match parameter {
                Parameter::Sslmode => Some(Value::Text(mode)),
                Parameter::Sslrootcert => asked.ca_path()?.map(Value::Text),
                Parameter::CaPem => asked.ca_pem().map(Value::Text),
                Parameter::ConnectTimeout if reader.timeout != Timeout::InText => None,
                Parameter::ConnectMillis => {
                    parameters.get(Parameter::ConnectTimeout).map(Value::in_thousandths)
                }
                Parameter::ChannelBinding if reader.channel_binding != ChannelBinding::Enforced => None,
                Parameter::Sslnegotiation if reader.direct_tls != DirectTls::Yes => None,
                _ => parameters.get(*parameter),
            };
            list.extend(value.map(|value| Setting { parameter: *parameter, name, value }));
        }
        let because_of_a_pooler = match reader.pooled {
            Pooled::InText(pairs) if target.pooled => pairs,
            _ => &[],
        };
        let further = reader.always.iter().chain(because_of_a_pooler);
        list.extend(further.map(|(name, value)| Setting {
            parameter: Parameter::Further,
            name,
            value: *value,
        }));
        for Setting { parameter, value, .. } in &list {
            if !value.with_text(|text| (reader.takes)(*parameter, text)) {
                return Err(asked.not(match parameter {
                    Parameter::Host => {
                        "is for drivers that take this host for something else (`localhost` for a socket, an IPv6 address \
                         for a name): give the endpoint another name"
                    }
                    Parameter::Password => "cannot hold this password: its readers would take it for another",
                    Parameter::User => "cannot hold this user: its readers would take it for another",
                    Parameter::Dbname => "cannot hold this `dbname`: its readers would take it for another",
                    _ => {
                        "cannot hold a value that this endpoint needs: its readers would take it for another"
                    }
                }));
            }
        }
        Ok(Self { list })
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

    /// The same without who comes.
    pub(super) fn beside(&self) -> Self {
        let is_who = |parameter| matches!(parameter, Parameter::User | Parameter::Password);
        Self { list: self.list.iter().filter(|setting| !is_who(setting.parameter)).copied().collect() }
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

    /// What its reader needs to understand it.
    pub(super) fn needs(&self, reader: &Reader, target: &Target<'_>) -> Vec<&'static str> {
        let is_said = |when: When| match when {
            When::Always => true,
            When::SystemRoots => {
                matches!((reader.roots, self.get(Parameter::Sslrootcert)), (Roots::Word(word), Some(Value::Text(said))) if said == word)
            }
            When::DirectTls => self.get(Parameter::Sslnegotiation).is_some(),
            When::ChannelBinding => self.get(Parameter::ChannelBinding).is_some(),
        };
        let needs = reader.needs.iter().filter(|(when, _)| is_said(*when)).map(|(_, version)| *version);
        let pooler = match reader.pooled {
            Pooled::Needs(version) if target.pooled => Some(version),
            _ => None,
        };
        needs.chain(pooler).collect()
    }
}

/// What is to be said to whom.
struct Asked<'a, 'b> {
    format: Format,
    reader: &'static Reader,
    target: &'b Target<'a>,
}

impl<'a> Asked<'a, '_> {
    fn not(&self, why: &'static str) -> RenderError {
        RenderError::NotInFormat { format: self.format, why, instead: None }
    }

    fn check(&self) -> Result<(), RenderError> {
        let Self { format, reader, target } = self;
        if format.is_for_proxies() {
            return Ok(());
        }
        if target.cleartext && target.mode != Mode::VerifyFull {
            return Err(RenderError::CleartextUnverified { database: target.database.clone() });
        }
        if target.cleartext && !reader.cleartext {
            return Err(self.not(
                "has no word that all drivers know for `mysql_clear_password`, by which they show a token to the server",
            ));
        }
        // A zone (`fe80::1%eth0`) is part of an address to some.
        let address = target.host.split('%').next().unwrap_or_default();
        if !reader.addresses && target.mode != Mode::Plaintext && address.parse::<IpAddr>().is_ok() {
            return Err(self.not(
                "is for a driver that looks for `localhost` in the certificate where the host is an address: give the \
                 endpoint a name",
            ));
        }
        if target.trust == Trust::System
            && target.ca_file.is_some()
            && target.mode != Mode::Plaintext
            && matches!(reader.ca, Ca::Pem | Ca::Code)
            && reader.name(Parameter::Sslrootcert).is_none()
        {
            return Err(self.not("takes a CA itself and not the name of its file: leave ca_file out"));
        }
        let is_store = |path: &str| [".p12", ".pfx", ".jks"].iter().any(|kind| path.ends_with(kind));
        if reader.ca == Ca::Store
            && target.mode != Mode::Plaintext
            && !target.ca_file.map_or(target.trust == Trust::System, is_store)
        {
            return Err(self.not(
                "takes a CA as a trust store of Java: make one with `keytool -importcert -noprompt -alias dsn -file ca.pem \
                 -keystore ca.p12 -storetype PKCS12 -storepass changeit`, and ask with ca_file=/path/to/ca.p12",
            ));
        }
        if target.target_session_attrs.is_some()
            && reader.name(Parameter::TargetSessionAttrs).is_none()
            && reader.ca != Ca::Elsewhere
        {
            return Err(self.not("cannot say `target_session_attrs`, which this endpoint needs"));
        }
        Ok(())
    }

    fn mode(&self) -> Result<&'static str, RenderError> {
        if self.target.mode == Mode::VerifyCa && self.reader.trust == Trusts::Additive {
            return Err(self.not(
                "cannot say that the host name is not verified: its readers trust the system's roots besides the CA, and \
                 would take anybody's certificate",
            ));
        }
        self.reader.modes.word(self.target.mode).ok_or_else(|| {
            self.not(match self.target.mode {
                Mode::Plaintext => "cannot say that there is no TLS",
                _ => "cannot say that the host name is not verified: its readers verify all or nothing",
            })
        })
    }

    /// The file of the CA, or what stands for the system's roots.
    fn ca_path(&self) -> Result<Option<&'a str>, RenderError> {
        let Self { format, reader, target } = self;
        Ok(match (target.mode, target.ca_file, target.trust) {
            (Mode::Plaintext, ..) => None,
            (_, Some(path), _) => Some(path),
            (_, None, Trust::Private { .. }) => match reader.ca {
                Ca::Path | Ca::Store => {
                    let database = target.database.clone();
                    return Err(RenderError::NeedsCaFile { format: *format, database, instead: None });
                }
                Ca::Pem | Ca::Code | Ca::Elsewhere => None,
            },
            (_, None, Trust::System) => match (reader.roots, target.bundle) {
                (Roots::Silence, _) => None,
                (Roots::Word(_) | Roots::Bundle, Some(path)) => Some(path),
                (Roots::Word(word), None) => Some(word),
                (Roots::Bundle, None) => {
                    return Err(RenderError::NeedsBundle { format: *format, instead: None });
                }
            },
        })
    }

    /// The CA itself.
    fn ca_pem(&self) -> Option<&'a str> {
        match self.target.trust {
            Trust::Private { pem } if self.reader.ca == Ca::Pem && self.target.mode != Mode::Plaintext => {
                Some(pem)
            }
            _ => None,
        }
    }
}
