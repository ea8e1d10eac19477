//! What is known of those who read a format: what they can be told, and what they make of it.

use serde::Serialize;

use crate::dsn::{Mode, Parameter, Settings};

/// A driver or tool that reads a format, and what it makes of the text.
#[derive(Clone, Copy, Debug)]
pub struct Reader {
    /// What the text may say of the connection, by the reader's names and in this order: what is below decides
    /// whether it says that.
    pub says: &'static [(Parameter, &'static str)],
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
    /// Whether it shows a server of MySQL the password itself, where the server asks for that and the text says so.
    pub cleartext: bool,
    /// How many bytes a value may have.
    pub longest: Option<usize>,
    /// The lines that open a session with the text, which they call `dsn`.
    pub open: &'static str,
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
    /// Within the text.
    Pem,
    /// It is not what this text is about.
    Elsewhere,
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
}

impl Reader {
    /// What it can, for those who ask.
    pub fn capabilities(&self) -> Capabilities {
        let Self { channel_binding, direct_tls, timeout, trust: ca, .. } = *self;
        Capabilities { channel_binding, direct_tls, timeout, ca }
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

    pub(super) fn word(self, mode: Mode) -> Option<&'static str> {
        match mode {
            Mode::VerifyFull => Some(self.verify_full),
            Mode::VerifyCa => self.verify_ca,
            Mode::Plaintext => self.plaintext,
        }
    }
}
