//! Service account tokens of a cluster, through the front door.

use devstack::{Bad, Cluster, Pod, Reviews};
use serde_json::{Value, json};

use super::tokens::reason;
use super::*;
use crate::stand::{Settings, run, seconds, unique, world};

/// Where an API server is, and how the broker gets in there. That of the emulator, or any other's.
struct Address {
    url: String,
    issuer: String,
    ca: PathBuf,
    token: String,
}

impl Address {
    fn of(cluster: &Cluster, settings: &Settings) -> Self {
        Self {
            url: cluster.url().to_owned(),
            issuer: Cluster::ISSUER.to_owned(),
            ca: settings.ca_path.clone(),
            token: cluster.broker_token(),
        }
    }

    /// The issuer as a broker in the cluster has it.
    fn issuer(&self, settings: &Settings) -> Value {
        let token = settings.secret("pod-token", &self.token)["file"].clone();
        json!({
            "kind": "kubernetes",
            "issuer": self.issuer,
            "audiences": ["dsn-broker"],
            "jwks": { "url": format!("{}/openid/v1/jwks", self.url) },
            "ca": self.ca,
            "token_file": token,
            "token_review": { "url": self.url, "token_file": token },
        })
    }
}

/// A broker in a cluster, with a changed configuration of its issuer.
async fn stand(change: impl FnOnce(&mut Value)) -> (Stand, Cluster) {
    let cluster = Cluster::start(world().await.ca()).await.unwrap();
    let mut settings = Settings::new(world().await, &unique()).await;
    let mut issuer = Address::of(&cluster, &settings).issuer(&settings);
    change(&mut issuer);
    settings.config["issuers"]["pods"] = issuer;
    let binding = json!({
        "workloads": {
            "issuer": "pods",
            "claims": { "namespace": "shop", "service_account": "web", "node": "node-*" },
        },
        "roles": ["orders-reader", "orders-instance"],
    });
    settings.config["bindings"].as_array_mut().unwrap().push(binding);
    (Stand::on(settings).await, cluster)
}

fn claims(stand: &Stand, cluster: &Cluster, pod: &Pod) -> Claims {
    cluster.claims(pod).now(seconds(stand.now())).lifetime(Duration::from_secs(3600))
}

fn token(stand: &Stand, cluster: &Cluster, pod: &Pod) -> String {
    cluster.token(pod, &claims(stand, cluster, pod), &["dsn-broker"]).unwrap()
}

async fn whoami(stand: &Stand, token: &str) -> Answer {
    stand.bearer(token).get("/v1/whoami").await
}

#[test]
fn a_pod_is_known_by_its_service_account_and_bound_by_what_the_cluster_says_of_it() {
    run(async {
        let (stand, cluster) = stand(|_| {}).await;
        let pod = cluster.pod("shop", "web").unwrap();
        let token_of_pod = token(&stand, &cluster, &pod);
        let who = whoami(&stand, &token_of_pod).await.ok();
        assert_eq!(who["issuer"], "pods");
        assert_eq!(who["subject"], "system:serviceaccount:shop:web");
        assert_eq!(who["instance"], json!(pod.uid));
        for (claim, value) in
            [("namespace", "shop"), ("service_account", "web"), ("node", "node-1"), ("pod", &pod.name)]
        {
            assert_eq!(who["claims"][claim], json!(value));
        }
        assert_eq!(who["roles"], json!(["orders-instance", "orders-reader"]));

        // Each pod has a credential of its own of what is shared by instances.
        let other = stand.bearer(token(&stand, &cluster, &cluster.pod("shop", "web").unwrap()));
        let this = stand.bearer(&token_of_pod);
        let user = async |caller: &crate::stand::Caller<'_>, role: &str| {
            caller.dsn(role).await["parameters"]["user"].clone()
        };
        assert_ne!(user(&this, "orders-instance").await, user(&other, "orders-instance").await);
        assert_eq!(user(&this, "orders-reader").await, user(&other, "orders-reader").await);

        let elsewhere = cluster.pod("other", "web").unwrap();
        let who = whoami(&stand, &token(&stand, &cluster, &elsewhere)).await.ok();
        assert_eq!(who["roles"], json!([]));
        stand.stop().await;
    });
}

