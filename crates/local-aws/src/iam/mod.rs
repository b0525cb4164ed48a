//! IAM's decisions: what a policy says about a call, decided in process as IAM does.
//!
//! Not the crate `iam-rs` 0.8: its `ArnEquals` knows no wildcards and its `ArnLike` matches across the parts of an
//! ARN, its `Bool` takes no text for a context value, it replaces no policy variables, and it takes an account's
//! number as a principal for the account's root user alone. Source of each rule here: IAM User Guide,
//! "Policy evaluation logic" and "IAM JSON policy elements: Condition operators".

pub mod condition;
pub mod context;
pub mod pattern;
pub mod permission;
pub mod policy;
pub mod roles;
