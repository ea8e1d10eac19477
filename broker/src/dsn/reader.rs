//! What is known of those who read a format: what they can be told, and what they make of it.

use serde::Serialize;

use crate::dsn::{Mode, Parameter, Settings, Target, Trust, Value};

/// A driver or tool that reads a format, and what it makes of the text.
#[derive(Clone, Copy, Debug)]
pub struct Reader {
    /// Its name and the versions in which it was tried.
    pub driver: &'static str,
    /// How it is known that it does what is said here.
    pub seen: Seen,
    /// What the text may say of the connection, by the reader's names and in this order: what is below decides
    /// whether it says that.
    pub says: &'static [(Parameter, &'static str)],
    /// What it is always told besides.
    pub always: &'static [(&'static str, Value<'static>)],
    /// How it is told how much to verify.
    pub modes: Modes,
    /// How it is told to trust the system's roots.
    pub roots: Roots,
    /// How it is told which private CA to trust.
    pub ca: Ca,
    /// What a private CA is to it.
    pub trust: Trusts,
    /// Whether the server has to prove to it that nobody stands between.
    pub channel_binding: ChannelBinding,
    /// Whether it can begin with TLS.
    pub direct_tls: DirectTls,
    /// Where it is told how long connecting may take.
    pub timeout: Timeout,
    /// Whether it shows a server of MySQL the password itself, where the server asks for that and the text or
    /// the lines of code say so.
    pub cleartext: bool,
    /// Where it is told who comes.
    pub credentials: Credentials,
    /// Whether it verifies a host that is an address, and not a name.
    pub addresses: bool,
    /// Whether it can be told this value.
    pub takes: fn(Parameter, &str) -> bool,
    /// What it has to be told where a pooler hands its server connections on after each transaction.
    pub pooled: Pooled,
    /// The versions that it has to have, for what.
    pub needs: &'static [(When, &'static str)],
    /// What else one has to know of it.
    pub traps: &'static [&'static str],
    /// The lines that open a session with the text, which they call `dsn`; the password beside it is `password` there,
    /// and the CA `ca_pem`.
    pub open: &'static str,
    /// The same where the CA is a private one, if they are others then.
    pub open_private: Option<&'static str>,
    /// The same where a server of MySQL is shown the password itself, if it is they that say so.
    pub open_cleartext: Option<&'static str>,
    /// Writes the text.
    pub(super) render: fn(&Settings<'_>) -> String,
}

/// How a reader is told how much of the certificate to verify; `None` for what it cannot be told.
#[derive(Clone, Copy, Debug)]
pub struct Modes {
    /// The chain and the host name.
    pub verify_full: &'static str,
    /// The chain alone.
    pub verify_ca: Option<&'static str>,
    /// Nothing: there is no TLS.
    pub plaintext: Option<&'static str>,
}

/// How a reader is told to trust the system's roots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roots {
    /// By a word in the place of the file.
    Word(&'static str),
    /// By saying nothing.
    Silence,
    /// By the path of the file in which the system has them.
    Bundle,
}

/// How a reader is told which private CA to trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ca {
    /// By the path of a file, for which the caller has to say where it is.
    Path,
    /// By the path of a trust store of Java, which the caller has to make of it.
    Store,
    /// Within the text.
    Pem,
    /// By the code that opens the session.
    Code,
    /// It is not what this text is about.
    Elsewhere,
}

/// How it is known what a reader does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The project's tests run it.
    ByTests,
    /// It was tried on real servers, and the tests do not run it.
    ByHand,
    /// It was read in its source and never tried.
    InSource,
}

/// Where a reader is told who comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Credentials {
    /// In the text.
    InText,
    /// Beside it: `user` and `password` of the parameters.
    Beside,
}

