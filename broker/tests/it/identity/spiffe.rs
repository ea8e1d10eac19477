//! SVIDs of two trust domains, through the front door: certificates and tokens.

use devstack::{Bad, ExtendedKeyUsagePurpose, Issued, KeyUsagePurpose, Svid, TrustDomain};
use reqwest::Method;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};

use super::tokens::reason;
use super::*;
use crate::stand::{Settings, run, seconds, unique, world};

/// A broker that believes two trust domains.
pub(super) struct Federation {
    pub(super) stand: Stand,
    pub(super) ours: TrustDomain,
    pub(super) theirs: TrustDomain,
    pub(super) bundle: PathBuf,
}

impl Federation {
    pub(super) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// With a changed configuration of our issuer.
    pub(super) async fn with(change: impl FnOnce(&mut Value)) -> Self {
        let (ours, theirs) =
            tokio::try_join!(TrustDomain::new("example.org"), TrustDomain::new("partner.example")).unwrap();
        let mut settings = Settings::new(world().await, &unique()).await;
        let bundle = settings.folder().join("example.json");
        let other = settings.folder().join("partner.json");
        ours.write_bundle(&bundle).unwrap();
        theirs.write_bundle(&other).unwrap();
        let issuer = |domain: &str, file: &PathBuf| json!({ "kind": "spiffe", "trust_domain": domain, "bundle": { "file": file }, "audiences": ["dsn-broker"] });
        let mut mesh = issuer("example.org", &bundle);
        change(&mut mesh);
        settings.config["issuers"]["mesh"] = mesh;
        settings.config["issuers"]["partner"] = issuer("partner.example", &other);
        let binding = json!({
            "workloads": { "issuer": "mesh", "claims": { "path": "/ns/shop/*" } }, "roles": ["orders-reader"],
        });
        settings.config["bindings"].as_array_mut().unwrap().push(binding);
        Self { stand: Stand::on(settings).await, ours, theirs, bundle }
    }

    /// A good certificate of ours.
    pub(super) fn svid(&self) -> Svid {
        Svid::of(&self.ours.id(PATH), self.stand.now())
    }

    /// A good token of ours.
    pub(super) fn token(&self) -> String {
        self.ours.keys().mint(&self.claims()).unwrap()
    }

    pub(super) fn claims(&self) -> Claims {
        self.ours.claims(PATH).now(seconds(self.stand.now()))
    }

    /// What somebody is told who shows this certificate.
    async fn shows(&self, issued: &Issued) -> Answer {
        Answer::of(self.request(&self.client(issued))).await
    }

    pub(super) fn request(&self, client: &reqwest::Client) -> reqwest::RequestBuilder {
        client.request(Method::GET, format!("{}/v1/whoami", self.stand.url))
    }

    pub(super) fn client(&self, issued: &Issued) -> reqwest::Client {
        let tls = self.tls(issued);
        reqwest::Client::builder().tls_backend_preconfigured(tls).build().unwrap()
    }

