//! The API server that tests share.

use devstack::Kubernetes;
use tokio::sync::OnceCell;

use super::{record, world};

/// The one that all tests share, which have namespaces of their own; `None`, and the test is named, where it is not
/// installed. It trusts the authority of the shared world, and knows the custom resources that a chart may use.
pub async fn kubernetes(test: &str) -> Option<&'static Kubernetes> {
    static KUBERNETES: OnceCell<Kubernetes> = OnceCell::const_new();
    if !Kubernetes::is_installed_for(test) {
        return None;
    }
    let start = async || {
        let kubernetes = Kubernetes::start(world().await.ca()).await.unwrap();
        record::secret(kubernetes.token());
        for definition in Kubernetes::definitions().unwrap() {
            kubernetes.define(&definition).await.unwrap();
        }
        kubernetes
    };
    Some(KUBERNETES.get_or_init(start).await)
}
