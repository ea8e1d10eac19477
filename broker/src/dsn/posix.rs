//! POSIX shells: what all formats that one of them reads have in common.

use crate::dsn::Value;

/// As one word. Inside single quotes a shell reads everything as it stands, except their end (POSIX XCU §2.2.2).
pub(super) fn push_quoted(value: Value<'_>, text: &mut String) {
    text.push('\'');
    value.with_text(|value| text.push_str(&value.replace('\'', r"'\''")));
    text.push('\'');
}
