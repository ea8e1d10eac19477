//! Without its source of keys, who has a token of a known key is served on.

use std::time::Duration;

use devstack::{Claims, Health, Oidc};
use dsn_broker::time::{Clock, SystemClock};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

use super::USUAL;
use crate::stand::{Load, Process, Settings, run, seconds, unique, until, world};

#[test]
fn while_the_source_of_keys_is_away_known_keys_let_in_and_new_ones_do_once_it_is_back() {
    run(async {
        let world = world().await;
        let oidc = Oidc::start(world.ca()).await.unwrap();
        let mut settings = Settings::new(world, &unique()).await;
        let issuer = &mut settings.config["issuers"]["cluster"];
        issuer["issuer"] = json!(oidc.issuer());
        // Every token is verified again each second, with keys that are stale by then.
        (issuer["refresh_every"], issuer["cool_down"]) = (json!("1s"), json!("1s"));
        let process = Process::ready(settings).await;
        let mint = |subject: &str| {
            let claims = Claims::of(subject).now(seconds(SystemClock.now())).lifetime(LIFE);
            oidc.mint(&claims).unwrap()
        };
        let whoami = async |proof: &str| process.call(Method::GET, "/v1/whoami", proof).await.unwrap();
        let load = Load::proven(&[&process], &USUAL, mint).await;
        let mut fetches = oidc.jwks_requests();
        for health in [Health::Unavailable, Health::Hanging, Health::Garbage] {
            oidc.set_health(health);
            oidc.rotate().await.unwrap();
            let from = process.lines();
            let newcomers: Vec<_> = (0..20).map(|number| mint(&format!("app-new-{number}"))).collect();
            for answer in join_all(newcomers.iter().map(|proof| whoami(proof))).await {
                assert_eq!(answer.problem(), "unauthenticated", "{health:?}: {}", answer.text);
            }
            let told = |line: &serde_json::Value| line["old_keys_in_use"] == true;
            process.said(from, told).await;
            load.until(4, "meanwhile", |noted| noted.is_served()).await;
            oidc.set_health(Health::Up);
            until(async || whoami(&newcomers[0]).await.status == 200).await;
            assert!(oidc.jwks_requests() > fetches);
            fetches = oidc.jwks_requests();
        }
        for noted in load.end().await {
            assert!(noted.is_served() && noted.took() < Duration::from_secs(3), "{noted:?}");
        }
        let (settings, _) = process.stop().await;
        assert_eq!(settings.flaws().await, [""; 0]);
    });
}

const LIFE: Duration = Duration::from_secs(3600);
