//! Trust in SVIDs while it changes: bundles that rotate or break, certificates that end, connections that stay open.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use devstack::Svid;
use rustls::HandshakeKind;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::spiffe::{Federation, PATH};
use super::*;
use crate::stand::{run, seconds};

impl Federation {
    /// Writes the bundle as it is now, and lets the broker look at it.
    async fn publish(&self) {
        self.ours.write_bundle(&self.bundle).unwrap();
        self.stand.app.current.load_full().identity.look_again().await;
    }

    /// The same with another text in place of the bundle: all at once, as the broker may look at any time.
    async fn publish_text(&self, text: &str) {
        let draft = self.bundle.with_extension("draft");
        std::fs::write(&draft, text).unwrap();
        std::fs::rename(draft, &self.bundle).unwrap();
        self.stand.app.current.load_full().identity.look_again().await;
    }

    /// Writes the bundle as it is now, and waits until the broker has looked by itself.
    async fn write_and_wait(&self) {
        self.ours.write_bundle(&self.bundle).unwrap();
        let token = self.token();
        self.stand
            .until(|| async {
                let answer = self.stand.bearer(&token).get("/v1/whoami").await;
                if answer.status == 200 { Ok(()) } else { Err(answer.text) }
            })
            .await;
    }

    /// A request on a connection of its own: what it is answered, and how the handshake went.
    async fn raw(&self, tls: &Arc<rustls::ClientConfig>) -> (String, HandshakeKind) {
        let port = self.stand.url.rsplit(':').next().unwrap().parse::<u16>().unwrap();
        let socket = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let connector = tokio_rustls::TlsConnector::from(Arc::clone(tls));
        let mut stream = connector.connect("localhost".try_into().unwrap(), socket).await.unwrap();
        let request = "GET /v1/whoami HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let kind = stream.get_ref().1.handshake_kind().unwrap();
        (String::from_utf8(answer).unwrap(), kind)
    }
}

#[test]
fn a_certificate_that_ended_is_refused_on_open_connections_and_in_resumed_sessions() {
    run(async {
        let federation = Federation::new().await;
        let life = Duration::from_secs(120);
        let issued = federation.ours.issue(&federation.svid().life(life)).unwrap();
        let (client, tls) = (federation.client(&issued), Arc::new(federation.tls(&issued)));
        Answer::of(federation.request(&client)).await.ok();
        let (first, kind) = federation.raw(&tls).await;
        assert!(first.starts_with("HTTP/1.1 200"), "{first}");
        assert_eq!(kind, HandshakeKind::Full);
        let (second, kind) = federation.raw(&tls).await;
        assert!(second.starts_with("HTTP/1.1 200"), "{second}");
        assert_eq!(kind, HandshakeKind::Resumed, "else nothing is tried here");

        // It began ten seconds ago.
        federation.stand.clock.advance(Duration::from_secs(111));
        let unproven = unproven(&federation.stand).await;
        assert_refused(
            &Answer::of(federation.request(&client)).await,
            &unproven,
            "the client certificate expired",
        );
        let (third, kind) = federation.raw(&tls).await;
        assert!(third.starts_with("HTTP/1.1 401"), "{third}");
        assert_eq!(kind, HandshakeKind::Resumed);
        federation.stand.stop().await;
    });
}

#[test]
fn who_is_dropped_from_the_bundle_is_refused_on_open_connections_too() {
    run(async {
        let federation = Federation::new().await;
        let issued = federation.ours.issue(&federation.svid()).unwrap();
        let chained = federation.ours.issue(&federation.svid().through("spiffe://example.org")).unwrap();
        let (client, chained) = (federation.client(&issued), federation.client(&chained));
        let tls = Arc::new(federation.tls(&issued));
        let token = federation.token();
        let unproven = unproven(&federation.stand).await;
        for client in [&client, &chained] {
            Answer::of(federation.request(client)).await.ok();
        }
        assert!(federation.raw(&tls).await.0.starts_with("HTTP/1.1 200"));
        federation.stand.bearer(&token).get("/v1/whoami").await.ok();

        federation.ours.rotate().await.unwrap();
        federation.publish().await;
        Answer::of(federation.request(&client)).await.ok();
        federation.stand.bearer(&token).get("/v1/whoami").await.ok();
        federation.ours.withdraw_old();
        federation.publish().await;
        let untrusted = "does not lead to an authority of its trust domain";
        for client in [&client, &chained] {
            assert_refused(&Answer::of(federation.request(client)).await, &unproven, untrusted);
        }
        let (resumed, kind) = federation.raw(&tls).await;
        assert!(resumed.starts_with("HTTP/1.1 401"), "{resumed}");
        assert_eq!(kind, HandshakeKind::Resumed);
        let answer = federation.stand.bearer(&token).get("/v1/whoami").await;
        assert_refused(&answer, &unproven, "publishes no key");
        federation.stand.stop().await;
    });
}

