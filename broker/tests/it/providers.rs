//! What `devstack up --with …` and the demo offer, through the front door.

use devstack::{Provided, Provider};

use crate::stand::mariadb::mariadb_client;
use crate::stand::{Settings, Stand, psql, run, unique, world};

const QUERY: &str = "select count(*) > 0 from orders";

/// Every role there is used for what it is for, by a driver that verifies the server.
async fn offers(provider: Provider, roles: &[&str]) {
    let mut settings = Settings::new(world().await, &unique()).await;
    let provided: Provided = provider.start(world().await, settings.folder()).await.unwrap();
    assert_eq!(provided.roles.keys().collect::<Vec<_>>(), roles);
    let config = &mut settings.config;
    config["databases"].as_object_mut().unwrap().extend(provided.databases.clone());
    config["roles"].as_object_mut().unwrap().extend(provided.roles.clone());
    config["bindings"][0]["roles"].as_array_mut().unwrap().extend(roles.iter().map(|role| (*role).into()));
    let stand = Stand::on(settings).await;
    let caller = stand.caller("app-orders");
    for role in roles {
        let answer = caller.dsn(role).await;
        let said = if answer["engine"].as_str().unwrap().ends_with("mysql") {
            let path = format!("{}&format=my-cnf", caller.dsn_path(role));
            let file = caller.get_as(&path, "text/plain").await.text;
            assert!(file.contains("ssl-verify-server-cert=1"), "{file}");
            mariadb_client(&file, QUERY).await
        } else {
            let dsn = answer["dsn"].as_str().unwrap();
            assert!(dsn.contains("sslmode=verify-full"), "{dsn}");
            psql(dsn, QUERY).await
        };
        assert!(["1", "t"].contains(&said.stdout.as_str()), "{role}: {said:?}");
    }
    stand.stop().await;
    provided.end().await.unwrap();
}

#[test]
fn planetscale_is_offered() {
    run(offers(
        Provider::Planetscale,
        &[
            "planetscale-postgres-user",
            "planetscale-mysql-user",
            "planetscale-postgres-pair",
            "planetscale-mysql-pair",
        ],
    ));
}

#[test]
fn neon_is_offered() {
    run(offers(Provider::Neon, &["neon-user", "neon-pair"]));
}

#[test]
fn db9_is_offered() {
    run(offers(Provider::Db9, &["db9-user", "db9-pair", "db9-token"]));
}

#[test]
fn rds_is_offered() {
    run(offers(Provider::Rds, &["rds-user", "rds-pair", "rds-token"]));
}

#[test]
fn mariadb_is_offered() {
    run(offers(Provider::Mysql, &["mysql-user", "mysql-pair"]));
}
