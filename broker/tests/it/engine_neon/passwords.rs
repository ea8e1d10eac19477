//! Passwords: what Neon takes, what of them can be seen, and that of the broker's own user.

use sqlx::{Connection as _, PgConnection};

use super::{Site, neon, settings};
use crate::stand::{Stand, lets_in, log, psql, run, text};

#[test]
fn a_password_is_in_no_statement_that_others_see() {
    run(async {
        let site = Site::start().await;
        let answer = site.dsn("neon-request").await;
        let password = text(&answer["parameters"], "password");
        assert!(lets_in(text(&answer, "dsn")).await);
        // Ours is the superuser's.
        for view in ["pg_stat_statements", "pg_stat_activity where usename <> 'postgres'"] {
            let seen = format!("select count(*) filter (where strpos(query, '{password}') > 0) from {view}");
            assert_eq!(site.see(&seen).await, "0", "{view}");
        }
        let there = "select count(*) > 0 from pg_stat_statements where query like 'DO %CREATE ROLE%'";
        assert_eq!(site.see(there).await, "t", "it would be seen there");
        assert!(!site.neon.postgres().log().contains(password));
        let kept = "select left(rolpassword, 14) from pg_authid where rolname like 'dsn\\_%'";
        assert_eq!(site.see(kept).await, "SCRAM-SHA-256$");
        site.stop().await;
    });
}

#[test]
fn neon_takes_good_passwords_alone_and_no_verifiers() {
    run(async {
        let neon = neon().await;
        let (port, ca) = (neon.edge().port(), neon.postgres().ca_path().display());
        let password = neon.owner_password();
        let url = format!(
            "postgresql://neondb_owner:{password}@localhost:{port}/neondb?sslmode=verify-full&sslrootcert={ca}"
        );
        for (statement, refusal) in [
            ("create role x login password 'SCRAM-SHA-256$4096:c2FsdA==$aaaa:bbbb'", "plaintext passwords"),
            ("create role x login password 'hunter2'", "insecure password"),
        ] {
            let said = psql(&url, statement).await;
            assert!(!said.ok && said.stderr.contains(refusal), "{said:?}");
        }
        let mut session = PgConnection::connect(&url).await.unwrap();
        let set = "select set_config('a.b', $1, false)";
        let bound =
            sqlx::query(set).bind("SCRAM-SHA-256$4096:c2FsdA==$aaaa:bbbb").execute(&mut session).await;
        let refusal = bound.unwrap_err().to_string();
        assert!(refusal.contains("Neon only supports being given plaintext passwords"), "{refusal}");
        sqlx::query(set).bind("anything else").execute(&mut session).await.unwrap();
        neon.postgres().end().await.unwrap();
    });
}

#[test]
fn the_brokers_own_password_is_asked_for_once_and_again_when_it_was_reset() {
    run(async {
        let site = Site::start().await;
        site.dsn("neon-request").await;
        site.dsn("neon-request").await;
        assert_eq!(site.asked("/reveal_password"), 1);
        site.neon.reset_password().await.unwrap();
        crate::stand::record::secret(&site.neon.owner_password());
        site.see("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'neondb_owner'")
            .await;
        assert!(lets_in(text(&site.dsn("neon-request").await, "dsn")).await);
        assert_eq!(site.asked("/reveal_password"), 2);
        site.stop().await;
    });
}

#[test]
fn a_project_that_keeps_no_passwords_needs_one_in_the_configuration() {
    run(async {
        let neon = neon().await;
        neon.set_stores_passwords(false);
        let mut settings = settings(&neon, |_| {}).await;
        let password = settings.secret("neon-admin", &neon.owner_password());
        let site = Site { stand: Stand::on(settings).await, neon };
        assert_eq!(site.try_dsn("neon-request").await.told(), (502, "engine-refused".to_owned()));
        assert!(log::text().contains("then say the password of \\\"neondb_owner\\\" with `admin.password`"));
        let Site { stand, neon } = site;
        settings = stand.stop().await;
        settings.config["databases"]["neon"]["admin"]["password"] = password;
        let site = Site { stand: Stand::again(settings).await, neon };
        assert!(lets_in(text(&site.dsn("neon-request").await, "dsn")).await);
        site.stop().await;
    });
}
