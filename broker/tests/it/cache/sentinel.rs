//! A master found through a Sentinel.

use std::sync::Arc;

use dsn_broker::cache::Put;

use super::fixture::{HOUR, clock, config, connect, entry, key, sealer};
use super::servers::Servers;

#[tokio::test]
async fn the_master_is_found_through_a_sentinel() {
    let master = Servers::start(&[&["--requirepass", "secret"]]).await;
    let sentinel = master.add_sentinel().await;
    let clock = clock();
    let mut config = config(master.ca_path());
    config.sentinel_master = Some("main".to_owned());
    // The Sentinel knows no users: it is asked again without one.
    let url = format!("rediss://default:secret@localhost:{sentinel}");
    let cache = connect(config, &url, sealer(&[("a", 1)]), &clock).await;
    assert!(cache.is_up());
    let kept = entry(&clock, HOUR);
    assert_eq!(cache.put(&key("a"), Arc::clone(&kept)).await.unwrap(), Put::Kept);
    assert_eq!(cache.get(&key("a")).await.unwrap(), Some(kept));
}
