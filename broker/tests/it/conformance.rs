//! What every engine keeps, for each kind of credential that it makes: one suite, and a row for each.
//!
//! A row names what stands for the engine ([`Subject`]), the kind of credential, and which groups of cases there are
//! for it besides those that there are for all. What a kind cannot do is data (`kind.rs`): then the suite sees that it
//! is refused, or that it stays as it is.

mod cases;
mod db9;
mod kind;
mod mysql;
mod neon;
mod odd;
mod planetscale;
mod postgres;
mod rds;
mod rds_mysql;
mod scene;
mod session;
mod subject;

use dsn_broker::model::CredentialKind::{ConnectToken, DynamicUser, RotatedPassword};

use self::session::Session;
use self::subject::{Calls, Subject, Words};
use crate::stand::run;

/// Tests by the names of row and case.
macro_rules! rows {
    ($($row:ident: $subject:ty, $kind:ident, [$($group:ident),*];)*) => {
        $(mod $row {
            use super::*;

            rows!(@all $subject, $kind);
            $(rows!(@$group $subject, $kind);)*
        })*
    };
    (@all $subject:ty, $kind:ident) => {
        rows!(@cases $subject, $kind:
            use_of::a_dsn_lets_in_and_into_no_more_than_its_role_may,
            use_of::two_who_share_have_one_credential_that_was_made_once,
            use_of::the_next_one_overlaps_with_the_one_before,
            use_of::it_is_renewed_or_says_that_it_cannot_be,
            end_of::revoked_it_ends_with_its_sessions,
            end_of::expired_it_lets_in_nobody,
            end_of::what_no_lease_accounts_for_is_swept_and_nothing_else,
            crash::at_each_step_of_its_making,
            crash::at_each_step_of_its_end,
            outage::others_are_served_and_it_heals_by_itself,
        );
    };
    (@api $subject:ty, $kind:ident) => {
        rows!(@cases $subject, $kind:
            api::what_goes_wrong_while_it_is_made_leaves_nothing,
            api::what_goes_wrong_while_it_ends_is_made_good,
            api::what_is_slow_is_waited_for,
        );
    };
    (@odd_names $subject:ty, $kind:ident) => {
        rows!(@cases $subject, $kind: odd::names_and_passwords_with_quotes_are_what_they_are,);
    };
    (@cases $subject:ty, $kind:ident: $($file:ident::$case:ident,)*) => {
        $(
            #[test]
            fn $case() {
                run(cases::$file::$case::<$subject>($kind));
            }
        )*
    };
}

rows! {
    postgres_dynamic_user: postgres::Own, DynamicUser, [odd_names];
    postgres_rotated_password: postgres::Own, RotatedPassword, [odd_names];
    mysql_dynamic_user: mysql::Own, DynamicUser, [odd_names];
    mysql_rotated_password: mysql::Own, RotatedPassword, [odd_names];
    planetscale_postgres_dynamic_user: planetscale::Shop, DynamicUser, [api];
    planetscale_mysql_dynamic_user: planetscale::Store, DynamicUser, [api];
    planetscale_postgres_rotated_password: planetscale::Shop, RotatedPassword, [api];
    planetscale_mysql_rotated_password: planetscale::Store, RotatedPassword, [api];
    neon_dynamic_user: neon::Branch, DynamicUser, [api, odd_names];
    neon_rotated_password: neon::Branch, RotatedPassword, [api, odd_names];
    db9_dynamic_user: db9::Tenant, DynamicUser, [api, odd_names];
    db9_rotated_password: db9::Tenant, RotatedPassword, [api, odd_names];
    db9_connect_token: db9::Tenant, ConnectToken, [api, odd_names];
    rds_connect_token: rds::Cluster<false>, ConnectToken, [];
    rds_dynamic_user: rds::Cluster<true>, DynamicUser, [];
    rds_mysql_connect_token: rds_mysql::Cluster, ConnectToken, [];
}
