//! Endpoint, credential and TLS, rendered as text that a driver accepts as it stands.
//!
//! Pure: no I/O, no clock. Whatever a format cannot express exactly is an error, never an approximation: a
//! text that comes out of here says what the [`Target`] says, and always that the server's certificate is
//! to be verified.
//!
//! How to add a format: `dsn/README.md`.

mod dotenv;
mod env;
mod error;
mod format;
mod json;
mod keyword;
mod parameters;
mod pgpass;
mod uri;

use std::time::Duration;

use crate::config::TlsMode;
use crate::model::DatabaseName;
use crate::secret::Secret;

pub use error::RenderError;
pub use format::{Format, UnknownFormat};
pub use parameters::{Parameter, Parameters, Value};

/// All that a driver has to know for connecting.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The database, by its name in the configuration.
    pub database: &'a DatabaseName,
    /// The host, as its certificate names it.
    pub host: &'a str,
    /// The port.
    pub port: u16,
    /// The database, by its name on the server.
    pub dbname: &'a str,
    /// The user, as this endpoint wants it written.
    pub username: &'a str,
    /// The password or token.
    pub password: &'a Secret,
    /// Who must have signed the server's certificate.
    pub trust: Trust<'a>,
    /// Where the caller has, or will have, the CA: an absolute path on the caller's own machine.
    pub ca_file: Option<&'a str>,
    /// How much of the certificate is verified.
    pub mode: TlsMode,
    /// What the sessions call themselves; the server keeps the first 63 bytes.
    pub application_name: &'a str,
    /// How long connecting may take. Rendered in whole seconds, rounded up, at least 1: libpq waits for ever on 0.
    pub connect_timeout: Duration,
    /// libpq's `target_session_attrs`, if any.
    pub target_session_attrs: Option<&'a str>,
    /// Whether the server has to prove that nobody stands between; said only where it is libpq that reads it.
    pub channel_binding: bool,
}

/// Who must have signed the server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust<'a> {
    /// One of the authorities that the caller's operating system trusts.
    System,
    /// One of these alone.
    Private {
        /// The certificates, PEM.
        pem: &'a str,
    },
}

