//! What a kind of credential can do, whichever engine makes it.

use dsn_broker::broker::failpoint::{PAIR_POINT, POINTS};
use dsn_broker::model::CredentialKind;

/// What a kind of credential can do.
pub struct Abilities {
    /// It has a user of its own, which is gone when it ends.
    pub has_user: bool,
    /// It can be renewed.
    pub renews: bool,
    /// It can be taken back, its sessions ended.
    pub revokes: bool,
    /// Its lease waits for its sessions before it ends.
    pub drains: bool,
    /// Its lease is the caller's, who may renew and revoke it. Other leases are there for operators alone.
    pub is_own: bool,
    /// It ends when it is replaced, not when its time is over.
    pub rotates: bool,
}

pub fn abilities(kind: CredentialKind) -> Abilities {
    let is_user = kind == CredentialKind::DynamicUser;
    Abilities {
        has_user: is_user,
        renews: is_user,
        revokes: kind != CredentialKind::ConnectToken,
        drains: is_user,
        is_own: kind != CredentialKind::RotatedPassword,
        rotates: kind == CredentialKind::RotatedPassword,
    }
}

/// The fail points that a lease of this kind comes by.
pub fn points(kind: CredentialKind) -> impl Iterator<Item = &'static str> {
    let Abilities { drains, rotates, .. } = abilities(kind);
    let points = POINTS.into_iter().filter(move |point| drains || *point != "end.disabled");
    points.chain(rotates.then_some(PAIR_POINT))
}
