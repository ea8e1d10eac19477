//! How an answer is wanted, and how secrets get into it.

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use serde::{Serialize, Serializer};

use crate::secret::Secret;

/// A secret on its way to the caller: the one place where secrets are serialized.
pub(super) struct Exposed<'a>(pub(super) &'a Secret);

impl Serialize for Exposed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}

/// Whether the caller wants `media_type` rather than JSON: whichever of the two it names first (RFC 9110 §12.5.1,
/// without weights).
pub(super) fn wants(headers: &HeaderMap, media_type: &str) -> bool {
    let named = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut types =
        named.flat_map(|value| value.split(',')).map(|part| part.split(';').next().unwrap_or("").trim());
    types.find(|named| *named == media_type || *named == "application/json") == Some(media_type)
}
