//! What differs between the two kinds of database.

/// Which of the two kinds a branch is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Product {
    /// Postgres: credentials are roles.
    Postgres,
    /// MySQL (Vitess): credentials are passwords.
    Mysql,
}

/// What is done with a credential, as far as the permissions of a token are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// Looking at the branch.
    Look,
    /// Listing credentials.
    List,
    /// Making or renewing one.
    Make,
    /// Removing one.
    Remove,
}

impl Product {
    /// What a credential is called.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Postgres => "role",
            Self::Mysql => "password",
        }
    }

    /// The last part of their path.
    pub(super) fn segment(self) -> &'static str {
        match self {
            Self::Postgres => "roles",
            Self::Mysql => "passwords",
        }
    }

    /// What a branch of this kind calls its kind; `horizon` is what Postgres was called at first.
    pub(super) fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &["postgresql", "horizon"],
            Self::Mysql => &["mysql"],
        }
    }

    /// How people call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Postgres => "Postgres",
            Self::Mysql => "MySQL",
        }
    }

    /// The accesses of a service token of which one is enough; production branches need one with `production` in its
    /// name (the operations of the OpenAPI document; the reference of service tokens does not list all of them).
    pub(super) fn accesses(self, deed: Deed) -> &'static str {
        match (deed, self) {
            (Deed::Look | Deed::List, _) => "read_branch, connect_branch or connect_production_branch",
            (Deed::Make, Self::Postgres) => {
                "create_branch_password, create_production_branch_password or \
                 create_production_read_only_branch_password"
            }
            (Deed::Make, Self::Mysql) => {
                "connect_branch, connect_production_branch or connect_production_read_only_branch"
            }
            (Deed::Remove, _) => {
                "delete_branch_password, delete_production_branch_password or \
                 delete_production_read_only_branch_password"
            }
        }
    }
}
