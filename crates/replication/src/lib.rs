//! What every part of a replication agrees on, without a client, a clock or an environment.
//!
//! Start at [`SourceInput`] (what starts a run), [`Handoff`] (what crosses from the source account to the target
//! account) and [`TargetSettings`] (what the target account decides for itself). [`Run`] gives everything its name,
//! [`retention`] says what is kept.

mod account;
mod application_secret;
mod arn;
mod checks;
mod copy_settings;
mod db_instance_settings;
pub mod engine;
mod handoff;
pub mod names;
mod pin;
mod placement;
mod reach;
mod replication_name;
pub mod retention;
mod run;
mod run_id;
mod settings;
mod source_input;
pub mod storage;
mod tag_rules;
mod template;
mod verification;
mod windows;
mod words;

pub use account::Account;
pub use application_secret::{ApplicationSecret, ApplicationUser};
pub use arn::DbSnapshotArn;
pub use copy_settings::{CopySettings, StackDefaults};
pub use db_instance_settings::{BackupRetentionPeriod, DbInstanceSettings, ProcessorFeature};
pub use handoff::Handoff;
pub use pin::Pin;
pub use placement::Placement;
pub use reach::{
    DbProxy, DbProxyLane, HeldIn, HeldLane, Host, Lane, NetworkLoadBalancer, PathTls, ProvenPath, Reach,
    ReachPath,
};
pub use replication_name::ReplicationName;
pub use retention::{SourceRetention, TargetRetention};
pub use run::{MADE_BY, Run, tag};
pub use run_id::RunId;
pub use settings::{ExpectedSource, TargetSettings, UnusableSettings};
pub use source_input::{SourceDb, SourceInput};
pub use template::{PLACEHOLDERS, Template, UnknownPlaceholder};
pub use verification::{
    Active, Assertion, Expectation, Logins, Minutes, NoAssertion, Scalar, SqlName, Statement,
    VERIFICATION_SECONDS, Verification,
};
