//! `/v1/databases`

pub(super) mod ca;
pub(super) mod list;
pub(super) mod rotate;
pub(super) mod show;

use crate::http::problem::{Kind, Problem};
use crate::model::DatabaseName;

/// A database of this name, or the refusal that does not tell whether there is one.
fn named(name: &str) -> Result<DatabaseName, Problem> {
    name.parse().map_err(|_| Problem::new(Kind::NotFound))
}
