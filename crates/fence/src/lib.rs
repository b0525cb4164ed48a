//! Three functions that keep applications away from the old primary of a failover.
//!
//! `Fence` and `Unfence` run in the Region that becomes active, outside of any VPC, and call RDS in the old Region.
//! `EndSessions` runs in the old Region's VPC, where `Fence` invokes it: a connection that is open survives a change of
//! security groups. Nothing is written in the database, as the replica would get that too.

pub mod end_sessions;
mod error;
pub mod fence;
pub mod unfence;

pub use error::Error;

/// The name of the function `EndSessions` in every Region. It is a physical name, as the other Region invokes it.
pub const END_SESSIONS: &str = "snapferry-end-sessions";
