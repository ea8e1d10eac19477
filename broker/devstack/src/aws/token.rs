//! How a token is checked: everything is computed again from what the token says and the key that AWS has.
//!
//! Source: Amazon RDS user guide, "IAM database authentication"; "Signature Version 4" for requests in query strings.
//! Written apart from what makes tokens, so that a mistake there is not made here, too.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use ring::digest::{SHA256, digest};
use ring::hmac;

use super::Aws;

/// Where the token is shown, and by whom.
pub(super) struct Shown<'a> {
    pub(super) region: &'a str,
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) user: &'a str,
}

impl Aws {
    /// Says why the token is no good.
    pub(super) fn verify(&self, token: &str, shown: &Shown<'_>) -> anyhow::Result<()> {
        let (place, query) = token.split_once("/?").context("it is no URL without a scheme")?;
        ensure!(place == format!("{}:{}", shown.host, shown.port), "it is for another place: {place}");
        let mut said = BTreeMap::new();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').context("a parameter has no value")?;
            ensure!(said.insert(decode(name)?, decode(value)?).is_none(), "{name} is there twice");
        }
        let signature = said.remove("X-Amz-Signature").context("it has no signature")?;
        let get =
            |name: &str| said.get(name).map(String::as_str).with_context(|| format!("it has no {name}"));
        ensure!(get("Action")? == "connect", "it is for another action");
        ensure!(get("X-Amz-Algorithm")? == "AWS4-HMAC-SHA256", "it is signed in another way");
        ensure!(get("X-Amz-SignedHeaders")? == "host", "other headers are signed");
        let credential: Vec<&str> = get("X-Amz-Credential")?.split('/').collect();
        let [id, day, region, service, "aws4_request"] = credential[..] else {
            anyhow::bail!("its credential has other parts");
        };
        ensure!(region == shown.region, "it is for another region: {region}");
        ensure!(service == "rds-db", "it is for another service: {service}");
        let (now, moment) = (self.now(), get("X-Amz-Date")?);
        ensure!(moment.starts_with(day), "it is not of the day of its key");
        let (begin, life) = (seconds(moment)?, get("X-Amz-Expires")?.parse::<u64>()?);
        ensure!(life <= 900, "it is to live for too long: {life}");
        ensure!(begin <= now + 300, "it is of the future");
        ensure!(now < begin + life, "it has expired");
        let key = self.keys().get(id).cloned().with_context(|| format!("there is no key {id}"))?;
        ensure!(
            said.get("X-Amz-Security-Token") == key.session_token.as_ref(),
            "it has another session token"
        );
        ensure!(key.expires_at.is_none_or(|end| now < end), "its key has expired");

        let query: Vec<String> =
            said.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        let request = format!(
            "GET\n/\n{}\nhost:{place}\n\nhost\n{}",
            query.join("&"),
            hex(digest(&SHA256, b"").as_ref())
        );
        let request = hex(digest(&SHA256, request.as_bytes()).as_ref());
        let text = format!("AWS4-HMAC-SHA256\n{moment}\n{day}/{region}/{service}/aws4_request\n{request}");
        let mut secret = format!("AWS4{}", key.secret_access_key).into_bytes();
        for step in [day, region, service, "aws4_request", &text] {
            secret =
                hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), step.as_bytes()).as_ref().to_vec();
        }
        ensure!(hex(&secret) == signature, "its signature is wrong");

        let user = get("DBUser")?;
        ensure!(user == shown.user, "it is for another user: {user}");
        ensure!(key.users.iter().any(|allowed| allowed == user), "its key may not connect as {user}");
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn decode(text: &str) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next().context("a % at the end")?, rest.next().context("a % at the end")?];
                u8::from_str_radix(std::str::from_utf8(&digits)?, 16)?
            }
            byte => byte,
        });
    }
    Ok(String::from_utf8(bytes)?)
}

/// Seconds since 1970 of `YYYYMMDDTHHMMSSZ`.
fn seconds(moment: &str) -> anyhow::Result<u64> {
    let part = |from: usize, to: usize| {
        let digits = moment.get(from..to).context("it has no moment")?;
        digits.parse::<u64>().context("its moment has other letters")
    };
    ensure!(moment.len() == 16 && moment.get(8..9) == Some("T") && moment.ends_with('Z'), "it has no moment");
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    // Years begin in March here, so that the day of a leap year is the last one.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 719_469;
    Ok(days * 86_400 + part(9, 11)? * 3600 + part(11, 13)? * 60 + part(13, 15)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_counted() {
        for (moment, expected) in [
            ("19700101T000000Z", 0),
            ("20000229T000000Z", 951_782_400),
            ("20000301T000001Z", 951_868_801),
            ("20260102T030405Z", 1_767_323_045),
            ("21000301T000000Z", 4_107_542_400),
        ] {
            assert_eq!(seconds(moment).unwrap(), expected, "{moment}");
        }
    }
}