/// A target in a format.
#[derive(Debug)]
pub struct Rendered<'a> {
    /// The text.
    pub text: Secret,
    /// The same in parts.
    pub parameters: Parameters<'a>,
    /// The CA that the caller has to trust, where it is not the operating system's business.
    pub ca_pem: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The password, and the user, with which the drivers were tried.
    const WORST: &str = r#"Ab+c/d=e@f:g%h?i#j&k!l $m'n"o\p;q,r[s]{t}|u<v>w`"#;

    fn render_with(format: Format, change: impl FnOnce(&mut Target<'_>)) -> Result<String, RenderError> {
        let database = "orders".parse().unwrap();
        let password = Secret::new(WORST);
        let mut target = Target {
            database: &database,
            host: "db.example.com",
            port: 6432,
            dbname: "orders",
            username: "app.x|replica",
            password: &password,
            trust: Trust::System,
            ca_file: None,
            mode: TlsMode::VerifyFull,
            application_name: "broker test/1+x",
            connect_timeout: Duration::from_millis(2500),
            target_session_attrs: None,
            channel_binding: false,
        };
        change(&mut target);
        format.render(&target).map(|rendered| rendered.text.expose().to_owned())
    }

    fn render(format: Format) -> String {
        render_with(format, |_| {}).unwrap()
    }

    const PRIVATE: Trust<'_> = Trust::Private { pem: "-----BEGIN CERTIFICATE-----\n" };

    #[test]
    fn the_worst_password_in_each_format() {
        const ENCODED: &str = "Ab%2Bc%2Fd%3De%40f%3Ag%25h%3Fi%23j%26k%21l%20%24m%27n%22o%5Cp%3Bq%2Cr%5Bs%5D%7Bt%7D%7Cu%3Cv%3Ew%60";
        let uri = render(Format::Uri);
        assert_eq!(
            uri,
            format!(
                "postgresql://app.x%7Creplica:{ENCODED}@db.example.com:6432/orders?sslmode=verify-full\
                 &sslrootcert=system&connect_timeout=3&application_name=broker%20test%2F1%2Bx"
            )
        );
        assert_eq!(
            render(Format::Dotenv),
            format!("DATABASE_URL='{}'\n", uri.replace("&connect_timeout=3", ""))
        );
        assert!(
            render(Format::Keyword)
                .contains(r#" password='Ab+c/d=e@f:g%h?i#j&k!l $m\'n"o\\p;q,r[s]{t}|u<v>w`' "#)
        );
        assert!(
            render(Format::Env).contains(&format!("export PGPASSWORD='{}'\n", WORST.replace('\'', r"'\''")))
        );
        assert_eq!(
            render(Format::Pgpass),
            "db.example.com:6432:orders:app.x|replica:\
             Ab+c/d=e@f\\:g%h?i#j&k!l $m'n\"o\\\\p;q,r[s]{t}|u<v>w`\n"
        );
    }

    #[test]
    fn an_ipv6_address_is_bracketed() {
        for (host, written) in [
            ("::1", "@[::1]:6432/"),
            ("fe80::1%eth0", "@[fe80::1%25eth0]:6432/"),
            ("fe80::1%a]@b/", "@[fe80::1%25a%5D%40b%2F]:6432/"),
        ] {
            let uri = render_with(Format::Uri, |target| target.host = host).unwrap();
            assert!(uri.contains(written), "{host}");
        }
    }

    #[test]
    fn a_private_ca_has_to_get_to_the_driver_somehow() {
        for format in Format::ALL {
            let without = render_with(*format, |target| target.trust = PRIVATE);
            let with = render_with(*format, |target| {
                (target.trust, target.ca_file) = (PRIVATE, Some("/etc/my ca.pem"));
            });
            match format {
                Format::Json => assert!(without.unwrap().contains(r#""ca_pem":"-----BEGIN"#)),
                Format::Pgpass => assert_eq!(without, with),
                Format::Uri | Format::Keyword | Format::Env | Format::Dotenv => {
                    let error = without.unwrap_err().to_string();
                    assert!(error.contains("ca_file=/") && error.contains("/v1/databases/orders/ca.pem"));
                    assert!(error.contains(format.name()));
                    let with = with.unwrap();
                    assert!(with.contains("/etc/my ca.pem") || with.contains("=%2Fetc%2Fmy%20ca.pem"));
                }
            }
        }
    }

    #[test]
    fn a_ca_file_is_an_absolute_path() {
        let sslrootcert = |path| {
            let text = render_with(Format::Keyword, |target| target.ca_file = Some(path));
            text.map(|text| {
                text.split("sslrootcert='").nth(1).unwrap().split('\'').next().unwrap().to_owned()
            })
        };
        assert_eq!(sslrootcert("/ca.pem").unwrap(), "/ca.pem");
        assert_eq!(sslrootcert("C:/ca.pem").unwrap(), "C:/ca.pem");
        let long: &str = Box::leak(format!("/{}", "x".repeat(5000)).into_boxed_str());
        for bad in ["", "ca.pem", "system", "~/ca.pem", "./ca.pem", "C:ca.pem", "/a\nb", "/a\0", long] {
            assert!(matches!(sslrootcert(bad), Err(RenderError::CaFile { .. })), "{bad:?}");
        }
    }

    #[test]
    fn without_the_host_name_only_a_private_ca_proves_anything() {
        let sslmode = |trust| {
            render_with(Format::Uri, |target| {
                (target.mode, target.trust, target.ca_file) = (TlsMode::VerifyCa, trust, Some("/ca.pem"));
            })
        };
        assert!(sslmode(PRIVATE).unwrap().contains("sslmode=verify-ca&sslrootcert=%2Fca.pem"));
        assert!(matches!(sslmode(Trust::System), Err(RenderError::HostNotVerified { .. })));
    }

    #[test]
    fn what_cannot_be_said_is_refused_by_every_format() {
        let refused = |parameter, change: fn(&mut Target<'_>)| {
            for format in Format::ALL {
                let error = render_with(*format, change).unwrap_err();
                assert!(
                    matches!(error, RenderError::Inexpressible { parameter: found, .. } if found == parameter),
                    "{format}: {error}"
                );
            }
        };
        for change in [
            (|target| target.host = "") as fn(&mut Target<'_>),
            |target| target.host = "a,b",
            |target| target.host = "/run/postgresql",
            |target| target.host = "@abstract",
            |target| target.host = "a\nb",
        ] {
            refused(Parameter::Host, change);
        }
        refused(Parameter::User, |target| target.username = "");
        refused(Parameter::User, |target| target.username = "a\tb");
        refused(Parameter::Dbname, |target| target.dbname = "a\u{85}b");
        refused(Parameter::Dbname, |target| target.dbname = ".");
        refused(Parameter::Dbname, |target| target.dbname = "..");
        refused(Parameter::ApplicationName, |target| target.application_name = "a\0");
        refused(Parameter::TargetSessionAttrs, |target| target.target_session_attrs = Some(""));
        for password in ["", "a\nb", "a\0b", "a\u{7f}b"] {
            let password = Secret::new(password);
            let password: &'static Secret = Box::leak(Box::new(password));
            let error = render_with(Format::Json, |target| target.password = password).unwrap_err();
            assert!(matches!(error, RenderError::Inexpressible { parameter: Parameter::Password, .. }));
        }
    }

    #[test]
    fn a_timeout_is_never_nought() {
        for (millis, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (10_000, 10)] {
            let text = render_with(Format::Keyword, |target| {
                target.connect_timeout = Duration::from_millis(millis);
            });
            assert!(text.unwrap().contains(&format!("connect_timeout='{seconds}'")), "{millis} ms");
        }
    }

    #[test]
    fn nothing_that_holds_a_password_prints_it() {
        let database = "orders".parse().unwrap();
        let password = Secret::new(WORST);
        let target = Target {
            database: &database,
            host: "h",
            port: 1,
            dbname: "d",
            username: "u",
            password: &password,
            trust: Trust::System,
            ca_file: None,
            mode: TlsMode::VerifyFull,
            application_name: "a",
            connect_timeout: Duration::from_secs(1),
            target_session_attrs: Some("any"),
            channel_binding: true,
        };
        let parameters = Parameters::of(&target).unwrap();
        let rendered = Format::Uri.render(&target).unwrap();
        let printed = format!("{target:?} {parameters:?} {rendered:?}");
        assert!(!printed.contains("Ab+c") && !printed.contains("Ab%2B"), "{printed}");
    }
}
