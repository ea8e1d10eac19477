//! Which ways into a database there are.

use crate::config::mistake::{Key, Mistakes};
use crate::config::{Database, Endpoint, EndpointKind, check};
use crate::model::{EngineKind, Protocol};

impl Endpoint {
    /// Refuses a way in that the server, or its provider, does not have.
    pub(super) fn check_way(
        &self,
        database: &Database,
        kind: EndpointKind,
        key: &Key,
        mistakes: &mut Mistakes,
    ) {
        let engine = database.engine;
        match &self.bouncer {
            Some(_) if engine != EngineKind::PlanetscalePostgres => {
                let message = format!("the engine `{}` has no bouncers: remove it", engine.as_str());
                mistakes.add(key.at("bouncer"), message);
            }
            Some(bouncer) => check::not_blank(bouncer, key.at("bouncer"), mistakes),
            None if engine == EngineKind::PlanetscalePostgres
                && kind == EndpointKind::Replica
                && self.port == Some(6432) =>
            {
                let message = "the bouncer there leads to the primary alone: remove the port, or name a `bouncer` \
                               for replicas";
                mistakes.add(key.at("port"), message);
            }
            None => {}
        }
        if engine == EngineKind::PlanetscaleMysql && kind == EndpointKind::Pooled {
            let message = "PlanetScale MySQL pools by itself: say `kind: primary` or `kind: replica`";
            mistakes.add(key.at("kind"), message);
        }
        if self.direct_tls && database.protocol() != Protocol::Postgres {
            mistakes.add(key.at("direct_tls"), "MySQL has no such thing: remove it");
        } else if self.direct_tls && self.via.is_some() {
            mistakes
                .add(key.at("direct_tls"), "clients speak with the proxy, not with the server: remove it");
        }
    }
}
