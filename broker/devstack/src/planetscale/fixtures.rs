//! What is in the databases.

use crate::{MariaDb, Postgres};

/// The role that stands for PlanetScale's `postgres`: no superuser, but in the groups that it hands out.
pub(super) const DEFAULT_ROLE: &str = "pscale_postgres";

pub(super) async fn postgres(server: &Postgres) -> anyhow::Result<()> {
    let roles = format!(
        "create role {DEFAULT_ROLE} nologin createdb createrole; \
         grant pg_read_all_data, pg_write_all_data, pg_monitor to {DEFAULT_ROLE} with admin option; \
         create database shop owner {DEFAULT_ROLE};"
    );
    server.execute("postgres", &roles).await?;
    let tables = format!(
        "grant create on schema public to {DEFAULT_ROLE}; \
         create table orders (id int); alter table orders owner to {DEFAULT_ROLE}; insert into orders values (1);"
    );
    server.execute("shop", &tables).await
}

/// The replica is a database of its own, as what a query returns has to tell the two apart.
pub(super) async fn mariadb(server: &MariaDb) -> anyhow::Result<()> {
    let mut sql = String::new();
    for database in [PRIMARY, REPLICA] {
        sql += &format!(
            "create database {database}; create table {database}.orders (id int primary key); \
             insert into {database}.orders values (1);"
        );
    }
    server.execute("", &sql).await
}

/// Where the MySQL database is, on its server.
pub(super) const PRIMARY: &str = "store";
/// … and its replica.
pub(super) const REPLICA: &str = "store_replica";
