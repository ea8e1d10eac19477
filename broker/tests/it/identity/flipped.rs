//! A token of which one bit is another is another token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;

/// Every token that differs from this one in one bit of a part, as bytes and as text; and every shorter or longer one.
fn variants(token: &str) -> Vec<String> {
    let parts: Vec<&str> = token.split('.').collect();
    let mut variants = Vec::new();
    let mut with = |place: usize, text: String| {
        let mut parts = parts.clone();
        parts[place] = &text;
        variants.push(parts.join("."));
    };
    for (place, part) in parts.iter().enumerate() {
        let bytes = URL_SAFE_NO_PAD.decode(part).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            with(place, URL_SAFE_NO_PAD.encode(&bytes));
        }
        for bit in 0..part.len() * 7 {
            let mut text = part.as_bytes().to_vec();
            text[bit / 7] ^= 1 << (bit % 7);
            with(place, String::from_utf8(text).unwrap());
        }
        for length in 0..bytes.len() {
            with(place, URL_SAFE_NO_PAD.encode(&bytes[..length]));
        }
        for more in [&[0][..], &[0; 64], &bytes] {
            with(place, URL_SAFE_NO_PAD.encode([&bytes, more].concat()));
            with(place, URL_SAFE_NO_PAD.encode([more, &bytes].concat()));
        }
        with(place, format!("{part}="));
        with(place, format!("{part}=="));
    }
    variants
}

#[tokio::test]
async fn no_token_is_believed_that_differs_in_one_bit_or_in_length_from_a_good_one() {
    let fixture = Fixture::new().await;
    let identity = fixture.identity(fixture.issuer());
    let algorithms = [
        devstack::Algorithm::Rs256,
        devstack::Algorithm::Es256,
        devstack::Algorithm::Es384,
        devstack::Algorithm::EdDsa,
    ];
    for algorithm in algorithms {
        let good = fixture.mint(&fixture.claims().algorithm(algorithm));
        accepted(&identity, &good).await;
        let signature = good.expose().rsplit('.').next().unwrap();
        let variants = variants(good.expose());
        assert!(variants.len() > 3000);
        for variant in variants {
            assert_ne!(variant, good.expose());
            let Err(error) = identity.authenticate(&Secret::new(variant.clone())).await else {
                panic!("{algorithm:?}: {variant} is believed, because {} is good", good.expose());
            };
            assert!(error.subject.is_none() && !error.is_our_fault(), "{error:?}");
            assert!(!format!("{error} {error:?}").contains(&signature[..16]));
        }
    }
    // What is remembered of the good ones let nobody else in, and neither did the names of keys cause many fetches.
    assert_eq!(fixture.oidc.jwks_requests(), 1);
}
