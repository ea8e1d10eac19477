//! What can be known of a branch and of what roles may do there.

use futures_util::future::BoxFuture;

use crate::config::{Access, CredentialSpec, DynamicUser, RotatedPassword};
use crate::engine::planetscale::{PlanetScale, Product, pair};
use crate::engine::{EngineError, Inspection, RoleInfo, ServerInfo};

impl Inspection for PlanetScale {
    fn server(&self) -> BoxFuture<'_, Result<ServerInfo, EngineError>> {
        self.bounded(async move {
            let branch = self.branch.state().await?;
            let (name, kinds) = (self.product.name(), self.product.kinds());
            if !kinds.contains(&branch.kind.as_str()) {
                return Err(
                    self.refused(&format!("the branch is of the kind {:?}, and not {name}", branch.kind))
                );
            }
            let state = branch.state.unwrap_or_else(|| "ready".to_owned());
            if state != "ready" || branch.ready == Some(false) {
                return Err(self.refused(&format!("the branch is not ready yet: it is {state}")));
            }
            self.bouncers_are_there().await?;
            let production = if branch.production == Some(true) { ", production" } else { "" };
            Ok(ServerInfo { version: format!("PlanetScale {name}{production}") })
        })
    }

    fn role<'a>(&'a self, spec: &'a CredentialSpec) -> BoxFuture<'a, Result<RoleInfo, EngineError>> {
        self.bounded(async move {
            // Whether it may make, reset and remove is seen only when it does; whether it finds what it made, now.
            let mut info = match (spec, self.product) {
                (CredentialSpec::RotatedPassword(pair), Product::Postgres) => return self.roles(pair).await,
                (CredentialSpec::RotatedPassword(pair), Product::Mysql) => return self.passwords(pair).await,
                (CredentialSpec::DynamicUser(spec), Product::Postgres) => postgres(spec),
                (CredentialSpec::DynamicUser(spec), Product::Mysql) => mysql(spec.access, spec.replica),
                (CredentialSpec::ConnectToken(_), _) => return Ok(RoleInfo::default()),
            };
            note(self.branch.search(NOBODY).await, &mut info)?;
            Ok(info)
        })
    }
}

impl PlanetScale {
    /// What the two roles of a pair are.
    async fn roles(&self, pair: &RotatedPassword) -> Result<RoleInfo, EngineError> {
        let (mut info, mut groups) = (RoleInfo::default(), Vec::new());
        for name in &pair.users {
            let Some(found) = note(self.branch.find(name).await, &mut info)? else { continue };
            let Some(role) = found else {
                info.mistakes.push(self.branch.lacking(name));
                continue;
            };
            if let Some(end) = role.expires_at {
                info.mistakes.push(pair::ending(name, &end.to_rfc3339()));
            }
            if let Some(since) = role.disabled_at {
                let since = since.to_rfc3339();
                info.mistakes
                    .push(format!("the role {name:?} may not log in since {since}: make another one"));
            }
            let mut inherited = role.inherited_roles.clone().unwrap_or_default();
            inherited.sort_unstable();
            if role.is_default() || inherited.iter().any(|role| role == "postgres") {
                info.warnings
                    .push(format!("the role {name:?} is the default role or a member of it: {MAY_DO_ALL}"));
            }
            groups.push(inherited.join(", "));
        }
        if let [first, second] = groups.as_slice() {
            match first == second {
                true if first.is_empty() => {}
                true => info.can.push(format!("all that these roles can do: {first}")),
                false => info.warnings.push(format!(
                    "the two roles are members of different ones ({first}; {second}): what works now may not after a \
                     rotation"
                )),
            }
        }
        Ok(info)
    }

    /// What the passwords of a pair will be.
    async fn passwords(&self, pair: &RotatedPassword) -> Result<RoleInfo, EngineError> {
        let mut info = mysql(pair.access, pair.replica);
        for name in &pair.users {
            let Some(found) = note(self.branch.named(name).await, &mut info)? else { continue };
            let live = found.iter().filter(|item| item.is_live()).count();
            if live > 1 {
                info.warnings.push(format!(
                    "{live} passwords are called {name:?}: all of them end with the next rotation or revocation of \
                     that name"
                ));
            }
        }
        Ok(info)
    }

    /// Endpoints may name dedicated bouncers: they have to be there.
    async fn bouncers_are_there(&self) -> Result<(), EngineError> {
        let wanted: Vec<_> =
            self.database.endpoints.values().filter_map(|endpoint| endpoint.bouncer.as_deref()).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let there = self.branch.bouncers().await?;
        match wanted.iter().find(|wanted| there.iter().all(|bouncer| bouncer.name != **wanted)) {
            None => Ok(()),
            Some(missing) => {
                let names: Vec<_> = there.iter().map(|bouncer| bouncer.name.as_str()).collect();
                let there = names.join(", ");
                Err(self.refused(&format!("the branch has no bouncer {missing:?}; it has [{there}]")))
            }
        }
    }
}

/// What was found; a refusal is a mistake in the configuration or at the provider.
fn note<T>(asked: Result<T, EngineError>, info: &mut RoleInfo) -> Result<Option<T>, EngineError> {
    match asked {
        Ok(found) => Ok(Some(found)),
        Err(EngineError::Refused { detail }) => {
            info.mistakes.push(detail);
            Ok(None)
        }
        Err(other) => Err(other),
    }
}

fn postgres(spec: &DynamicUser) -> RoleInfo {
    let mut info = RoleInfo::default();
    info.can.push(format!("all that these roles can do: {}", spec.member_of.join(", ")));
    if spec.member_of.iter().any(|role| role == "postgres") {
        info.warnings.push(format!("it is a member of `postgres`, the default role: {MAY_DO_ALL}"));
        if spec.successor.is_none() {
            info.warnings.push(
                "what it creates belongs to it, and then it cannot be removed: name who gets it with `successor: postgres`"
                    .to_owned(),
            );
        }
    }
    info
}

fn mysql(access: Option<Access>, replica: bool) -> RoleInfo {
    let mut info = RoleInfo::default();
    info.can.push(match access {
        Some(Access::Reader) => "select on all tables".to_owned(),
        Some(Access::Writer) => "insert, update and delete on all tables, without reading them".to_owned(),
        Some(Access::Readwriter) => "select, insert, update and delete on all tables".to_owned(),
        Some(Access::Admin) => "everything on all tables, their definition included".to_owned(),
        None => "what the provider gives to passwords that name no role".to_owned(),
    });
    if replica {
        info.can.push("all of it at replicas alone".to_owned());
    }
    if access == Some(Access::Admin) {
        info.warnings
            .push("`admin` may change and drop every table: `readwriter` is enough for most".to_owned());
    }
    info
}

/// Of those that are in `postgres`.
const MAY_DO_ALL: &str = "it may do everything in the branch, and make roles that outlive it";
/// No credential of ours is called this.
const NOBODY: &str = "dsn_nobody_";