#[test]
fn a_broken_bundle_changes_nothing_and_is_named_once() {
    run(async {
        let federation = Federation::new().await;
        let client = federation.client(&federation.ours.issue(&federation.svid()).unwrap());
        let name = federation.bundle.display().to_string();
        let complaints = || {
            let text = log::text();
            text.lines().filter(|line| line.contains("bundle cannot be had") && line.contains(&name)).count()
        };
        let identity = federation.stand.app.current.load().identity.clone();
        let good = federation.ours.bundle();
        let with = |change: &dyn Fn(&mut serde_json::Value)| {
            let mut bundle = good.clone();
            change(&mut bundle);
            bundle.to_string()
        };
        let broken = [
            String::new(),
            "<html>".to_owned(),
            good.to_string()[..200].to_owned(),
            "{}".to_owned(),
            with(&|bundle| bundle["keys"][0]["x5c"] = json!([])),
            with(&|bundle| bundle["keys"][0]["x5c"] = json!(["AAAA"])),
            with(&|bundle| {
                let x5c = bundle["keys"][0]["x5c"][0].clone();
                bundle["keys"][0]["x5c"] = json!([x5c, x5c]);
            }),
            with(&|bundle| bundle["keys"][1]["kid"] = json!("")),
            with(&|bundle| bundle["keys"][1]["n"] = json!("AQAB")),
        ];
        for (index, text) in broken.iter().enumerate() {
            for _ in 0..3 {
                federation.publish_text(text).await;
            }
            assert_eq!(complaints(), index + 1, "{text}");
            Answer::of(federation.request(&client)).await.ok();
            federation.stand.bearer(federation.token()).get("/v1/whoami").await.ok();
            federation.publish().await;
        }
        std::fs::remove_file(&federation.bundle).unwrap();
        identity.look_again().await;
        Answer::of(federation.request(&client)).await.ok();

        federation.ours.rotate().await.unwrap();
        federation.publish().await;
        federation.stand.bearer(federation.token()).get("/v1/whoami").await.ok();
        // Nobody is trusted by a bundle without keys, and that is no mistake.
        federation.publish_text(r#"{"keys": []}"#).await;
        let answer = Answer::of(federation.request(&client)).await;
        assert_eq!(answer.problem(), "unauthenticated");
        federation.stand.stop().await;
    });
}

#[test]
fn a_key_for_certificates_signs_no_tokens_and_unknown_uses_are_passed_over() {
    run(async {
        let federation = Federation::new().await;
        let unproven = unproven(&federation.stand).await;
        let token =
            federation.ours.keys().mint(&federation.claims().algorithm(devstack::Algorithm::Es256)).unwrap();
        federation.stand.bearer(&token).get("/v1/whoami").await.ok();
        let good = federation.ours.bundle();
        assert_eq!((&good["keys"][2]["use"], &good["keys"][2]["crv"]), (&json!("jwt-svid"), &json!("P-256")));
        for usage in [json!("x509-svid"), json!("sig"), json!("wit-svid"), json!(null)] {
            let mut bundle = good.clone();
            bundle["keys"][2]["use"] = usage.clone();
            bundle["keys"][2]["x5c"] = good["keys"][0]["x5c"].clone();
            federation.publish_text(&bundle.to_string()).await;
            let answer = federation.stand.bearer(&token).get("/v1/whoami").await;
            assert_refused(&answer, &unproven, "the issuer publishes no key");
        }
        federation.stand.stop().await;
    });
}

#[test]
fn a_trust_domain_that_is_added_asks_new_connections_for_certificates() {
    run(async {
        let mut federation = Federation::new().await;
        let client = federation.client(&federation.ours.issue(&federation.svid()).unwrap());
        let issuers = federation.stand.settings.config["issuers"].clone();
        let bindings = federation.stand.settings.config["bindings"].clone();
        let status = async |federation: &Federation, status: u16| {
            federation
                .stand
                .until(|| async {
                    // A connection of its own: those that are open stay as they are.
                    let client = federation.client(&federation.ours.issue(&federation.svid()).unwrap());
                    let answer = Answer::of(federation.request(&client)).await;
                    if answer.status == status { Ok(()) } else { Err(answer.text) }
                })
                .await;
        };
        Answer::of(federation.request(&client)).await.ok();
        let config = &mut federation.stand.settings.config;
        config["issuers"].as_object_mut().unwrap().retain(|name, _| name == "cluster");
        config["bindings"]
            .as_array_mut()
            .unwrap()
            .retain(|binding| binding["workloads"]["issuer"] == "cluster");
        federation.stand.settings.write();
        status(&federation, 401).await;
        let answer = Answer::of(federation.request(&client)).await;
        assert_reason(&answer, "no issuer is configured for the trust domain");
        federation.stand.settings.config["issuers"] = issuers;
        federation.stand.settings.config["bindings"] = bindings;
        federation.stand.settings.write();
        status(&federation, 200).await;
        federation.stand.stop().await;
    });
}

#[test]
fn authorities_in_pem_are_enough_for_certificates() {
    run(async {
        let federation = Federation::with(|mesh| mesh["svid"] = json!(["x509"])).await;
        federation.ours.rotate().await.unwrap();
        federation.publish_text(&federation.ours.authorities_pem()).await;
        let client = federation.client(&federation.ours.issue(&federation.svid()).unwrap());
        Answer::of(federation.request(&client)).await.ok();
        federation.stand.stop().await;
    });
}

#[test]
fn a_bundle_that_rotates_under_load_fails_no_request() {
    run(async {
        let federation = Arc::new(Federation::new().await);
        let (stop, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let newest = |federation: &Federation| federation.ours.issue(&federation.svid()).unwrap();
        // As a workload does: what is newest at first, and whatever comes then, a while later.
        let current = Arc::new(arc_swap::ArcSwap::from_pointee((
            federation.client(&newest(&federation)),
            federation.token(),
        )));
        let load: Vec<_> = (0..6)
            .map(|number| {
                let (federation, stop, calls, current) =
                    (federation.clone(), stop.clone(), calls.clone(), current.clone());
                tokio::spawn(async move {
                    while !stop.load(Ordering::Relaxed) {
                        let now = current.load_full();
                        let request = if number % 2 == 0 {
                            federation.request(&now.0)
                        } else {
                            federation.request(&federation.stand.client).bearer_auth(&now.1)
                        };
                        assert_eq!(Answer::of(request).await.ok()["issuer"], "mesh");
                        calls.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let more = async || {
            let before = calls.load(Ordering::Relaxed);
            federation
                .stand
                .until(|| async {
                    if calls.load(Ordering::Relaxed) > before + 30 { Ok(()) } else { Err(before.to_string()) }
                })
                .await;
        };
        more().await;
        for _ in 0..3 {
            federation.stand.clock.advance(Duration::from_secs(1));
            federation.ours.rotate().await.unwrap();
            federation.write_and_wait().await;
            more().await;
            current.store(Arc::new((federation.client(&newest(&federation)), federation.token())));
            // Those that are on their way with what was before.
            more().await;
            federation.ours.withdraw_old();
            federation.publish().await;
            more().await;
        }
        stop.store(true, Ordering::Relaxed);
        for task in load {
            task.await.unwrap();
        }
        Arc::into_inner(federation).unwrap().stand.stop().await;
    });
}

#[test]
fn a_bundle_at_a_url_is_fetched_as_often_as_it_says() {
    run(async {
        let domain = Arc::new(devstack::TrustDomain::new("example.org").await.unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let down = Arc::new(AtomicBool::new(true));
        let answer = {
            let (domain, requests, down) = (domain.clone(), requests.clone(), down.clone());
            axum::routing::get(move || async move {
                requests.fetch_add(1, Ordering::SeqCst);
                if down.load(Ordering::SeqCst) {
                    Err(axum::http::StatusCode::BAD_GATEWAY)
                } else {
                    Ok(axum::Json(domain.bundle()))
                }
            })
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/bundle", listener.local_addr().unwrap());
        let serving =
            tokio::spawn(
                async move { axum::serve(listener, axum::Router::new().route("/bundle", answer)).await },
            );
        let clock = ManualClock::new(DateTime::from_timestamp(START.try_into().unwrap(), 0).unwrap());
        let issuer = json!({ "kind": "spiffe", "trust_domain": "example.org", "bundle": { "url": url }, "audiences": ["dsn-broker"] });
        let issuers = [("mesh".parse().unwrap(), serde_json::from_value(issuer).unwrap())];
        let identity = Identity::new(&issuers.into(), Arc::new(clock.clone())).unwrap();
        let token =
            || Secret::new(domain.keys().mint(&domain.claims(PATH).now(seconds(clock.now()))).unwrap());
        let asked = || requests.load(Ordering::SeqCst);

        assert_eq!(refused(&identity, &token()).await, Refusal::KeySourceDown);
        assert_eq!(refused(&identity, &token()).await, Refusal::KeySourceDown, "not again at once");
        assert_eq!(asked(), 1);
        down.store(false, Ordering::SeqCst);
        clock.advance(Duration::from_secs(1));
        accepted(&identity, &token()).await;
        assert_eq!(asked(), 2);

        domain.rotate().await.unwrap();
        domain.withdraw_old();
        clock.advance(Duration::from_secs(300) - Duration::from_micros(1));
        identity.look_again().await;
        assert_eq!(refused(&identity, &token()).await.as_str(), "unknown_key");
        clock.advance(Duration::from_micros(1));
        identity.look_again().await;
        accepted(&identity, &token()).await;
        assert_eq!(asked(), 3);
        // While it is away, the last one counts.
        down.store(true, Ordering::SeqCst);
        clock.advance(Duration::from_secs(300));
        identity.look_again().await;
        accepted(&identity, &token()).await;
        assert_eq!(asked(), 4);
        let svid = Svid::of(&domain.id(PATH), clock.now());
        let issued = domain.issue(&svid).unwrap();
        let chain = dsn_broker::identity::ClientCertificates::new(vec![
            rustls::pki_types::pem::PemObject::from_pem_slice(issued.certificate_pem.as_bytes()).unwrap(),
        ]);
        let workload = identity.authenticate_certificates(&chain).await.unwrap();
        assert_eq!(workload.principal.subject, domain.id(PATH));
        serving.abort();
    });
}
