//! What is told of a branch and its roles, and of what is missing there.

use serde_json::json;

use super::{Site, neon, settings};
use crate::cli::program::configured;
use crate::stand::run;

#[test]
fn check_says_what_each_role_can_really_do() {
    run(async {
        let neon = neon().await;
        let settings = settings(&neon, |_| {}).await;
        configured(&settings, &["migrate"]).await;
        let ended = configured(&settings, &["check", "--live"]).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        for said in [
            "database neon\n  is there: PostgreSQL ",
            ", at Neon, branch main (br-bold-sun-a1b2c3d4) of project orders (still-lake-12345678)\n",
            " role neon-reader\n  can all that these roles can do: orders_ro\n  can schema app: select on 1 table\n",
        ] {
            assert!(ended.stdout.contains(said), "{said}\n{}", ended.stdout);
        }
    });
}

#[test]
fn what_is_not_found_or_not_one_is_told_with_what_there_is() {
    run(async {
        let site = Site::with(|config| {
            config["databases"]["neon"]["neon"]["branch"] = "dev".into();
            config["databases"]["neon"]["endpoints"]["replica"] = json!({});
        })
        .await;
        let error = async || {
            let shown = site.caller("operator").get("/v1/databases/neon").await.ok();
            shown["error"].as_str().unwrap().to_owned()
        };
        assert_eq!(
            error().await,
            "the database refused: endpoint replica: branch dev (br-calm-sea-e5f6a7b8) of project orders \
             (still-lake-12345678) has no compute of the type read_only"
        );
        site.neon.add_branch("br-late-frost-c9d0e1f2", "dev");
        let several = "several are called \"dev\": say which branch by its id: dev (br-calm-sea-e5f6a7b8), \
                       dev (br-late-frost-c9d0e1f2)";
        // The sweep may have asked a moment before, and what it heard is believed once more.
        site.until(|| async {
            let error = error().await;
            if error.ends_with(several) { Ok(()) } else { Err(error) }
        })
        .await;
        site.stop().await;
    });
}

#[test]
fn an_unknown_project_is_told_with_those_there_are() {
    run(async {
        let site = Site::with(|config| config["databases"]["neon"]["neon"]["project"] = "order".into()).await;
        let shown = site.caller("operator").get("/v1/databases/neon").await.ok();
        assert_eq!(
            shown["error"],
            "the database refused: there is no project \"order\"; there are orders (still-lake-12345678), \
             orders-old (other-field-87654321)"
        );
        site.stop().await;
    });
}

#[test]
fn the_broker_itself_never_goes_through_the_pooler() {
    run(async {
        let neon = neon().await;
        let settings = settings(&neon, |config| {
            config["databases"]["neon"]["endpoints"]["pooled"] = json!({});
            config["databases"]["neon"]["admin"]["endpoint"] = "pooled".into();
        })
        .await;
        let ended = configured(&settings, &["check", "--live"]).await;
        assert_eq!(ended.code, Some(1));
        let message =
            "the endpoint \"pooled\" is not a direct way to the primary: name one with `admin.endpoint`";
        assert!(ended.stderr.contains(message), "{ended:?}");
    });
}
