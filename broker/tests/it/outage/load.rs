//! The same while callers go on asking, of the real program, which is not restarted.

mod disk;
mod keys;
mod ledger;
mod redis;
mod target;

use std::time::Duration;

use devstack::WorldBuilder;

use crate::stand::{Callers, Settings, unique};

/// Callers of a cached credential, of one that all share, of one for each instance, and of new ones.
const USUAL: [Callers; 4] = [
    Callers { role: "orders-reader", count: 8, every: Duration::from_millis(150) },
    Callers { role: "orders-everyone", count: 6, every: Duration::from_millis(150) },
    Callers { role: "orders-instance", count: 6, every: Duration::from_millis(150) },
    Callers { role: "orders-request", count: 2, every: Duration::from_millis(300) },
];

/// A world of a test's own, to be broken, and the usual settings for it.
async fn own_world(builder: WorldBuilder) -> Settings {
    let world = Box::leak(Box::new(builder.durable(false).start().await.unwrap()));
    let mut settings = Settings::new(world, &unique()).await;
    settings.config["ledger"]["timeout"] = "500ms".into();
    settings
}

/// Ends it; its servers go at once, not with the test process.
async fn end(settings: Settings) {
    assert_eq!(settings.flaws().await, [""; 0], "the chain is whole");
    let world = settings.world;
    let (ledger, orders, redis) =
        tokio::join!(world.ledger().end(), world.orders().end(), world.redis().end());
    ledger.and(orders).and(redis).unwrap();
}
