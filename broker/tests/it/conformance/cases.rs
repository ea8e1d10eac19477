//! The cases, each for any subject and kind of credential.

pub mod api;
pub mod crash;
pub mod end_of;
pub mod odd;
pub mod outage;
pub mod use_of;

use dsn_broker::model::CredentialKind;
use serde_json::json;

use super::kind::abilities;
use super::scene::{self, Scene, is_locked_out, is_refused, text, time, works};
use super::{Session, Subject};

/// What fails from here on fails at this step.
#[expect(clippy::print_stderr, reason = "it is shown with the failure of a test that has several steps")]
fn step(name: &str) {
    eprintln!("step: {name}");
}
