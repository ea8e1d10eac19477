//! What can be known of a branch and of what roles may do there.

use futures_util::future::BoxFuture;

use crate::config::{Access, CredentialSpec, DynamicUser};
use crate::engine::planetscale::{PlanetScale, Product};
use crate::engine::{EngineError, Inspection, RoleInfo, ServerInfo};

impl Inspection for PlanetScale {
    fn server(&self) -> BoxFuture<'_, Result<ServerInfo, EngineError>> {
        self.bounded(async move {
            let branch = self.branch.state().await?;
            let refused = |what: String| {
                Err(EngineError::Refused { detail: format!("{}: {what}", self.branch.place()) })
            };
            let (name, kinds) = (self.product.name(), self.product.kinds());
            if !kinds.contains(&branch.kind.as_str()) {
                return refused(format!("the branch is of the kind {:?}, and not {name}", branch.kind));
            }
            let state = branch.state.unwrap_or_else(|| "ready".to_owned());
            if state != "ready" || branch.ready == Some(false) {
                return refused(format!("the branch is not ready yet: it is {state}"));
            }
            self.bouncers_are_there().await?;
            let production = if branch.production == Some(true) { ", production" } else { "" };
            Ok(ServerInfo { version: format!("PlanetScale {name}{production}") })
        })
    }

    fn role<'a>(&'a self, spec: &'a CredentialSpec) -> BoxFuture<'a, Result<RoleInfo, EngineError>> {
        self.bounded(async move {
            let CredentialSpec::DynamicUser(spec) = spec else { return Ok(RoleInfo::default()) };
            let mut info = match self.product {
                Product::Postgres => postgres(spec),
                Product::Mysql => mysql(spec),
            };
            // Whether it may make and remove is seen only when it does; whether it finds what it made, now.
            match self.branch.search(NOBODY).await {
                Ok(_) => {}
                Err(EngineError::Refused { detail }) => info.mistakes.push(detail),
                Err(other) => return Err(other),
            }
            Ok(info)
        })
    }
}

impl PlanetScale {
    /// Endpoints may name dedicated bouncers: they have to be there.
    async fn bouncers_are_there(&self) -> Result<(), EngineError> {
        let wanted: Vec<_> =
            self.endpoints.values().filter_map(|endpoint| endpoint.bouncer.as_deref()).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let there = self.branch.bouncers().await?;
        match wanted.iter().find(|wanted| there.iter().all(|bouncer| bouncer.name != **wanted)) {
            None => Ok(()),
            Some(missing) => {
                let names: Vec<_> = there.iter().map(|bouncer| bouncer.name.as_str()).collect();
                let detail = format!(
                    "{}: the branch has no bouncer {missing:?}; it has [{}]",
                    self.branch.place(),
                    names.join(", ")
                );
                Err(EngineError::Refused { detail })
            }
        }
    }
}

fn postgres(spec: &DynamicUser) -> RoleInfo {
    let mut info = RoleInfo::default();
    info.can.push(format!("all that these roles can do: {}", spec.member_of.join(", ")));
    if spec.member_of.iter().any(|role| role == "postgres") {
        info.warnings.push(
            "it is a member of `postgres`, the default role: it may do everything in the branch, and make roles \
             that outlive it"
                .to_owned(),
        );
        if spec.successor.is_none() {
            info.warnings.push(
                "what it creates belongs to it, and then it cannot be removed: name who gets it with `successor: postgres`"
                    .to_owned(),
            );
        }
    }
    info
}

fn mysql(spec: &DynamicUser) -> RoleInfo {
    let mut info = RoleInfo::default();
    info.can.push(match spec.access {
        Some(Access::Reader) => "select on all tables".to_owned(),
        Some(Access::Writer) => "insert, update and delete on all tables, without reading them".to_owned(),
        Some(Access::Readwriter) => "select, insert, update and delete on all tables".to_owned(),
        Some(Access::Admin) => "everything on all tables, their definition included".to_owned(),
        None => "what the provider gives to passwords that name no role".to_owned(),
    });
    if spec.replica {
        info.can.push("all of it at replicas alone".to_owned());
    }
    if spec.access == Some(Access::Admin) {
        info.warnings
            .push("`admin` may change and drop every table: `readwriter` is enough for most".to_owned());
    }
    info
}

/// No credential of ours is called this.
const NOBODY: &str = "dsn_nobody_";