#[test]
fn no_bad_token_is_believed_and_none_that_is_badly_signed_bothers_the_api_server() {
    run(async {
        let (stand, cluster) = stand(|_| {}).await;
        let pod = cluster.pod("shop", "web").unwrap();
        let unproven = unproven(&stand).await;
        let identity = stand.app.current.load().identity.clone();
        for algorithm in [devstack::Algorithm::Rs256, devstack::Algorithm::Es256, devstack::Algorithm::Es384]
        {
            let claims = claims(&stand, &cluster, &pod).algorithm(algorithm);
            whoami(&stand, &cluster.token(&pod, &claims, &["dsn-broker"]).unwrap()).await.ok();
            let asked = cluster.reviewed();
            for bad in Bad::ALL {
                let token = cluster.keys().mint_bad(&claims, bad).unwrap();
                let expected = match bad {
                    Bad::AlgorithmOfOtherKey => "wrong_algorithm",
                    bad => reason(bad),
                };
                assert_eq!(
                    refused(&identity, &Secret::new(token.clone())).await.as_str(),
                    expected,
                    "{bad:?}"
                );
                // What is longer than a head may be does not even come to that.
                if !matches!(bad, Bad::Oversized | Bad::NestedGarbage) {
                    assert_refused(&whoami(&stand, &token).await, &unproven, "");
                }
            }
            assert_eq!(cluster.reviewed(), asked);
        }
        stand.stop().await;
    });
}

