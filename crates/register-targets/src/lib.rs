//! States `CheckReach` and `RegisterTargets`, one function and role each: the lanes that the settings name are looked at
//! before anything is restored, and a copy becomes the only target of one of them.

pub mod check_reach;
mod error;
mod group;
pub mod plan;
pub mod register_targets;
pub mod subnets;

pub use error::Error;
pub use group::{GroupSeen, Listener};
