//! AWS's network: who reaches what, by VPCs, addresses and security groups.
//!
//! - `rules`: whether security groups let a connection in. Pure.
//! - `asked`: where a function's connections come from and what security groups say, as MiniStack keeps them.

pub mod asked;
pub mod rules;
