//! The token: a presigned URL without its scheme, which nobody fetches. The server checks its signature.
//!
//! Source: Amazon RDS user guide, "Connecting to your DB instance using IAM authentication". It is good for one host,
//! port and user, and for 15 minutes to *start* a session with; sessions go on.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::engine::rds::credentials::Keys;
use crate::engine::rds::sigv4::{ALGORITHM, NO_PAYLOAD, Request, SigningKey};
use crate::secret::Secret;
use crate::time::Timestamp;

/// How long a session can be started with a token. It is signed with it, so the server knows it, too.
pub(super) const LIFETIME: Duration = Duration::from_secs(900);

/// Signs tokens for the databases of one region.
pub(super) struct Signer {
    region: String,
    /// Derived once a day, and when the keys change.
    derived: ArcSwapOption<Derived>,
}

/// What is the same in all tokens of a day.
struct Derived {
    keys: Arc<Keys>,
    /// `YYYYMMDD`
    day: String,
    key: SigningKey,
    /// Percent-encoded: the identifier of the key with the scope.
    credential: String,
    /// Percent-encoded.
    session_token: Option<Secret>,
}

impl Signer {
    pub(super) fn new(region: &str) -> Self {
        Self { region: region.to_owned(), derived: ArcSwapOption::empty() }
    }

    /// Tokens with which `username` logs in, one for each place (`host:port`, in small letters); good for
    /// [`LIFETIME`] from the full second that `now` is in.
    pub(super) fn tokens<'a>(
        &self,
        keys: &Arc<Keys>,
        places: impl IntoIterator<Item = &'a str>,
        username: &str,
        now: Timestamp,
    ) -> Vec<Secret> {
        let moment = now.format("%Y%m%dT%H%M%SZ").to_string();
        let derived = self.derive(keys, moment.get(..DAY).unwrap_or_default());
        let query = derived.query(&moment, username);
        places.into_iter().map(|place| derived.token(place, &moment, query.expose())).collect()
    }

    fn derive(&self, keys: &Arc<Keys>, day: &str) -> Arc<Derived> {
        if let Some(derived) = self.derived.load_full()
            && derived.day == day
            && Arc::ptr_eq(&derived.keys, keys)
        {
            return derived;
        }
        let key = SigningKey::derive(&keys.secret_access_key, day, &self.region, SERVICE);
        let credential = encode(&format!("{}/{}", keys.access_key_id, key.scope()));
        let session_token = keys.session_token.as_ref().map(|token| Secret::new(encode(token.expose())));
        let derived = Derived { keys: Arc::clone(keys), day: day.to_owned(), key, credential, session_token };
        let derived = Arc::new(derived);
        self.derived.store(Some(Arc::clone(&derived)));
        derived
    }
}

impl Derived {
    /// All but the signature, sorted by name as it is signed.
    fn query(&self, moment: &str, username: &str) -> Secret {
        let (credential, lifetime, user) = (&self.credential, LIFETIME.as_secs(), encode(username));
        let (name, token) = match &self.session_token {
            Some(token) => ("&X-Amz-Security-Token=", token.expose()),
            None => ("", ""),
        };
        Secret::new(format!(
            "Action=connect&DBUser={user}&X-Amz-Algorithm={ALGORITHM}&X-Amz-Credential={credential}\
             &X-Amz-Date={moment}&X-Amz-Expires={lifetime}{name}{token}&X-Amz-SignedHeaders=host"
        ))
    }

    fn token(&self, place: &str, moment: &str, query: &str) -> Secret {
        let headers = [("host", place)];
        let request = Request { method: "GET", path: "/", query, headers: &headers, payload: NO_PAYLOAD };
        let signature = self.key.sign(moment, &request);
        Secret::new([place, "/?", query, "&X-Amz-Signature=", signature.as_str()].concat())
    }
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// All that RFC 3986 §2.3 does not call unreserved, as the signature wants it.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// `YYYYMMDD`
const DAY: usize = 8;

const SERVICE: &str = "rds-db";

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(session_token: Option<&str>) -> Arc<Keys> {
        Arc::new(Keys {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            session_token: session_token.map(Secret::new),
            expires_at: None,
        })
    }

    fn at(moment: &str) -> Timestamp {
        moment.parse().unwrap()
    }

    fn token(signer: &Signer, keys: &Arc<Keys>, port: u16, user: &str, now: &str) -> String {
        let place = format!("db.abc.eu-central-1.rds.amazonaws.com:{port}");
        signer.tokens(keys, [place.as_str()], user, at(now)).remove(0).expose().to_owned()
    }

    /// What `generate_db_auth_token` of AWS' SDK for Python (botocore 1.44) makes of the same.
    #[test]
    fn tokens_are_those_that_the_sdk_makes() {
        const HEAD: &str = "db.abc.eu-central-1.rds.amazonaws.com";
        const CREDENTIAL: &str = "X-Amz-Algorithm=AWS4-HMAC-SHA256\
            &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20260102%2Feu-central-1%2Frds-db%2Faws4_request\
            &X-Amz-Date=20260102T030405Z&X-Amz-Expires=900";
        let signer = Signer::new("eu-central-1");
        for (port, user, session, encoded, in_query, signature) in [
            (
                5432,
                "app_reader",
                None,
                "app_reader",
                "",
                "b5b7d267af280229a8fc8cdd35fa5013a6fceb4332581a620e44c228bf84b5db",
            ),
            (
                5432,
                "o'd d+x/y=z@é~%&?",
                None,
                "o%27d%20d%2Bx%2Fy%3Dz%40%C3%A9~%25%26%3F",
                "",
                "03c995b4bd7c3ba107753b2d9b5bc387483d4576d3b93d962719ad482d012763",
            ),
            (
                6000,
                "app_reader",
                Some("FwoG/session+token=="),
                "app_reader",
                "&X-Amz-Security-Token=FwoG%2Fsession%2Btoken%3D%3D",
                "5f46d75b1fb625ea99c9cc1dba47e3b6b827cb56e32b8b23a4e3aebc2b7d20b7",
            ),
        ] {
            let made = token(&signer, &keys(session), port, user, "2026-01-02T03:04:05.999999Z");
            assert_eq!(
                made,
                format!(
                    "{HEAD}:{port}/?Action=connect&DBUser={encoded}&{CREDENTIAL}{in_query}\
                     &X-Amz-SignedHeaders=host&X-Amz-Signature={signature}"
                )
            );
        }
    }

    #[test]
    fn a_key_is_derived_again_on_another_day_and_for_other_keys() {
        let (signer, one, other) = (Signer::new("eu-central-1"), keys(None), keys(Some("session")));
        let mut made = Vec::new();
        for (keys, now) in [
            (&one, "2026-01-02T23:59:59Z"),
            (&one, "2026-01-03T00:00:00Z"),
            (&other, "2026-01-03T00:00:00Z"),
            (&one, "2026-01-03T00:00:00Z"),
        ] {
            let fresh = token(&Signer::new("eu-central-1"), keys, 5432, "u", now);
            assert_eq!(token(&signer, keys, 5432, "u", now), fresh);
            made.push(fresh);
        }
        assert_eq!(made[1], made[3]);
        made.truncate(3);
        made.dedup();
        assert_eq!(made.len(), 3);
    }
}
