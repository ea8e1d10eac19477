//! `dsn-broker check --live`

use serde_json::json;

use super::program::{Ended, configured, settings};
use crate::stand::mariadb::{add_shop, mariadb};
use crate::stand::{Settings, role, run};

async fn check(settings: &Settings) -> Ended {
    configured(settings, &["check", "--live"]).await
}

#[test]
fn it_says_what_each_role_can_really_do() {
    run(async {
        let settings = settings().await;
        configured(&settings, &["migrate"]).await;
        let ended = check(&settings).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        for said in [
            "database orders\n  is there: PostgreSQL ",
            " role orders-reader\n  can all that these roles can do: orders_ro\n  can schema app: select on 1 table\n",
            "ledger\n  is there: Postgres ",
            "0 mistakes, 0 warnings\n",
        ] {
            assert!(ended.stdout.contains(said), "{said}\n{}", ended.stdout);
        }
    });
}

#[test]
fn the_statement_that_it_names_lets_an_admin_create_roles() {
    run(async {
        let mut settings = settings().await;
        configured(&settings, &["migrate"]).await;
        let admin = format!("weak_{}", settings.target);
        let orders = settings.world.orders();
        orders.execute("postgres", &format!("create role {admin} login password 'weak'")).await.unwrap();
        let password = settings.secret("weak", "weak");
        settings.config["databases"]["orders"]["admin"] = json!({ "username": admin, "password": password });
        // Each look may find the next thing that is missing.
        let connect = format!("grant connect on database {} to {admin}", settings.target);
        orders.execute("postgres", &connect).await.unwrap();
        let first = check(&settings).await;
        assert_eq!(first.code, Some(1), "{first:?}");
        let createrole =
            format!("the broker's user may not create roles: ALTER ROLE \"{admin}\" CREATEROLE;");
        assert!(first.stdout.contains(&createrole), "{}", first.stdout);

        let statements = first.stdout.lines().filter(|line| line.contains("MISTAKE")).filter_map(|line| {
            let statement = line.rsplit_once(": ")?.1;
            statement.ends_with(';').then_some(statement)
        });
        let statements: std::collections::BTreeSet<_> = statements.collect();
        for statement in statements {
            orders.execute("postgres", statement).await.unwrap();
        }
        let second = check(&settings).await;
        assert_eq!(second.code, Some(0), "{}", second.stdout);
    });
}

#[test]
fn a_role_that_is_more_than_it_should_be_is_a_warning() {
    run(async {
        let mut settings = settings().await;
        configured(&settings, &["migrate"]).await;
        let (boss, group) = (format!("boss_{}", settings.target), format!("group_{}", settings.target));
        let make = format!(
            "create role {boss} superuser; create role {group}; grant {boss} to {group}; \
                            grant {group} to broker_admin with admin option"
        );
        settings.world.orders().execute("postgres", &make).await.unwrap();
        let mut powerful = role("workload");
        powerful["credential"]["member_of"] = json!([group]);
        settings.config["roles"] = json!({ "powerful": powerful });
        settings.config["bindings"][0]["roles"] = json!(["powerful"]);
        let ended = check(&settings).await;
        let said = format!("warning: it can act as \"{boss}\", which is a superuser");
        assert!(ended.stdout.contains(&said), "{}", ended.stdout);
    });
}

#[test]
fn what_is_not_there_is_a_mistake() {
    run(async {
        let mut settings = settings().await;
        settings.config["databases"]["orders"]["endpoints"]["primary"]["port"] = json!(1);
        let ended = check(&settings).await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        for said in ["has `dsn-broker migrate` been run?", "the database did not answer: "] {
            assert!(ended.stdout.contains(said), "{said}\n{}", ended.stdout);
        }
    });
}

#[test]
fn mariadb_says_what_each_role_can_really_do_and_what_is_weaker_is_said() {
    run(async {
        let mut settings = settings().await;
        configured(&settings, &["migrate"]).await;
        let credential = json!({ "kind": "dynamic_user", "member_of": ["shop_ro"] });
        add_shop(&mut settings, mariadb().await, "shop-reader", credential);
        settings.config["databases"]["shop"]["endpoints"]["beside"] = json!({
            "host": "db.example.com",
            "via": { "host": "127.0.0.1", "port": 15336, "plaintext": true },
        });
        settings.config["databases"]["shop"]["endpoints"]["legacy"] = json!({
            "host": "db.example.com",
            "tls": { "mode": "verify-ca", "because": "it has no name" },
        });
        let ended = check(&settings).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        for said in [
            "databases.shop.endpoints.beside.via.plaintext: no TLS between the clients and the proxy",
            "databases.shop.endpoints.legacy.tls.mode: weaker than verify-full, because: it has no name",
            "databases.shop.endpoints.primary.host: clients for MySQL that are written in C",
            "database shop\n  is there: MariaDB 10.",
            " role shop-reader\n  can select on shop.*\n",
            "0 mistakes, 0 warnings\n",
        ] {
            assert!(ended.stdout.contains(said), "{said}\n{}", ended.stdout);
        }
    });
}

#[test]
fn it_says_what_issuers_can_be_asked() {
    run(async {
        let mut settings = settings().await;
        configured(&settings, &["migrate"]).await;
        let cluster = devstack::Cluster::start(settings.world.ca()).await.unwrap();
        let domain = devstack::TrustDomain::new("example.org").await.unwrap();
        let bundle = settings.folder().join("bundle.json");
        domain.write_bundle(&bundle).unwrap();
        let token = settings.secret("pod-token", &cluster.broker_token())["file"].clone();
        settings.config["issuers"]["pods"] = json!({
            "kind": "kubernetes",
            "issuer": devstack::Cluster::ISSUER,
            "audiences": ["dsn-broker"],
            "jwks": { "url": format!("{}/openid/v1/jwks", cluster.url()) },
            "ca": settings.ca_path,
            "token_file": token,
            "token_review": { "url": cluster.url(), "token_file": token },
        });
        settings.config["issuers"]["mesh"] = json!({
            "kind": "spiffe", "trust_domain": "example.org", "bundle": { "file": bundle }, "audiences": ["dsn-broker"],
        });
        let ended = check(&settings).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        for said in ["issuer pods\n  has 4 keys\n  can review tokens\n", "issuer mesh\n  has 5 keys\n"] {
            assert!(ended.stdout.contains(said), "{said}\n{}", ended.stdout);
        }
        cluster.set_reviews(devstack::Reviews::Forbidden);
        let ended = check(&settings).await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(
            ended.stdout.contains("bind its service account to the ClusterRole `system:auth-delegator`"),
            "{ended:?}"
        );
    });
}
