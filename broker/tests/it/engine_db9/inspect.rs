//! What is told of a database at DB9 and its roles.

use super::{Site, db9, settings};
use crate::cli::program::configured;
use crate::stand::run;
use serde_json::json;

#[test]
fn operators_see_what_is_there_and_what_is_missing() {
    run(async {
        let site = Site::with(|config| {
            config["roles"]["ninth-token"]["credential"]["username"] = "nobody".into();
        })
        .await;
        let shown = site.caller("operator").get("/v1/databases/ninth").await.ok();
        assert_eq!(shown["server"]["version"], "DB9, database \"orders\" in us-west");
        assert_eq!(
            shown["roles"]["ninth-user"]["can"],
            json!(["all that the role \"orders_ro\" was granted"])
        );
        assert_eq!(shown["roles"]["ninth-user"]["mistakes"], json!([]));
        let mistake = shown["roles"]["ninth-token"]["mistakes"][0].as_str().unwrap();
        assert!(
            mistake.starts_with("there is no user \"nobody\": CREATE ROLE \"nobody\" LOGIN;"),
            "{mistake}"
        );

        site.db9.set_state("CLONING");
        let shown = site.caller("operator").get("/v1/databases/ninth").await.ok();
        assert_eq!(shown["error"], "the database refused: the database is CLONING, not ACTIVE");
        let refused = site.try_dsn("ninth-token").await;
        assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (502, "engine-refused"));
        site.stop().await;
    });
}

#[test]
fn check_says_what_each_role_can_really_do() {
    run(async {
        let db9 = db9().await;
        let settings = settings(&db9, |config| {
            config["databases"]["ninth"]["db9"]["allow_admin"] = true.into();
            config["roles"]["ninth-token"]["credential"]["username"] = "admin".into();
        })
        .await;
        configured(&settings, &["migrate"]).await;
        let ended = configured(&settings, &["check", "--live"]).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        for said in [
            "database ninth\n  is there: DB9, database \"orders\" in us-west\n",
            " role ninth-user\n  can all that the role \"orders_ro\" was granted\n",
            "warning: the user \"admin\" is a superuser\n",
        ] {
            assert!(ended.stdout.contains(said), "{said}\n{}", ended.stdout);
        }
    });
}