/// What a reader has to be told where a pooler hands its server connections on after each transaction: statements that
/// were prepared for one of them are not there on the next.
#[derive(Clone, Copy, Debug)]
pub enum Pooled {
    /// Nothing.
    Fits,
    /// This, in the text.
    InText(&'static [(&'static str, Value<'static>)]),
    /// These lines open the session instead.
    InCode(&'static str),
    /// There is no such setting, but poolers of this version and later do without.
    Needs(&'static str),
}

/// When a version is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Always.
    Always,
    /// Where the text names the system's roots by a word.
    SystemRoots,
    /// Where it says that the session begins with TLS.
    DirectTls,
    /// Where it says that nobody may stand between.
    ChannelBinding,
}

/// What a private CA is to a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trusts {
    /// The only one it trusts.
    Exclusive,
    /// One more that it trusts, besides its usual ones.
    Additive,
    /// What the code makes of it.
    InCode,
}

/// Whether the server has to prove to a reader that nobody stands between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChannelBinding {
    /// It has to, where the text says so.
    Enforced,
    /// It is asked to, and need not.
    Opportunistic,
    /// It is never asked to.
    None,
}

/// Whether a reader can begin with TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DirectTls {
    /// It does, where the text says so.
    Yes,
    /// It would not notice that it is told to, so it is not.
    Ignored,
    /// It would refuse the text, so that does not say it.
    Error,
}

/// Where a reader is told how long connecting may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Timeout {
    /// In the text.
    InText,
    /// In the code that opens the session.
    InCode,
}

/// What of the settings a reader makes up to them, and what is left to the code: for the format that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Capabilities {
    /// Whether the server has to prove that nobody stands between.
    pub channel_binding: ChannelBinding,
    /// Whether it begins with TLS where the endpoint asks for that.
    pub direct_tls: DirectTls,
    /// Where it is told how long connecting may take.
    pub timeout: Timeout,
    /// What a private CA is to it.
    pub ca: Trusts,
    /// Where it is told who comes.
    pub credentials: Credentials,
}

impl Reader {
    /// What it can, for those who ask.
    pub fn capabilities(&self) -> Capabilities {
        let Self { channel_binding, direct_tls, timeout, trust: ca, credentials, .. } = *self;
        Capabilities { channel_binding, direct_tls, timeout, ca, credentials }
    }

    /// The lines that open a session through a pooler, if they are others then.
    pub fn open_pooled(&self) -> Option<&'static str> {
        match self.pooled {
            Pooled::InCode(code) => Some(code),
            _ => None,
        }
    }

    /// The lines that open a session with this target.
    pub(super) fn code(&self, target: &Target<'_>) -> &'static str {
        let is_private = matches!(target.trust, Trust::Private { .. }) && target.mode != Mode::Plaintext;
        let pooled = self.open_pooled().filter(|_| target.pooled);
        let cleartext = self.open_cleartext.filter(|_| target.cleartext);
        cleartext.or(pooled).or(self.open_private.filter(|_| is_private)).unwrap_or(self.open)
    }

    /// What it calls a parameter, if it can be told that.
    pub(super) fn name(&self, wanted: Parameter) -> Option<&'static str> {
        self.says.iter().find(|(parameter, _)| *parameter == wanted).map(|(_, name)| *name)
    }
}

impl Modes {
    /// libpq's `sslmode` (<https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-SSLMODE>).
    pub(super) const LIBPQ: Self =
        Self { verify_full: "verify-full", verify_ca: Some("verify-ca"), plaintext: Some("disable") };
    /// The `ssl-mode` of MySQL's clients (<https://dev.mysql.com/doc/refman/8.4/en/connection-options.html>).
    pub(super) const MYSQL: Self =
        Self { verify_full: "VERIFY_IDENTITY", verify_ca: Some("VERIFY_CA"), plaintext: Some("DISABLED") };

    /// For those that are always told to verify all, by something else.
    pub(super) const ALL: Self = Self { verify_full: "", verify_ca: None, plaintext: None };

    pub(super) fn word(self, mode: Mode) -> Option<&'static str> {
        match mode {
            Mode::VerifyFull => Some(self.verify_full),
            Mode::VerifyCa => self.verify_ca,
            Mode::Plaintext => self.plaintext,
        }
    }
}
