//! The rules of targets, without network and clock.

pub mod described;
pub mod health;
pub mod misbehaviour;
pub mod placing;
pub mod targets;
