//! What went wrong, and what to do about it.

use std::error::Error as StdError;
use std::fmt::Display;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use dsn_broker_sdk::{Dsn, Error};
use rustls::CertificateError;
use serde_json::Value;

/// What went wrong at a step, and what to do. No secret is in it.
pub(super) struct Trouble {
    pub(super) what: String,
    pub(super) remedy: String,
}

impl Trouble {
    pub(super) fn new(what: &dyn Display, remedy: impl Into<String>) -> Self {
        Self { what: what.to_string(), remedy: remedy.into() }
    }
}

pub(super) fn of_name(host: &str, error: &io::Error, whom: &str) -> Trouble {
    let remedy = match whom {
        "the broker" => {
            "look at DSN_BROKER_URL; from another namespace of Kubernetes a service is NAME.NAMESPACE.svc"
        }
        _ => "the host is in the broker's configuration (`databases`): it must have a name here, too",
    };
    Trouble::new(&format!("{host} has no address: {error}"), remedy)
}

pub(super) fn of_connection(address: SocketAddr, error: &io::Error, whom: &str) -> Trouble {
    let remedy = match error.kind() {
        ErrorKind::ConnectionRefused => format!("nothing listens there: does {whom} run, and at this port?"),
        ErrorKind::TimedOut => {
            "packets are dropped: look at firewalls, NetworkPolicies and routes".to_owned()
        }
        _ => "look at routes and firewalls between this machine and that address".to_owned(),
    };
    Trouble::new(&format!("{address}: {error}"), remedy)
}

/// What is wrong with the other side's certificate, if that is what it is.
pub(super) fn of_tls(error: &(dyn StdError + 'static), whom: &str) -> Option<Trouble> {
    let error = causes(error).find_map(|error| error.downcast_ref::<rustls::Error>())?;
    let (ca, names) = match whom {
        "the broker" => (
            "set DSN_BROKER_CA to the file with the CA that signed it",
            "let DSN_BROKER_URL have one of the names, or give the broker a certificate with this one",
        ),
        _ => (
            "let `databases.….tls.ca` in the broker's configuration be the CA that signed it",
            "let `endpoints.….host` in the broker's configuration be one of the names",
        ),
    };
    let certificate = match error {
        rustls::Error::InvalidCertificate(certificate) => certificate,
        other => {
            return Some(Trouble::new(
                other,
                format!("does {whom} speak TLS 1.2 or 1.3 there, and no proxy before it?"),
            ));
        }
    };
    let remedy = match certificate {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => ca.to_owned(),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            names.to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            format!("renew the certificate of {whom}, and compare this machine's clock")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "compare this machine's clock".to_owned()
        }
        _ => format!("give {whom} another certificate"),
    };
    Some(Trouble::new(certificate, remedy))
}

/// An error with all that caused it.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn StdError + 'static)| {
        let error: &'a (dyn StdError + 'static) = *error;
        // Such a one tells what caused that which is in it, and not what is in it.
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        }
    })
}

pub(super) fn of_proof(error: &Error) -> Trouble {
    let remedy = match error {
        Error::Proof(_) => {
            "look at DSN_BROKER_TOKEN_FILE or DSN_BROKER_TOKEN; in a pod, mount a projected service account token"
                .to_owned()
        }
        Error::Refused(problem) if problem.status == 401 => {
            let id = problem.request_id.as_deref().unwrap_or("?");
            format!("the broker's log says why at request.id {id}; {}", token())
        }
        Error::Answer(_) => "is DSN_BROKER_URL that of a broker?".to_owned(),
        other => return of_refusal(other),
    };
    Trouble::new(error, remedy)
}

