//! What of a configuration takes effect at the next start alone.

use crate::config::Config;

/// The keys that differ and are not looked at again while the broker runs.
pub(super) fn keys(before: &Config, after: &Config) -> Vec<&'static str> {
    let (one, other) = (&before.server, &after.server);
    let differ = [
        ("server.listen", one.listen != other.listen),
        ("server.admin_listen", one.admin_listen != other.admin_listen),
        ("server.plain_http", one.plain_http != other.plain_http),
        ("server.limits", text(&one.limits) != text(&other.limits)),
        ("server.grace", one.grace != other.grace),
        ("server.log", one.log != other.log),
        ("ledger", text(&before.ledger) != text(&after.ledger)),
        ("cache", text(&before.cache) != text(&after.cache)),
        ("audit", text(&before.audit) != text(&after.audit)),
    ];
    differ.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
}

/// Secrets are references here: their text says where they are, and no more.
fn text(section: &impl std::fmt::Debug) -> String {
    format!("{section:?}")
}
