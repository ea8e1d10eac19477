//! Names of workloads.

use dsn_broker::model::SpiffeId;

/// What is a SPIFFE ID is one to a naive reader too, and no other reader of URIs sees another host or path in it.
pub fn spiffe_ids(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let parsed = text.parse::<SpiffeId>();
    assert_eq!(parsed.is_ok(), naive(text), "{text:?}: {parsed:?}");
    let Ok(id) = parsed else { return };
    assert_eq!(format!("spiffe://{}{}", id.trust_domain(), id.path()), text);
    let url = url::Url::parse(text).expect("a SPIFFE ID is a URI");
    assert_eq!((url.host_str(), url.path()), (Some(id.trust_domain().as_str()), id.path()), "{text:?}");
    assert!(
        url.username().is_empty()
            && url.port().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    );
}

fn naive(text: &str) -> bool {
    let parts: Vec<&str> = text.split('/').collect();
    let [scheme, "", domain, path @ ..] = parts.as_slice() else { return false };
    let plain =
        |letters: &str, part: &str| !part.is_empty() && part.chars().all(|letter| letters.contains(letter));
    let small = "abcdefghijklmnopqrstuvwxyz0123456789._-";
    let segment = |part: &&str| {
        plain(&format!("{small}ABCDEFGHIJKLMNOPQRSTUVWXYZ"), part) && *part != "." && *part != ".."
    };
    *scheme == "spiffe:"
        && text.len() <= 2048
        && plain(small, domain)
        && domain.len() <= 255
        && !path.is_empty()
        && path.iter().all(segment)
}
