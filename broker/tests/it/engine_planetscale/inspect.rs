//! What operators are told.

use serde_json::json;

use super::{BRANCH, Scene};
use crate::stand::{Settings, run};

#[test]
fn databases_say_what_they_are_and_what_their_roles_may() {
    run(async {
        let scene = Scene::with(|config| {
            config["databases"]["shop"]["planetscale"]["allow_default_role"] = true.into();
            let spec = json!({ "kind": "dynamic_user", "member_of": ["postgres"] });
            config["roles"]["shop-request"]["credential"] = spec;
        })
        .await;
        let shop = scene.shown("shop").await;
        assert_eq!(shop["server"]["version"], "PlanetScale Postgres, production");
        let reader = &shop["roles"]["shop-reader"];
        assert_eq!(reader["can"], json!(["all that these roles can do: pg_read_all_data"]));
        assert_eq!((&reader["warnings"], &reader["mistakes"]), (&json!([]), &json!([])));
        let warnings = shop["roles"]["shop-request"]["warnings"].to_string();
        assert!(warnings.contains("the default role") && warnings.contains("successor"), "{warnings}");
        let store = scene.shown("store").await;
        assert_eq!(store["server"]["version"], "PlanetScale MySQL, production");
        assert_eq!(store["roles"]["store-reader"]["can"], json!(["select on all tables"]));
        assert!(store["roles"]["store-admin"]["warnings"].to_string().contains("readwriter"), "{store}");
        scene.end().await;
    });
}

#[test]
fn a_branch_that_does_not_fit_is_told_in_a_sentence() {
    run(async {
        let scene = Scene::start().await;
        let says = async |text: &str| {
            let shown = scene.shown("shop").await;
            assert!(shown["error"].as_str().is_some_and(|error| error.contains(text)), "{text}: {shown}");
        };
        scene.planetscale.set_branch("shop", "main", |branch| branch.state = "sleeping".to_owned());
        says("the branch is not ready yet: it is sleeping").await;
        scene.planetscale.set_branch("shop", "main", |branch| branch.state = "ready".to_owned());
        scene.planetscale.set_branch("shop", "main", |branch| branch.kind = "neki".to_owned());
        says("the branch is of the kind \"neki\", and not Postgres").await;
        scene.planetscale.set_branch("shop", "main", |branch| {
            branch.kind = "horizon".to_owned();
            branch.bouncers = vec!["other".to_owned()];
        });
        says("the branch has no bouncer \"reads\"; it has [other]").await;
        scene.planetscale.set_access(&scene.token, "read_branch", false);
        scene.planetscale.set_access(&scene.token, "connect_production_branch", false);
        says("it needs read_branch").await;
        assert!(!scene.asked("GET", BRANCH).is_empty());
        scene.end().await;
    });
}

#[test]
fn a_live_check_finds_what_the_token_lacks() {
    run(async {
        let (settings, planetscale, token) = super::settings().await;
        settings.migrate().await;
        settings.write();
        let check = async |settings: &Settings| settings.program(&["check", "--live"]).await;
        let good = check(&settings).await;
        assert!(
            good.stdout.contains("PlanetScale Postgres") && good.stdout.contains("PlanetScale MySQL"),
            "{good:?}"
        );
        for access in super::ACCESSES {
            planetscale.set_access(&token, access, false);
        }
        let bad = check(&settings).await;
        assert!(!bad.ok && format!("{bad:?}").contains("it needs read_branch"), "{bad:?}");
        assert!(!format!("{good:?}{bad:?}").contains(&token.secret));
    });
}
