//! AWS's network: who reaches what, by VPCs, addresses and security groups.
//!
//! - `rules`: whether security groups let a connection in. Pure.
//! - `addresses`: the addresses of what stands before DB instances.
//! - `destination`: what listens behind security groups.
//! - `asked`: where a function's connections come from and what security groups say, as MiniStack keeps them.

pub mod addresses;
pub mod asked;
pub mod destination;
pub mod rules;
