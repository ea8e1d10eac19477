//! How each endpoint wants the user written, and where it is.

use std::collections::BTreeMap;

use crate::config::{Endpoint, EndpointKind};
use crate::engine::planetscale::Product;
use crate::engine::planetscale::answer::Host;
use crate::model::{EndpointName, Place};

/// What the provider's answer says of every endpoint. The configuration's own host and port go before it.
pub(super) fn places(
    product: Product,
    endpoints: &BTreeMap<EndpointName, Endpoint>,
    host: &Host,
    username: &str,
) -> BTreeMap<EndpointName, Place> {
    let place = |(name, endpoint): (&EndpointName, &Endpoint)| {
        let kind = endpoint.kind(name);
        let place = match product {
            Product::Postgres => postgres(kind, endpoint.bouncer.as_deref(), host, username),
            Product::Mysql => mysql(kind, host),
        };
        (name.clone(), place)
    };
    endpoints.iter().map(place).collect()
}

/// Replicas are asked for with a word behind the user name, at the server's own port; bouncers, by their name or
/// without one, at theirs.
fn postgres(kind: EndpointKind, bouncer: Option<&str>, host: &Host, username: &str) -> Place {
    let server = host.port.unwrap_or(SERVER);
    let (port, target) = match (bouncer, kind) {
        (Some(bouncer), _) => (BOUNCER, Some(bouncer)),
        (None, EndpointKind::Pooled) => (BOUNCER, None),
        (None, EndpointKind::Replica) => (server, Some("replica")),
        (None, EndpointKind::Primary) => (server, None),
    };
    Place {
        host: Some(host.name.clone()),
        port: Some(port),
        username: target.map(|target| format!("{username}|{target}")),
        ..Place::default()
    }
}

/// Replicas are asked for by the name of the database.
fn mysql(kind: EndpointKind, host: &Host) -> Place {
    Place {
        host: Some(host.name.clone()),
        port: host.port,
        dbname: (kind == EndpointKind::Replica).then(|| "@replica".to_owned()),
        ..Place::default()
    }
}

const SERVER: u16 = 5432;
const BOUNCER: u16 = 6432;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_is_at_the_servers_port_and_bouncers_are_at_theirs() {
        let at = |kind, bouncer, port| {
            let host = Host { name: "x.pg.psdb.cloud".to_owned(), port };
            let place = postgres(kind, bouncer, &host, "role.branch");
            (place.port.unwrap(), place.username.unwrap_or_default())
        };
        let own = String::new();
        assert_eq!(at(EndpointKind::Primary, None, None), (5432, own.clone()));
        assert_eq!(at(EndpointKind::Primary, None, Some(5555)), (5555, own.clone()));
        assert_eq!(at(EndpointKind::Replica, None, None), (5432, "role.branch|replica".to_owned()));
        assert_eq!(at(EndpointKind::Pooled, None, Some(5555)), (6432, own));
        assert_eq!(at(EndpointKind::Replica, Some("reads"), None), (6432, "role.branch|reads".to_owned()));
    }
}
