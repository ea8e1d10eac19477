//! The ways into a branch, by the names that the API tells: with these in place of a name server's.

use devstack::{Neon, Way};
use serde_json::json;

use super::{neon, settings};
use crate::stand::{Hosts, Process, psql_with, run, text};

/// Who is asked, and whether it can write.
const WHO: &str = "select current_database() || ' ' || current_setting('transaction_read_only')";

#[test]
fn each_endpoint_leads_where_the_api_says() {
    run(async {
        let (neon, names) = (neon().await, Hosts::new(&Neon::hosts()));
        let port = neon.edge().port();
        let settings = settings(&neon, |config| {
            config["databases"]["neon"]["endpoints"] = json!({
                "primary": { "port": port }, "pooled": { "port": port }, "replica": { "port": port },
                "reports": { "port": port, "kind": "replica", "compute": "ep-quiet-river-b2c3d4e5" },
            });
            config["roles"]["neon-reader"]["credential"]["member_of"] = json!(["orders_rw"]);
        })
        .await;
        settings.migrate().await;
        let process = Process::again(settings, &names.environment()).await;
        let ask = async |query: &str| {
            process.get("app-orders", &format!("{}{query}", process.dsn("neon-reader"))).await.ok()
        };
        for (endpoint, way, expected) in [
            ("primary", Way::Primary, "neondb off"),
            ("pooled", Way::Pooled, "neondb off"),
            ("replica", Way::Replica, "neondb on"),
            ("reports", Way::Replica, "neondb on"),
        ] {
            let answer = ask(&format!("&endpoint={endpoint}")).await;
            let dsn = text(&answer, "dsn");
            assert_eq!(answer["parameters"]["host"], Neon::host(way));
            assert_eq!(dsn.contains("channel_binding=require"), way != Way::Pooled, "{endpoint}");
            let said = psql_with(&names.environment(), dsn, WHO).await;
            assert_eq!(said.stdout, expected, "{endpoint} {said:?}");
            let writes = psql_with(&names.environment(), dsn, "insert into app.orders values (3)").await;
            assert_eq!(writes.ok, !expected.ends_with("on"), "{endpoint} {writes:?}");
        }
        for (format, says) in [("keyword", true), ("env", true), ("dotenv", false), ("json", true)] {
            let answer = ask(&format!("&format={format}")).await;
            assert_eq!(text(&answer, "dsn").to_lowercase().contains("channel"), says, "{format}");
            let enforced = if says { "enforced" } else { "none" };
            assert_eq!(answer["capabilities"]["channel_binding"], enforced, "{format}");
        }
        let dotenv = text(&ask("&format=dotenv").await, "dsn").to_owned();
        let uri = dotenv.trim_end().strip_prefix("DATABASE_URL='").unwrap().strip_suffix('\'').unwrap();
        assert_eq!(psql_with(&names.environment(), uri, WHO).await.stdout, "neondb off");
        process.stop().await;
        neon.postgres().end().await.unwrap();
    });
}

#[test]
fn the_pooler_takes_no_settings_at_the_start_and_those_of_the_user_hold() {
    run(async {
        let (neon, names) = (neon().await, Hosts::new(&Neon::hosts()));
        let port = neon.edge().port();
        let settings = settings(&neon, |config| {
            config["databases"]["neon"]["endpoints"] =
                json!({ "primary": { "port": port }, "pooled": { "port": port } });
        })
        .await;
        settings.migrate().await;
        let process = Process::again(settings, &names.environment()).await;
        let path = format!("{}&endpoint=pooled", process.dsn("neon-reader"));
        let answer = process.get("app-orders", &path).await.ok();
        let dsn = text(&answer, "dsn");
        assert_eq!(psql_with(&names.environment(), dsn, "show work_mem").await.stdout, "1MB");
        let refused =
            psql_with(&names.environment(), &format!("{dsn}&options=-csearch_path%3Dapp"), "select 1").await;
        assert!(refused.stderr.contains("unsupported startup parameter: options"), "{refused:?}");
        process.stop().await;
        neon.postgres().end().await.unwrap();
    });
}