    pub(super) fn tls(&self, issued: &Issued) -> rustls::ClientConfig {
        let mut roots = rustls::RootCertStore::empty();
        let ca = std::fs::read(&self.stand.settings.ca_path).unwrap();
        roots.add(CertificateDer::from_pem_slice(&ca).unwrap()).unwrap();
        let chain = CertificateDer::pem_slice_iter(issued.certificate_pem.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(issued.key_pem.as_bytes()).unwrap();
        rustls::ClientConfig::builder_with_provider(dsn_broker::tls::provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(chain.collect::<Result<_, _>>().unwrap(), key)
            .unwrap()
    }
}

/// Whose SVIDs these are.
pub(super) const PATH: &str = "/ns/shop/sa/web";

#[test]
fn the_sdk_shows_the_certificate_that_is_in_its_files_now() {
    run(async {
        let federation = Federation::new().await;
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("svid.pem"), folder.path().join("svid_key.pem"));
        let renew = |path: &str| {
            let svid = Svid::of(&federation.ours.id(path), federation.stand.now());
            let issued = federation.ours.issue(&svid).unwrap();
            std::fs::write(&certificate, &issued.certificate_pem).unwrap();
            std::fs::write(&key, &issued.key_pem).unwrap();
        };
        renew(PATH);
        let broker = dsn_broker_sdk::Broker::builder(&federation.stand.url)
            .ca_file(&federation.stand.settings.ca_path)
            .client_certificate(&certificate, &key)
            .build()
            .unwrap();
        let dsn = broker.dsn("orders-reader").await.unwrap();
        assert!(dsn.user().starts_with("dsn_"), "{dsn:?}");
        assert_eq!(broker.whoami().await.unwrap()["subject"], federation.ours.id(PATH));
        renew("/ns/shop/sa/worker");
        assert_eq!(broker.whoami().await.unwrap()["subject"], federation.ours.id("/ns/shop/sa/worker"));
    });
}

#[test]
fn a_certificate_of_the_trust_domain_is_proof_enough() {
    run(async {
        let federation = Federation::new().await;
        let answer = federation.shows(&federation.ours.issue(&federation.svid()).unwrap()).await.ok();
        assert_eq!(answer["issuer"], "mesh");
        assert_eq!(answer["subject"], "spiffe://example.org/ns/shop/sa/web");
        assert_eq!(answer["claims"], json!({ "trust_domain": "example.org", "path": PATH, "svid": "x509" }));
        assert_eq!(answer["roles"], json!(["orders-reader"]));
        let svid = Svid::of(&federation.theirs.id(PATH), federation.stand.now());
        let partner = federation.shows(&federation.theirs.issue(&svid).unwrap()).await.ok();
        assert_eq!((&partner["issuer"], &partner["roles"]), (&json!("partner"), &json!([])));

        // Chains, names besides, and what the standard leaves open.
        for svid in [
            federation.svid().through("spiffe://example.org"),
            federation.svid().through("spiffe://example.org").through("spiffe://example.org"),
            federation.svid().host("web.shop.svc"),
            federation.svid().extended(&[]),
            federation.svid().extended(&[ExtendedKeyUsagePurpose::ClientAuth]),
        ] {
            let answer = federation.shows(&federation.ours.issue(&svid).unwrap()).await.ok();
            assert_eq!(answer["subject"], "spiffe://example.org/ns/shop/sa/web", "{svid:?}");
        }
        // The same workload by token: the same credential.
        let by_token = federation.stand.bearer(federation.token());
        let who = by_token.get("/v1/whoami").await.ok();
        assert_eq!(who["claims"]["svid"], "jwt");
        assert_eq!(who["subject"], answer["subject"]);
        let one = by_token.dsn("orders-reader").await;
        let client = federation.client(&federation.ours.issue(&federation.svid()).unwrap());
        let url = format!("{}{}", federation.stand.url, by_token.dsn_path("orders-reader"));
        let other = Answer::of(client.get(url)).await.ok();
        assert_eq!(one["lease_id"], other["lease_id"]);
        federation.stand.stop().await;
    });
}

#[test]
fn each_bad_certificate_is_refused_for_its_own_reason() {
    run(async {
        let federation = Federation::with(|mesh| mesh["paths"] = json!(["/ns/shop/*", "/job"])).await;
        let (ours, theirs, now) = (&federation.ours, &federation.theirs, federation.stand.now());
        let unproven = unproven(&federation.stand).await;
        let stranger = TrustDomain::new("example.org").await.unwrap();
        let svid = || federation.svid();
        let named = |uri: &str| svid().uris(&[uri]);
        let usages = |usages: &[KeyUsagePurpose]| svid().usages(usages);
        let hour = Duration::from_secs(3600);
        federation.shows(&ours.issue(&svid()).unwrap()).await.ok();
        let id = ours.id(PATH);
        let of_ca = "not an X.509-SVID: it is that of a CA";
        let untrusted = "does not lead to an authority of its trust domain: UnknownIssuer";
        use KeyUsagePurpose::{CrlSign, DigitalSignature, KeyCertSign, KeyEncipherment};
        let attacks: Vec<(&TrustDomain, Svid, &str)> = vec![
            // Who may sign for whom.
            (theirs, svid(), untrusted),
            (ours, named(&theirs.id(PATH)), untrusted),
            // One who calls himself like us, with a key of his own.
            (&stranger, svid(), "of its trust domain: InvalidSignatureForPublicKey"),
            (ours, named("spiffe://nobody.example/a"), "no issuer is configured for the trust domain"),
            (ours, svid().by_workload(&ours.id("/ns/shop/sa/evil")), "does not lead to an authority"),
            // What it is.
            (ours, svid().as_ca(), of_ca),
            (ours, usages(&[DigitalSignature, KeyCertSign]), "its key usage has keyCertSign or cRLSign"),
            (ours, usages(&[DigitalSignature, CrlSign]), "its key usage has keyCertSign or cRLSign"),
            (ours, usages(&[KeyEncipherment]), "its key usage has no digitalSignature"),
            (ours, usages(&[]), "it has no key usage"),
            (
                ours,
                svid().extended(&[ExtendedKeyUsagePurpose::ServerAuth]),
                "its extended key usage has no clientAuth",
            ),
            // Whom it names.
            (ours, svid().uris(&[&id, &theirs.id("/a")]), "it has more than one URI"),
            (ours, svid().uris(&[&id, &id]), "it has more than one URI"),
            (ours, svid().uris(&[&id, "https://example.org"]), "it has more than one URI"),
            (ours, svid().uris(&[]).host("web.shop.svc"), "it has no URI"),
            (ours, svid().uris(&[]), "it has no URI"),
            (ours, named("https://example.org/ns/shop/sa/web"), "it does not begin with spiffe://"),
            (ours, named("spiffe://example.org"), "it has no path"),
            (ours, named("spiffe://example.org/"), "its path has an empty part"),
            (ours, named("spiffe://example.org/ns/../ns/shop"), "its path has an empty part, `.` or `..`"),
            (ours, named("spiffe://example.org/ns/shop/sa/web?a=b"), "its path has something else"),
            (ours, named("spiffe://Example.org/ns/shop/sa/web"), "its trust domain is not"),
            (ours, named("spiffe://example.org:8443/a"), "its trust domain is not"),
            (ours, named("spiffe://me@example.org/a"), "its trust domain is not"),
            (ours, named(&ours.id("/ns/other/sa/web")), "is not among the issuer's `paths`"),
            (ours, named(&ours.id("/jobs")), "is not among the issuer's `paths`"),
            // When.
            (ours, svid().from(now - 2 * hour), "the client certificate expired at"),
            (ours, svid().from(now + hour), "the client certificate is not valid before"),
        ];
        for (domain, svid, reason) in attacks {
            let answer = federation.shows(&domain.issue(&svid).unwrap()).await;
            assert_refused(&answer, &unproven, reason);
        }
        // A chain with a link missing.
        let mut cut = ours.issue(&svid().through("spiffe://example.org")).unwrap();
        let end = cut.certificate_pem.match_indices("-----BEGIN").nth(1).unwrap().0;
        cut.certificate_pem.truncate(end);
        assert_refused(&federation.shows(&cut).await, &unproven, untrusted);
        federation.stand.stop().await;
    });
}

#[test]
fn of_both_the_token_alone_counts_and_a_bad_one_is_not_made_good_by_a_certificate() {
    run(async {
        let federation = Federation::new().await;
        let client = federation.client(&federation.ours.issue(&federation.svid()).unwrap());
        let unproven = unproven(&federation.stand).await;
        let good = federation.stand.settings.token("app-orders", federation.stand.now());
        let who = Answer::of(federation.request(&client).bearer_auth(good)).await.ok();
        assert_eq!((&who["issuer"], &who["subject"]), (&json!("cluster"), &json!("app-orders")));
        for (header, reason) in [
            ("Bearer hunter2", "the token is malformed"),
            ("Basic YTpi", "does not read Bearer and a token"),
            ("Bearer", "does not read Bearer and a token"),
            ("", "does not read Bearer and a token"),
        ] {
            let answer = Answer::of(federation.request(&client).header("authorization", header)).await;
            assert_refused(&answer, &unproven, reason);
        }
        // A browser would show it for anybody's page.
        for (site, status) in [("same-origin", 200), ("none", 200), ("same-site", 401), ("cross-site", 401)] {
            let answer = Answer::of(federation.request(&client).header("sec-fetch-site", site)).await;
            assert_eq!(answer.status, status, "{site}");
        }
        // What a proxy says that it saw, anybody can say.
        let plain = Answer::of(
            federation
                .stand
                .request(Method::GET, "/v1/whoami")
                .header("x-forwarded-client-cert", "URI=spiffe://example.org/ns/shop/sa/web")
                .header("client-cert", ":MIIB:")
                .header("x-ssl-client-verify", "SUCCESS"),
        );
        assert_refused(
            &plain.await,
            &unproven,
            "there is no Authorization header, and no client certificate",
        );
        federation.stand.stop().await;
    });
}

#[test]
fn a_kind_that_the_issuer_does_not_accept_is_refused() {
    run(async {
        for (accepted, refused) in [("x509", "jwt"), ("jwt", "x509")] {
            let federation = Federation::with(|mesh| mesh["svid"] = json!([accepted])).await;
            let unproven = unproven(&federation.stand).await;
            let by_token = federation.stand.bearer(federation.token()).get("/v1/whoami").await;
            let by_certificate = federation.shows(&federation.ours.issue(&federation.svid()).unwrap()).await;
            let (good, bad) =
                if accepted == "jwt" { (by_token, by_certificate) } else { (by_certificate, by_token) };
            good.ok();
            assert_refused(&bad, &unproven, &format!("the issuer's `svid` does not have {refused}"));
            federation.stand.stop().await;
        }
    });
}

#[test]
fn no_bad_token_is_believed() {
    run(async {
        let federation = Federation::new().await;
        let unproven = unproven(&federation.stand).await;
        let identity = federation.stand.app.current.load().identity.clone();
        use devstack::Algorithm::{Es256, Es384, Ps256, Rs256};
        for algorithm in [Rs256, Ps256, Es256, Es384] {
            let claims = federation.claims().algorithm(algorithm);
            for bad in Bad::ALL {
                let token = federation.ours.keys().mint_bad(&claims, bad).unwrap();
                let proof = Secret::new(token.clone());
                let expected = match bad {
                    // Whose it is, its subject says.
                    Bad::NoIssuer | Bad::WrongIssuer => {
                        accepted(&identity, &proof).await;
                        continue;
                    }
                    Bad::AlgorithmOfOtherKey => "wrong_algorithm",
                    bad => reason(bad),
                };
                assert_eq!(refused(&identity, &proof).await.as_str(), expected, "{algorithm:?} {bad:?}");
                if !matches!(bad, Bad::Oversized | Bad::NestedGarbage) {
                    let answer = federation.stand.bearer(token).get("/v1/whoami").await;
                    assert_refused(&answer, &unproven, "");
                }
            }
        }
        assert_eq!(federation.ours.keys().attacker_requests(), 0);
        federation.stand.stop().await;
    });
}

#[test]
fn each_attack_with_a_well_formed_token_has_its_reason() {
    run(async {
        let federation = Federation::with(|mesh| mesh["paths"] = json!(["/ns/shop/*"])).await;
        let (ours, theirs, claims) = (federation.ours.keys(), federation.theirs.keys(), federation.claims());
        let unproven = unproven(&federation.stand).await;
        federation.stand.bearer(federation.token()).get("/v1/whoami").await.ok();
        let now = seconds(federation.stand.now());
        let about = |id: &str| Claims::of(id).without_issuer().now(now);
        let body = |id: &str| {
            json!({ "sub": id, "aud": ["dsn-broker"], "iat": now, "exp": now + 300 }).to_string().into_bytes()
        };
        let (id, es256) = (federation.ours.id(PATH), devstack::Algorithm::Es256);
        let our_key = federation.ours.bundle()["keys"][2]["kid"].clone();
        assert!(our_key.as_str().unwrap().starts_with("p256"), "{our_key}");
        let attacks = [
            ("another domain's key", theirs.mint(&claims), "publishes no key"),
            (
                "another domain's key under the name of ours",
                theirs.sign(es256, |header| drop(header.insert("kid".to_owned(), our_key)), &body(&id)),
                "the token's signature is wrong",
            ),
            ("of theirs by our key", ours.mint(&about(&federation.theirs.id(PATH))), "publishes no key"),
            (
                "of nobody",
                ours.mint(&about("spiffe://nobody.example/a")),
                "no issuer is configured for the trust domain",
            ),
            ("no path", ours.mint(&about("spiffe://example.org")), "it has no path"),
            (
                "a path that leads up",
                ours.mint(&about("spiffe://example.org/ns/shop/../x")),
                "its path has an empty part",
            ),
            (
                "not a SPIFFE ID",
                ours.mint(&about("example.org/ns/shop")),
                "the token is malformed: it has no iss",
            ),
            (
                "a path that is not let in",
                ours.mint(&about(&federation.ours.id("/ns/x"))),
                "not among the issuer's `paths`",
            ),
            (
                "for another audience",
                ours.mint(&claims.clone().audience(json!(["spiffe://example.org/other"]))),
                "the token's aud has none of the issuer's `audiences`",
            ),
            (
                "another kind of token",
                ours.sign(es256, |header| drop(header.insert("typ".to_owned(), json!("at+jwt"))), &body(&id)),
                "its typ is neither JWT nor JOSE",
            ),
            (
                "EdDSA, which the standard does not have",
                ours.mint(&claims.clone().algorithm(devstack::Algorithm::EdDsa)),
                "is not among the issuer's `algorithms`",
            ),
        ];
        for (name, token, reason) in attacks {
            let token = token.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_refused(&federation.stand.bearer(token).get("/v1/whoami").await, &unproven, reason);
        }
        for typ in ["JWT", "JOSE"] {
            let token =
                ours.sign(es256, |header| drop(header.insert("typ".to_owned(), json!(typ))), &body(&id));
            federation.stand.bearer(token.unwrap()).get("/v1/whoami").await.ok();
        }
        let none = ours.sign(es256, |header| drop(header.remove("typ")), &body(&id)).unwrap();
        federation.stand.bearer(none).get("/v1/whoami").await.ok();
        federation.stand.stop().await;
    });
}

#[test]
fn a_token_that_a_configured_issuer_signed_is_that_issuers_whatever_its_subject() {
    run(async {
        let federation = Federation::new().await;
        let claims = Claims::of(&federation.ours.id(PATH)).now(seconds(federation.stand.now()));
        let token = federation.stand.settings.world.oidc().mint(&claims).unwrap();
        let who = federation.stand.bearer(token).get("/v1/whoami").await.ok();
        assert_eq!((&who["issuer"], &who["roles"]), (&json!("cluster"), &json!([])));
        federation.stand.stop().await;
    });
}
