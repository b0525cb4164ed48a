//! What every part of Snapferry agrees on, without a client, a clock or an environment.
//!
//! Start at [`SourceInput`] (what starts a run), [`Handoff`] (what crosses from the source account to
//! the target account) and [`TargetSettings`] (what the target account decides for itself).
//! [`Stage`] says how every step waits, [`retention`] what is kept, [`ErrorName`] how a step may fail.

mod arn;
mod bounded;
mod error_name;
mod handoff;
mod instance_status;
mod names;
mod ownership;
pub mod retention;
mod settings;
mod source_input;
mod stage;
mod verification;

pub use arn::{AccountId, DbSnapshotArn};
pub use bounded::{Bounded, OutOfRange};
pub use error_name::ErrorName;
pub use handoff::{DbInstanceSettings, Handoff};
pub use instance_status::InstanceStatus;
pub use names::{Copy, InvalidIdentifier, ReplicationName, Run};
pub use ownership::{MADE_BY, Tags, made_here, tag};
pub use settings::{ExpectedSource, Placement, TargetRetention, TargetSettings};
pub use source_input::{SourceDb, SourceInput, SourceRetention};
pub use stage::{Deadline, Look, STAGE_DEADLINE, Stage, StageTimedOut};
pub use verification::{
    Assertion, Expectation, Logins, Minutes, NoAssertion, Scalar, VERIFICATION_SECONDS, Verification,
};

/// The version that every message carries.
pub const MESSAGE_VERSION: u32 = 1;
