//! Values and state machines. No I/O, no clock: time is an argument.

pub mod credential;
pub mod engine;
pub mod event;
pub mod lease;
pub mod name;
pub mod spiffe_id;
pub mod workload;

pub use credential::{Credential, CredentialKind, Handle, Place, Share};
pub use engine::{Admin, EngineFacts, EngineKind, Protocol};
pub use event::{Action, Detail, Event, Recorded};
pub use lease::{Lease, LeaseState, Reason, State, Times};
pub use name::{DatabaseName, EndpointName, IssuerName, RoleName};
pub use spiffe_id::{SpiffeId, SpiffeIdError, TrustDomain};
pub use workload::{Claims, Principal, Workload};