/// What the token says of itself, which nobody has verified.
fn token() -> String {
    let variable = |name: &str| std::env::var(name).ok();
    let token = variable("DSN_BROKER_TOKEN_FILE")
        .and_then(|file| std::fs::read_to_string(file).ok())
        .or_else(|| variable("DSN_BROKER_TOKEN"))
        .unwrap_or_default();
    let payload = token.trim().split('.').nth(1).and_then(|part| BASE64_URL_SAFE_NO_PAD.decode(part).ok());
    let Some(claims) = payload.and_then(|payload| serde_json::from_slice::<Value>(&payload).ok()) else {
        return "the proof is no token but a key: is it one of the broker's?".to_owned();
    };
    let says = ["iss", "sub", "aud"]
        .into_iter()
        .filter_map(|name| Some(format!("{name} {}", claims.get(name)?)))
        .chain(claims.get("exp").and_then(Value::as_i64).and_then(until))
        .collect::<Vec<_>>();
    format!("the token says of itself: {}", says.join(", "))
}

fn until(exp: i64) -> Option<String> {
    let end = chrono::DateTime::from_timestamp(exp, 0)?;
    let left = end - now();
    Some(match left.num_seconds() {
        seconds if seconds < 0 => format!("expired at {end}, {} s ago by this machine's clock", -seconds),
        seconds => format!("good for {seconds} s"),
    })
}

#[expect(clippy::disallowed_methods, reason = "it is this machine's clock that may be wrong")]
fn now() -> chrono::DateTime<chrono::Utc> {
    chrono::Utc::now()
}

pub(super) fn of_role(roles: &[String]) -> Trouble {
    let remedy = match roles {
        [] => "let an operator of the broker bind a role to this workload: `dsn whoami` shows what a binding can match".to_owned(),
        roles => format!("you may use {}; let an operator of the broker add a binding", roles.join(", ")),
    };
    Trouble::new(&"there is no such role, or no binding gives it to this workload", remedy)
}

pub(super) fn of_refusal(error: &Error) -> Trouble {
    let remedy = match error.kind() {
        Some("engine-unavailable") => {
            "the broker does not reach the database either: GET /v1/databases/… tells operators why"
        }
        Some("engine-refused") => {
            "the database refused the broker: `dsn-broker check --live` says what is missing there"
        }
        Some("ledger-unavailable") => "the broker's own Postgres is away: look at its /readyz",
        Some("issuer-unavailable") => "the broker does not reach the issuer's keys: look at its log",
        Some("quota-exceeded") => {
            "revoke leases (`dsn leases`, `dsn revoke`), or let `max_leases` of the binding be raised"
        }
        Some("too-many-requests" | "overloaded" | "timeout") => {
            "try again in a moment; if it stays, look at the broker's metrics"
        }
        Some("invalid-request") => "mend what it names",
        _ => "look at the broker's log",
    };
    Trouble::new(error, remedy)
}

pub(super) fn of_login(error: &sqlx::Error, dsn: &Dsn) -> Trouble {
    if let Some(trouble) = of_tls(error, "the database") {
        return trouble;
    }
    let code = error.as_database_error().and_then(|error| error.code()).unwrap_or_default().into_owned();
    let remedy = match (error, code.as_str()) {
        (sqlx::Error::Tls(_), _) => {
            "the server there speaks no TLS: give it a certificate (`ssl = on`)".to_owned()
        }
        (_, "28P01" | "1045") => {
            "the user is new: does a replica lag behind, or does a pooler have a list of users of its own?"
                .to_owned()
        }
        (_, "28000") => format!("pg_hba.conf needs a line `hostssl` for {} with scram-sha-256", dsn.user()),
        (_, "3D000" | "1049") => {
            format!("let `dbname` in the broker's configuration be right: it is {}", dsn.dbname())
        }
        (_, "42501" | "1044") => {
            format!("the role lacks CONNECT on {}: grant it to what `member_of` names", dsn.dbname())
        }
        (_, "53300" | "1040" | "1203") => {
            "the database has no connection left: smaller pools, or a pooler".to_owned()
        }
        _ => "look at the database's log".to_owned(),
    };
    Trouble::new(error, remedy)
}
