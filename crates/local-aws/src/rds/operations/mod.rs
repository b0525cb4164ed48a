//! What RDS does with what exists: each operation checks the rules, changes the state, and starts the work that goes
//! on behind the answer.
//!
//! An operation gets a plain request and the locked state; its caller shows the result before the lock is released.

pub mod automated_backups;
pub mod bring_up;
mod endpoints;
pub mod event_delivery;
pub mod failover;
pub mod instance_changes;
pub mod network;
pub mod outages;
mod parameters;
pub mod proxies;
mod proxy_clients;
mod proxy_logins;
pub mod rds;
pub mod reaching;
mod replica_watch;
pub mod replicas;
pub mod snapshot_copies;
pub mod snapshots;
