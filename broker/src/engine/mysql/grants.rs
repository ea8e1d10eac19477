//! What `SHOW GRANTS` says, as far as it matters.

use sqlx::mysql::MySqlRow;

use crate::engine::mysql::connections;
use crate::engine::mysql::failure::Failure;

/// The lines of `SHOW GRANTS`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Grants {
    pub(super) privileges: Vec<Grant>,
    /// Of roles.
    memberships: Vec<String>,
}

/// `GRANT SELECT, INSERT ON …`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Grant {
    /// In capitals.
    pub(super) can: Vec<String>,
    /// Without quotes: `*.*`, `orders.*`, `orders.customers`.
    pub(super) on: String,
    /// Whether they may be passed on.
    pub(super) option: bool,
}

impl Grants {
    /// What the rows say.
    pub(super) fn of(rows: &[MySqlRow]) -> Result<Self, Failure> {
        Ok(Self::read(&rows.iter().map(connections::text).collect::<Result<Vec<_>, _>>()?))
    }

    /// What is not understood is left out: a line of `SET DEFAULT ROLE`, for example.
    pub(super) fn read(lines: &[String]) -> Self {
        let mut grants = Self::default();
        for line in lines {
            let Some((before, _)) = line.split_once(" TO ") else { continue };
            let Some(what) = before.strip_prefix("GRANT ") else { continue };
            match what.split_once(" ON ") {
                None => grants.memberships.push(line.clone()),
                Some((can, on)) => grants.privileges.push(Grant {
                    can: can.split(", ").map(|one| one.trim().to_uppercase()).collect(),
                    on: on.trim().replace(['`', '\\'], ""),
                    option: line.contains("WITH GRANT OPTION"),
                }),
            }
        }
        grants
    }

    /// The roles, as they are written.
    pub(super) fn roles(&self) -> impl Iterator<Item = &str> {
        self.memberships.iter().filter_map(|line| line.strip_prefix("GRANT ")?.split(" TO ").next())
    }

    /// Whether one of them is this, everywhere.
    pub(super) fn everywhere(&self, privilege: &str) -> bool {
        self.privileges.iter().any(|grant| grant.on == "*.*" && grant.has(privilege))
    }

    /// Whether this procedure (`mysql.…`) may be called.
    pub(super) fn may_execute(&self, procedure: &str) -> bool {
        let places = ["*.*", "mysql.*", &format!("PROCEDURE {procedure}")];
        self.privileges.iter().any(|grant| places.contains(&grant.on.as_str()) && grant.has("EXECUTE"))
    }

    /// Whether this may be passed on there.
    pub(super) fn may_grant(&self, privilege: &str, on: &str) -> bool {
        let database = on.split_once('.').map(|(database, _)| format!("{database}.*"));
        let covers =
            |grant: &Grant| grant.on == "*.*" || grant.on == on || Some(&grant.on) == database.as_ref();
        self.privileges.iter().any(|grant| grant.option && covers(grant) && grant.has(privilege))
    }

    /// Whether this role may be passed on.
    pub(super) fn may_grant_role(&self, role: &str) -> bool {
        let name = format!("`{}`", role.replace('`', "``"));
        let told = |line: &&String| {
            let roles = line.split_once(" TO ").map_or("", |(roles, _)| roles);
            roles.contains(&name) && line.contains("WITH ADMIN OPTION")
        };
        self.memberships.iter().find(told).is_some()
    }
}

impl Grant {
    /// Whether it is this, by name or with all others.
    pub(super) fn has(&self, privilege: &str) -> bool {
        self.can.iter().any(|can| can == privilege || can.starts_with("ALL PRIVILEGES"))
    }

    /// Whether it lets one do anything.
    pub(super) fn says_something(&self) -> bool {
        self.can != ["USAGE"]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Grants {
        Grants::read(&lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn both_flavours_are_understood() {
        let grants = read(&[
            "GRANT `orders_ro` TO `adm`@`%` WITH ADMIN OPTION",
            "GRANT PROCESS, CREATE USER, CONNECTION ADMIN ON *.* TO `adm`@`%` IDENTIFIED BY PASSWORD '*B6'",
            r"GRANT SELECT, SHOW VIEW ON `my\_db`.* TO `adm`@`%` WITH GRANT OPTION",
            "GRANT INSERT ON `my_db`.`a` TO `adm`@`%` WITH GRANT OPTION",
            "GRANT `a`@`%`,`b`@`%` TO `adm`@`%` WITH ADMIN OPTION",
            "GRANT `c`@`%` TO `adm`@`%`",
            "SET DEFAULT ROLE `orders_ro` FOR `u1`@`%`",
            "GRANT EXECUTE ON PROCEDURE `mysql`.`rds_kill` TO `adm`@`%`",
        ]);
        assert_eq!(grants.roles().collect::<Vec<_>>(), ["`orders_ro`", "`a`@`%`,`b`@`%`", "`c`@`%`"]);
        assert!(grants.may_execute("mysql.rds_kill") && !grants.may_execute("mysql.rds_kill_query"));
        assert!(grants.everywhere("CREATE USER") && !grants.everywhere("SUPER"));
        assert!(grants.may_grant("SELECT", "my_db.*") && grants.may_grant("SHOW VIEW", "my_db.x"));
        assert!(grants.may_grant("INSERT", "my_db.a") && !grants.may_grant("INSERT", "my_db.*"));
        assert!(grants.may_grant_role("orders_ro") && grants.may_grant_role("b"));
        assert!(!grants.may_grant_role("c") && !grants.may_grant_role("adm"));
    }

    #[test]
    fn all_privileges_are_each_of_them() {
        let grants = read(&["GRANT ALL PRIVILEGES ON *.* TO `root`@`%` WITH GRANT OPTION"]);
        assert!(grants.everywhere("CREATE USER") && grants.may_grant("SELECT", "a.b"));
    }
}
