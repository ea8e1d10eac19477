//! Three masters with TLS, each with a third of the slots.

use std::sync::Arc;

use dsn_broker::cache::Put;

use super::fixture::{HOUR, clock, config, connect, entry, key, sealer, until};
use super::servers::Servers;

#[tokio::test]
async fn a_cluster_is_shared_like_one_server() {
    let servers = Servers::start(&[&["--cluster-enabled", "yes", "--tls-cluster", "yes"][..]; 3]).await;
    for (number, slots) in [("0", "5460"), ("5461", "10922"), ("10923", "16383")].into_iter().enumerate() {
        servers.ask(number, &["CLUSTER", "ADDSLOTSRANGE", slots.0, slots.1]).await;
        servers.ask(number, &["CLUSTER", "MEET", "127.0.0.1", &servers.port(0).to_string()]).await;
    }
    for number in 0..3 {
        until("the cluster is complete", async || {
            let info = servers.ask(number, &["CLUSTER", "INFO"]).await;
            info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
        })
        .await;
    }
    let clock = clock();
    let replica = async || {
        let mut config = config(servers.ca_path());
        config.cluster = true;
        let urls = format!("{},{}", servers.url(0), servers.url(1));
        connect(config, &urls, sealer(&[("a", 1)]), &clock).await
    };
    let (one, other) = (replica().await, replica().await);
    assert!(one.is_up() && other.is_up());
    // Enough keys for all three nodes.
    for round in 0..30 {
        let key = key(&round.to_string());
        let kept = entry(&clock, HOUR);
        assert_eq!(one.put(&key, Arc::clone(&kept)).await.unwrap(), Put::Kept);
        assert_eq!(other.get(&key).await.unwrap(), Some(Arc::clone(&kept)));
        assert!(one.lock(&key).await.unwrap().is_some());
        one.evict(kept.lease).await.unwrap();
        until("the other replica heard", async || other.get(&key).await.unwrap().is_none()).await;
        assert_eq!(other.put(&key, kept).await.unwrap(), Put::Evicted);
    }
}
