//! Proofs of identity, and the keys that they are verified with.

mod fixture;
mod judge;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::identity::fixture::{FIXTURE, Fixture, KeyOf};
use crate::{Choices, edit};

/// `e` or `p`, a header, a newline, claims: signed with a known key, and believed exactly if a second opinion finds
/// them right. `d` and changes to a good token: believed only if nothing was changed. Anything else is a token as it
/// stands, and never believed.
pub fn tokens(bytes: &[u8]) {
    let (kind, rest) = bytes.split_first().unwrap_or((&0, &[]));
    match kind {
        b'e' | b'p' => signed(if *kind == b'e' { KeyOf::Ed25519 } else { KeyOf::P256 }, rest),
        b'd' => damaged(&mut Choices::new(rest)),
        _ => never_believed(&String::from_utf8_lossy(bytes)),
    }
}

/// Changes to a good key, and what is none: only the good one is believed.
pub fn api_keys(bytes: &[u8]) {
    let good = FIXTURE.api_key.expose();
    let words = ["dsnk_", "A", "\u{e4}", " ", "\n", "="];
    let text = edit(good.as_bytes(), &mut Choices::new(bytes), &words);
    let text = String::from_utf8_lossy(&text).into_owned();
    if text == good {
        assert_eq!(FIXTURE.ask(&text).unwrap().principal.subject, "ci");
    } else {
        never_believed(&text);
    }
    let text = format!("dsnk_{}", String::from_utf8_lossy(bytes));
    if text != good {
        never_believed(&text);
    }
}

/// A published set of keys, in which `@ed`, `@x` and `@y` stand for ours. A token of ours is believed only if our key
/// is in the set, and nothing else in a set is harmful.
pub fn key_sets(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (ed, [x, y]) =
        (KeyOf::Ed25519.public().remove(0), <[String; 2]>::try_from(KeyOf::P256.public()).unwrap());
    let text = text.replace("@ed", &ed).replace("@x", &x).replace("@y", &y);
    let Ok(fixture) = Fixture::with_keys(&text) else { return };
    let set: serde_json::Value = serde_json::from_str(&text).expect("a set of keys is JSON");
    let keys = set["keys"].as_array().expect("a set of keys is a list").clone();
    for (key, algorithm) in [(KeyOf::Ed25519, "EdDSA"), (KeyOf::P256, "ES256")] {
        for kid in [Some(key.name()), None] {
            let believed = fixture.ask(&key.good_token(kid, "app")).is_ok();
            let fitting: Vec<_> =
                keys.iter().filter(|jwk| judge::fits(jwk, kid, algorithm, &key.public())).collect();
            assert!(!believed || !fitting.is_empty(), "nobody published this key");
            let clear = keys.len() == 1 && judge::is_plain(&keys[0]);
            assert!(believed || !clear || fitting.is_empty(), "this key was published: {text}");
        }
    }
}

fn signed(key: KeyOf, text: &[u8]) {
    let at = text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len());
    let (header, claims) = (&text[..at], text.get(at + 1..).unwrap_or_default());
    let token = key.sign(header, claims);
    let expected = judge::opinion(header, claims, key, token.len());
    match (FIXTURE.ask(&token), expected) {
        (Ok(workload), Some(Ok(subject))) => {
            assert_eq!(workload.principal.subject, subject);
            assert_eq!(workload.principal.issuer.as_str(), "idp");
            let claims: serde_json::Value = serde_json::from_slice(claims).unwrap();
            assert_eq!(serde_json::Value::Object(workload.claims.0.clone()), claims);
        }
        (Ok(_), Some(Err(why))) => panic!("believed, although {why}"),
        (Err(error), Some(Ok(_))) => panic!("not believed: {error}"),
        (Err(_), Some(Err(_))) | (_, None) => {}
    }
}

fn damaged(choices: &mut Choices<'_>) {
    let key = *choices.one_of(&[KeyOf::Ed25519, KeyOf::P256]);
    let good = key.good_token(Some(key.name()), "app");
    let words = [".", "=", "A", "e30", "\n", "eyJhbGciOiJub25lIn0"];
    let text = String::from_utf8_lossy(&edit(good.as_bytes(), choices, &words)).into_owned();
    if text == good {
        FIXTURE.ask(&text).expect("a good token");
    } else {
        never_believed(&text);
    }
}

fn never_believed(text: &str) {
    // libFuzzer looks over our shoulder when texts are compared, and so comes to know this one.
    if text == KeyOf::Ed25519.good_token(Some("ed"), "app") {
        return;
    }
    let Err(error) = FIXTURE.ask(text) else { panic!("believed") };
    let said = format!("{error} {error:?}");
    // What is said of a proof is cut, and shown with escapes.
    assert!(said.len() < 5_000 && !error.to_string().contains(['\n', '\r', '\0', '\u{1b}']), "{said}");
    // Shorter ones may be words of ours.
    let is_long = |part: &&str| part.len() >= 32 && !part.contains(' ');
    assert!(
        !text.split('.').filter(is_long).any(|part| said.contains(part)),
        "a part of the proof is said: {said}"
    );
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
