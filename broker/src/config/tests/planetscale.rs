//! Mistakes about databases at PlanetScale.

use super::{changed, folder, mistakes};

/// The example with two databases at PlanetScale and a role for each.
const GOOD: &str = "  depot:
    engine: planetscale-postgres
    dbname: postgres
    endpoints: { primary: { direct_tls: true }, replica: {}, pooled: {}, reads: { bouncer: reads } }
    planetscale: { organization: acme, database: depot, service_token: { id: 6hnhqpmd0fv7, secret: { file: secrets/orders-admin } } }
  store:
    engine: planetscale-mysql
    dbname: store
    endpoints: { primary: {}, replica: {} }
    planetscale: { organization: acme, database: store, oauth_token: { file: secrets/orders-admin } }

roles:
  depot-reader: { database: depot, ttl: 15m, credential: { kind: dynamic_user, member_of: [pg_read_all_data], successor: postgres } }
  store-reader: { database: store, ttl: 15m, credential: { kind: dynamic_user, access: reader, cidrs: [10.0.0.0/8] } }
  depot-rotated: { database: depot, ttl: 15m, credential: { kind: rotated_password, users: [depot_a, depot_b] } }
  store-rotated: { database: store, ttl: 15m, credential: { kind: rotated_password, users: [store_a, store_b], access: admin, replica: true, cidrs: [10.1.0.0/16] } }
";

#[test]
fn what_the_provider_would_not_take_is_refused_with_a_sentence() {
    let folder = folder();
    let text = changed("\n# Which sets of privileges can be asked for.\nroles:\n", GOOD);
    assert_eq!(mistakes(&text, folder.path()), [""; 0]);
    let table: &[(&str, &str, &str)] = &[
        (
            "[pg_read_all_data]",
            "[postgres]",
            "roles.depot-reader.credential.member_of[0]: `postgres`, the default role, may do everything in the branch: name less, or say `allow_default_role: true` at the database",
        ),
        (
            "[10.0.0.0/8]",
            "[10.0.0.1]",
            "roles.store-reader.credential.cidrs[0]: \"10.0.0.1\" is not a range of addresses: write `10.0.0.0/8` or `192.0.2.7/32`",
        ),
        (
            "[10.0.0.0/8]",
            "[10.0.0.0/8, 10.0.0.0/8]",
            "roles.store-reader.credential.cidrs[1]: `10.0.0.0/8` stands here twice",
        ),
        ("successor: postgres", "successor: ' '", "roles.depot-reader.credential.successor: it is empty"),
        (
            "depot-reader: { database: depot, ttl: 15m",
            "depot-reader: { database: depot, ttl: 15500ms",
            "roles.depot-reader.ttl: 15s500ms is not a number of whole seconds",
        ),
        (
            "depot-reader: { database: depot, ttl: 15m",
            "depot-reader: { database: depot, parameters: { search_path: app }, ttl: 15m",
            "roles.depot-reader.parameters: PlanetScale's API cannot keep settings for a credential: remove them",
        ),
        (
            "access: reader, ",
            "",
            "roles.store-reader.credential.access: say what it may do: `reader`, `writer`, `readwriter` or `admin`",
        ),
        (
            "users: [depot_a, depot_b]",
            "users: [depot_a, postgres]",
            "roles.depot-rotated.credential.users[1]: `postgres`, the default role, may do everything in the branch: name less, or say `allow_default_role: true` at the database",
        ),
        (
            "users: [depot_a, depot_b]",
            "users: [depot_a, depot_b], access: reader",
            "roles.depot-rotated.credential.access: the engine `planetscale-postgres` has no `access`; it has `users`, `rotate`, `adopt`",
        ),
        (
            "access: admin, ",
            "",
            "roles.store-rotated.credential.access: say what it may do: `reader`, `writer`, `readwriter` or `admin`",
        ),
        (
            "[10.1.0.0/16]",
            "[10.1.0.0]",
            "roles.store-rotated.credential.cidrs[0]: \"10.1.0.0\" is not a range of addresses: write `10.0.0.0/8` or `192.0.2.7/32`",
        ),
        (
            "access: admin, ",
            "access: admin, adopt: { username: store_a, password: { file: secrets/orders-admin } }, ",
            "roles.store-rotated.credential.adopt: at `planetscale-mysql` a password is not changed but replaced by a new one, so that none can be adopted: remove it, and the broker makes the first one",
        ),
        (
            "pooled: {}, reads",
            "old: { kind: replica, port: 6432 }, reads",
            "databases.depot.endpoints.old.port: the bouncer there leads to the primary alone: remove the port, or name a `bouncer` for replicas",
        ),
        (
            "endpoints: { primary: {}, replica: {} }",
            "endpoints: { primary: {}, pooled: {} }",
            "databases.store.endpoints.pooled.kind: PlanetScale MySQL pools by itself: say `kind: primary` or `kind: replica`",
        ),
        (
            "endpoints: { primary: {}, replica: {} }",
            "endpoints: { primary: { direct_tls: true } }",
            "databases.store.endpoints.primary.direct_tls: MySQL has no such thing: remove it",
        ),
        (
            "endpoints: { primary: {}, replica: {} }",
            "endpoints: { primary: { bouncer: reads } }",
            "databases.store.endpoints.primary.bouncer: the engine `planetscale-mysql` has no bouncers: remove it",
        ),
    ];
    for (from, to, expected) in table {
        assert_eq!(text.matches(from).count(), 1, "{from:?} must be there once");
        assert_eq!(mistakes(&text.replace(from, to), folder.path()), [*expected], "{to}");
    }
}
