//! A second opinion on tokens and keys, told from the RFCs in the plainest way.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::identity::fixture::{AUDIENCE, ISSUER, KeyOf, NOW};

/// Who a well-signed token is about, or why nobody should believe it. `None` where a second more or less decides.
pub(super) fn opinion(
    header: &[u8],
    claims: &[u8],
    key: KeyOf,
    length: usize,
) -> Option<Result<String, String>> {
    let no = |why: &str| Some(Err(why.to_owned()));
    if length > 16 * 1024 {
        return no("it is too long");
    }
    let (Some(header), Some(claims)) = (object(header), object(claims)) else {
        return no("a part is not an object without duplicate keys");
    };
    if header.get("crit").is_some() {
        return no("it has crit");
    }
    if header["alg"] != key.algorithm() || header["kid"] != key.name() {
        return no("its header names another key or algorithm");
    }
    if claims["iss"] != ISSUER {
        return no("its iss is another");
    }
    let is_ours = |value: &Value| *value == AUDIENCE;
    if !is_ours(&claims["aud"]) && !claims["aud"].as_array().is_some_and(|list| list.iter().any(is_ours)) {
        return no("its aud is another");
    }
    let Some(subject) = claims["sub"].as_str() else { return no("it has no sub") };
    if subject.is_empty() || subject.chars().count() > 512 || subject.chars().any(char::is_control) {
        return no("its sub is no name");
    }
    let Some(expires) = claims.get("exp") else { return no("it has no exp") };
    for (date, earliest, latest) in [
        (Some(expires), Some(NOW - 60), None),
        (claims.get("nbf"), None, Some(NOW + 60)),
        (claims.get("iat"), None, Some(NOW + 60)),
    ] {
        let Some(date) = date else { continue };
        let Some(seconds) = date.as_f64() else { return no("a date is not a number") };
        #[expect(clippy::cast_precision_loss, reason = "it is far from 2⁵³")]
        let distance =
            |bound: Option<i64>| bound.map_or(f64::INFINITY, |bound| (seconds - bound as f64).abs());
        if distance(earliest) < 2.0 || distance(latest) < 2.0 || (2.5e11..2.6e11).contains(&seconds.abs()) {
            return None;
        }
        if seconds.abs() > 2.6e11 {
            // The far past is a date as long as it is written as a whole number that the calendar reaches.
            return if seconds < 0.0 && date.is_i64() && latest.is_some() {
                None
            } else {
                no("a date is too far")
            };
        }
        #[expect(clippy::cast_precision_loss, reason = "it is far from 2⁵³")]
        if earliest.is_some_and(|bound| seconds < bound as f64)
            || latest.is_some_and(|bound| seconds > bound as f64)
        {
            return no("its time is not now");
        }
    }
    Some(Ok(subject.to_owned()))
}

/// Whether a published key is the one with these coordinates, and for this algorithm, as far as it says.
pub(super) fn fits(jwk: &Value, kid: Option<&str>, algorithm: &str, public: &[String]) -> bool {
    let curve = if public.len() == 1 { ("OKP", "Ed25519") } else { ("EC", "P-256") };
    jwk["kty"] == curve.0
        && jwk["crv"] == curve.1
        && jwk["x"] == public[0]
        && public.get(1).is_none_or(|y| jwk["y"] == *y)
        && kid.is_none_or(|kid| jwk["kid"] == kid)
        && jwk.get("alg").is_none_or(|named| named.is_null() || *named == algorithm)
        && jwk.get("use").is_none_or(|named| named.is_null() || *named == "sig")
}

/// Whether a published key says nothing but what it is and is called.
pub(super) fn is_plain(jwk: &Value) -> bool {
    let known = ["kty", "crv", "x", "y", "kid", "alg"];
    jwk.as_object()
        .is_some_and(|jwk| jwk.iter().all(|(key, value)| known.contains(&&**key) && value.is_string()))
}

/// The object, if it is one, and no key comes twice anywhere in it.
fn object(text: &[u8]) -> Option<Value> {
    let value: Value = serde_json::from_slice(text).ok()?;
    (value.is_object() && !has_twice(std::str::from_utf8(text).ok()?)).then_some(value)
}

/// Whether a key comes twice in an object of this JSON, at any depth: a key is a text that a colon follows.
fn has_twice(json: &str) -> bool {
    let (mut open, mut rest) = (Vec::<BTreeSet<String>>::new(), json);
    while let Some(letter) = rest.chars().next() {
        match letter {
            '{' | '[' => open.push(BTreeSet::new()),
            '}' | ']' => drop(open.pop()),
            '"' => {
                let end = end_of_text(rest);
                let (text, after) = rest.split_at(end);
                let is_key = after.trim_start().starts_with(':');
                if is_key && !open.last_mut().unwrap().insert(serde_json::from_str(text).unwrap()) {
                    return true;
                }
                rest = after;
                continue;
            }
            _ => {}
        }
        rest = &rest[letter.len_utf8()..];
    }
    false
}

/// Where the text ends that begins here, its quotes included.
fn end_of_text(json: &str) -> usize {
    let mut is_escaped = false;
    let end = json.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    });
    end.unwrap() + 2
}
