//! A user per lease.

use super::Site;
use crate::stand::{psql, run, text};

#[test]
fn a_user_has_its_settings_and_an_end_of_its_own() {
    run(async {
        let site = Site::start().await;
        let answer = site.dsn("neon-reader").await;
        let said = psql(text(&answer, "dsn"), "show work_mem").await;
        assert_eq!(said.stdout, "1MB", "{said:?}");
        let until = "select rolvaliduntil between now() + interval '58m' and now() + interval '62m' \
                       from pg_roles where rolname like 'dsn\\_%'";
        assert_eq!(site.see(until).await, "t");
        site.stop().await;
    });
}