#[test]
fn each_attack_with_a_well_formed_token_has_its_reason() {
    run(async {
        let (stand, cluster) = stand(|_| {}).await;
        let pod = cluster.pod("shop", "web").unwrap();
        let unproven = unproven(&stand).await;
        let claims = claims(&stand, &cluster, &pod);
        let account = json!({ "name": "web", "uid": pod.service_account_uid });
        let bound = |change: &dyn Fn(&mut Value)| {
            let mut bound = json!({
                "namespace": "shop", "serviceaccount": account, "pod": { "name": pod.name, "uid": pod.uid },
            });
            change(&mut bound);
            claims.clone().with("kubernetes.io", bound)
        };
        let other = Cluster::start(world().await.ca()).await.unwrap();
        let own = cluster.keys();
        let attacks = [
            ("another cluster's key", other.keys().mint(&claims), "publishes no key"),
            (
                "its key under this cluster's name",
                own.mint_bad(&claims, Bad::ForeignKeyKnownKid),
                "the token's signature is wrong",
            ),
            (
                "for the API server",
                own.mint(&claims.clone().audience(Cluster::ISSUER)),
                "the token's aud has none of the issuer's `audiences`",
            ),
            ("a legacy token", own.mint_bad(&claims, Bad::NoExpiry), "the token is malformed: it has no exp"),
            (
                "another service account in the claims",
                own.mint(&bound(&|bound| bound["serviceaccount"]["name"] = json!("admin"))),
                "the token's sub is not the service account that its kubernetes.io names",
            ),
            (
                "another namespace in the claims",
                own.mint(&bound(&|bound| bound["namespace"] = json!("kube-system"))),
                "the token's sub is not the service account that its kubernetes.io names",
            ),
            (
                "a user who is no service account",
                own.mint(&claims.clone().with("sub", "system:admin")),
                "the token's sub is not the service account",
            ),
            (
                "nothing of Kubernetes in it",
                own.mint(
                    &Claims::of("system:serviceaccount:shop:web")
                        .issuer(Cluster::ISSUER)
                        .now(seconds(stand.now())),
                ),
                "the token is malformed: it has no kubernetes.io",
            ),
            (
                "bound to no pod",
                cluster.token_without_pod(&pod, &claims),
                "the token is bound to no pod, and `allow_without_pod` is not set",
            ),
            (
                "well signed, and not given out by the API server",
                own.mint(&claims),
                "the API server does not vouch for the token",
            ),
        ];
        whoami(&stand, &token(&stand, &cluster, &pod)).await.ok();
        for (name, token, reason) in attacks {
            let answer = whoami(&stand, &token.unwrap()).await;
            assert_refused(&answer, &unproven, reason);
            assert!(!answer.text.contains("shop"), "{name}: {}", answer.text);
        }
        // The audit has the issuer and, of a verified token, the subject.
        stand
            .until(|| async {
                let found = stand
                    .caller("operator")
                    .get("/v1/audit?action=authentication.failed&limit=1000")
                    .await
                    .ok()
                    .to_string();
                let (issuer, subject) =
                    (r#"\"issuer\":\"pods\""#, r#"\"subject\":\"system:serviceaccount:shop:web\""#);
                if found.contains(issuer) && found.contains(subject) { Ok(()) } else { Err(found) }
            })
            .await;
        stand.stop().await;
    });
}

#[test]
fn the_token_of_a_deleted_pod_ends_within_the_time_of_the_cache() {
    run(async {
        let (stand, cluster) = stand(|_| {}).await;
        let pod = cluster.pod("shop", "web").unwrap();
        let unproven = unproven(&stand).await;
        let token = token(&stand, &cluster, &pod);
        for _ in 0..5 {
            whoami(&stand, &token).await.ok();
        }
        assert_eq!(cluster.reviewed(), 1, "it is asked about once");
        cluster.delete(&pod);
        stand.clock.advance(Duration::from_secs(30) - Duration::from_micros(1));
        whoami(&stand, &token).await.ok();
        stand.clock.advance(Duration::from_micros(1));
        let reason = "the API server does not vouch for the token";
        assert_refused(&whoami(&stand, &token).await, &unproven, reason);
        let asked = cluster.reviewed();
        for _ in 0..5 {
            assert_refused(&whoami(&stand, &token).await, &unproven, reason);
        }
        assert_eq!(cluster.reviewed(), asked, "also a refusal is remembered for a moment");
        stand.stop().await;
    });
}

#[test]
fn many_who_show_one_token_at_once_cause_one_question() {
    run(async {
        let (stand, cluster) = stand(|_| {}).await;
        let token = token(&stand, &cluster, &cluster.pod("shop", "web").unwrap());
        let all = (0..40).map(|_| whoami(&stand, &token));
        futures_util::future::join_all(all).await.iter().for_each(|answer| drop(answer.ok()));
        assert_eq!(cluster.reviewed(), 1);
        stand.stop().await;
    });
}

#[test]
fn an_answer_about_somebody_else_is_none() {
    run(async {
        let (stand, cluster) = stand(|_| {}).await;
        let unproven = unproven(&stand).await;
        let pod_uid = "/user/extra/authentication.kubernetes.io~1pod-uid";
        let pod_name = "/user/extra/authentication.kubernetes.io~1pod-name";
        for (pointer, value, what) in [
            ("/user/username", json!("system:serviceaccount:shop:admin"), "the user's name"),
            ("/user/uid", json!("another"), "the service account's uid"),
            (pod_uid, json!(["another"]), "the pod's uid"),
            (pod_uid, json!([]), "the pod's uid"),
            (pod_name, json!(["another"]), "the pod's name"),
            ("/audiences", json!([]), "the audience"),
            ("/audiences", json!([Cluster::ISSUER]), "the audience"),
        ] {
            let pod = cluster.pod("shop", "web").unwrap();
            cluster.set_reviews(Reviews::Wrong(pointer, value));
            let answer = whoami(&stand, &token(&stand, &cluster, &pod)).await;
            let reason = format!("the API server says something else than the token: {what}");
            assert_refused(&answer, &unproven, &reason);
        }
        stand.stop().await;
    });
}

#[test]
fn without_an_answer_it_is_our_fault_and_over_when_there_is_one() {
    run(async {
        let (stand, cluster) = stand(|_| {}).await;
        let pod = cluster.pod("shop", "web").unwrap();
        for reviews in [Reviews::Unavailable, Reviews::Forbidden, Reviews::Garbage] {
            cluster.set_reviews(reviews.clone());
            let token = token(&stand, &cluster, &pod);
            let answer = whoami(&stand, &token).await;
            assert_eq!(answer.problem(), "issuer-unavailable", "{reviews:?}");
            assert_reason(&answer, "the API server cannot be asked about the token");
            cluster.set_reviews(Reviews::Right);
            stand.clock.advance(Duration::from_secs(1));
            whoami(&stand, &token).await.ok();
        }
        stand.stop().await;
    });
}

#[test]
fn what_is_well_signed_is_accepted_meanwhile_only_if_that_is_said() {
    run(async {
        let (stand, cluster) =
            stand(|issuer| issuer["token_review"]["when_unavailable"] = json!("accept")).await;
        let pod = cluster.pod("shop", "web").unwrap();
        let token = token(&stand, &cluster, &pod);
        cluster.set_reviews(Reviews::Unavailable);
        whoami(&stand, &token).await.ok();
        cluster.delete(&pod);
        cluster.set_reviews(Reviews::Right);
        stand.clock.advance(Duration::from_secs(1));
        assert_eq!(whoami(&stand, &token).await.problem(), "unauthenticated", "nothing is made up for long");
        stand.stop().await;
    });
}

#[test]
fn the_brokers_own_token_is_read_again_when_it_was_replaced() {
    run(async {
        let (stand, cluster) = stand(|_| {}).await;
        let pod = cluster.pod("shop", "web").unwrap();
        whoami(&stand, &token(&stand, &cluster, &pod)).await.ok();
        cluster.renew_broker_token().unwrap();
        let answer = whoami(&stand, &token(&stand, &cluster, &pod)).await;
        assert_eq!(answer.problem(), "issuer-unavailable");
        stand.settings.secret("pod-token", &cluster.broker_token());
        let configuration_loads = log::text().matches("configuration loaded").count();
        whoami(&stand, &token(&stand, &cluster, &pod)).await.ok();
        // Its keys, too, without a new configuration.
        cluster.keys().rotate().await.unwrap();
        stand.clock.advance(COOL_DOWN);
        whoami(&stand, &token(&stand, &cluster, &pod)).await.ok();
        assert_eq!(cluster.jwks_requests(), 2);
        assert!(log::text().matches("configuration loaded").count() >= configuration_loads);
        stand.stop().await;
    });
}

#[test]
fn a_token_without_a_pod_is_accepted_where_that_is_said_and_has_no_instance() {
    run(async {
        let (stand, cluster) = stand(|issuer| issuer["allow_without_pod"] = json!(true)).await;
        let pod = cluster.pod("shop", "web").unwrap();
        let token = cluster.token_without_pod(&pod, &claims(&stand, &cluster, &pod)).unwrap();
        let who = whoami(&stand, &token).await.ok();
        assert_eq!((&who["instance"], &who["claims"]["pod"]), (&Value::Null, &Value::Null));
        assert_eq!(who["claims"]["service_account"], "web");
        stand.stop().await;
    });
}

#[test]
fn without_review_the_api_server_is_asked_for_its_keys_alone() {
    run(async {
        let (stand, cluster) =
            stand(|issuer| drop(issuer.as_object_mut().unwrap().remove("token_review"))).await;
        let pod = cluster.pod("shop", "web").unwrap();
        let token = token(&stand, &cluster, &pod);
        cluster.delete(&pod);
        whoami(&stand, &token).await.ok();
        assert_eq!((cluster.reviewed(), cluster.jwks_requests()), (0, 1));
        stand.stop().await;
    });
}

#[test]
fn a_look_at_the_configuration_says_whether_tokens_can_be_reviewed() {
    run(async {
        let (stand, cluster) = stand(|_| {}).await;
        let identity = stand.app.current.load().identity.clone();
        let pods: IssuerName = "pods".parse().unwrap();
        assert!(matches!(identity.try_reviews().await.remove(&pods), Some(Ok(()))));
        assert!(matches!(identity.load_keys().await.remove(&pods), Some(Ok(4))));
        cluster.set_reviews(Reviews::Forbidden);
        let error = identity.try_reviews().await.remove(&pods).unwrap().unwrap_err();
        assert!(error.to_string().contains("system:auth-delegator"), "{error}");
        stand.stop().await;
    });
}
