//! Databases and their branches.

use serde_json::{Value, json};

/// Which kind a database is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Postgres,
    Mysql,
}

/// A branch.
#[derive(Clone, Debug)]
pub struct Branch {
    pub(super) database: &'static str,
    pub(super) name: &'static str,
    pub(super) id: &'static str,
    pub(super) engine: Kind,
    /// What the API calls its kind.
    pub kind: String,
    /// `ready`, `sleeping`, …
    pub state: String,
    /// Whether credentials can be made.
    pub ready: bool,
    /// Whether a token needs the accesses for production.
    pub production: bool,
    /// The names of its dedicated bouncers.
    pub bouncers: Vec<String>,
}

pub(super) fn all() -> Vec<Branch> {
    let branch = |database, engine, name, id| {
        let kind = if engine == Kind::Postgres { "postgresql" } else { "mysql" };
        let ready = name != "young";
        Branch {
            database,
            name,
            id,
            engine,
            kind: kind.to_owned(),
            state: if ready { "ready" } else { "pending" }.to_owned(),
            ready,
            production: name == "main",
            bouncers: vec!["reads".to_owned()],
        }
    };
    vec![
        branch("shop", Kind::Postgres, "main", "ecrmjy2f4a5o"),
        branch("shop", Kind::Postgres, "dev", "4rwwvrxk2o99"),
        branch("shop", Kind::Postgres, "young", "jxsungtbhk3g"),
        branch("store", Kind::Mysql, "main", "qm4l2hy0w8ec"),
        branch("store", Kind::Mysql, "dev", "x7f0c3d9s1ab"),
        branch("store", Kind::Mysql, "young", "b0n5k8t2v6zz"),
    ]
}

impl Branch {
    /// Names and identifiers both stand in paths.
    pub(super) fn is(&self, database: &str, branch: &str) -> bool {
        self.database == database && (self.name == branch || self.id == branch)
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "type": "Branch", "id": self.id, "name": self.name, "kind": self.kind, "state": self.state,
            "ready": self.ready, "schema_ready": self.ready, "production": self.production,
            "safe_migrations": false, "has_replicas": true, "has_read_only_replicas": false, "sharded": false,
            "created_at": "2026-01-14T10:19:23.000Z", "updated_at": "2026-01-14T10:19:23.000Z", "deleted_at": null,
            "region": { "type": "Region", "slug": "us-east", "provider": "AWS" },
        })
    }

    pub(super) fn bouncers(&self) -> Vec<Value> {
        let bouncer = |name: &String| json!({ "id": format!("b{name}"), "name": name, "target": "replica" });
        self.bouncers.iter().map(bouncer).collect()
    }
}
