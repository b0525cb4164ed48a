//! The local AWS: a relay in front of MiniStack that answers RDS itself, over real PostgreSQL and MariaDB servers.
//!
//! A DB instance is a running server, a DB snapshot is a physical copy of its data, and a restore is another
//! server on a copy of that copy, so rows and passwords really travel. Everything else passes through to
//! MiniStack, and every call is recorded. The product never depends on this crate.
//!
//! - `relay`: the one address that clients call: the record of calls, faults of calls, the control routes.
//! - One folder for each service that is answered here: `rds` (its API, its operations, its model), `kms`,
//!   `load_balancer`, `cloudwatch`.
//!   Another service gets a folder of its own beside them, with the same floors.
//! - `mends`: services that MiniStack answers, but otherwise than AWS. One file for each service.
//! - `names`: which names lead where, for each VPC.
//! - `iam` and `caller`: who calls, and what policies allow.
//! - `network`: who reaches what.
//! - `outages`: which Regions are away.
//! - `servers`: the servers behind DB instances. Each engine is a file of its own there.
//! - The files here are what several of these use: accounts and Regions, child processes, TLS, MiniStack itself.

pub mod caller;
pub mod cloudwatch;
pub mod iam;
pub mod kms;
pub mod load_balancer;
pub mod loopback;
pub mod mends;
pub mod ministack;
pub mod names;
pub mod network;
pub mod outages;
pub mod place;
pub mod planned;
pub mod privileges;
pub mod process;
pub mod rds;
pub mod relay;
pub mod servers;
pub mod tls_front;
pub mod xml;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also after a panic elsewhere: nothing here leaves its data half changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lower-case hexadecimal digits of `length` random bytes.
pub(crate) fn random_hex(length: usize) -> std::io::Result<String> {
    let mut bytes = vec![0; length];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    Ok(hex(&bytes))
}

/// Lower-case hexadecimal digits of `bytes`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
