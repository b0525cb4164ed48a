//! States `CheckReach` and `RegisterTargets`: the lanes that the settings name are looked at before anything is restored,
//! and a copy becomes the only target of one of them. State `FollowFailover`: a target group follows a database whose
//! address changes. Each is a function with a role of its own.

pub mod check_reach;
pub mod db_proxy;
mod error;
pub mod follow_failover;
mod group;
mod names;
pub mod plan;
pub mod register_targets;
pub mod subnets;

pub use error::Error;
pub use group::{GroupSeen, Listener};
