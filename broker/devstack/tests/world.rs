//! The world as its users see it.

use std::process::Command;

use devstack::World;

#[tokio::test]
async fn the_urls_of_a_world_work() {
    let world = World::start().await.unwrap();
    for url in [
        world.ledger_owner_url(),
        world.ledger_writer_url(),
        world.orders_admin_url(),
        world.orders().superuser_url(),
    ] {
        let output = Command::new("psql").args(["-X", "-At", "-c", "select 1", &url]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
