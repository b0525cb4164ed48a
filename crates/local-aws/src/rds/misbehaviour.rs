//! What RDS does wrong on request.

use std::sync::Mutex;

use serde::Deserialize;

use super::{fault::Fault, place::Place};
use crate::lock;

/// One thing to do wrong, once.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Misbehaviour {
    /// The next DB snapshot of the DB instance ends as `failed`.
    SnapshotFails {
        /// The DB instance, in any account and Region.
        db_instance_identifier: String,
        /// The percentage at which it stays.
        at_percent: u8,
    },
}

/// The misbehaviours still to come.
#[derive(Default)]
pub struct Misbehaviours(Mutex<Vec<Misbehaviour>>);

impl Misbehaviours {
    /// Asks for one more.
    pub fn add(&self, wanted: Misbehaviour) {
        tracing::info!("will misbehave: {wanted:?}");
        lock(&self.0).push(wanted);
    }

    /// The fault to answer instead of doing anything: the place for throttling, lost answers and quotas.
    pub fn before(&self, _place: &Place, _action: &str) -> Option<Fault> {
        None
    }

    /// The percentage at which the next snapshot of the DB instance fails, if it does.
    pub fn snapshot_fails(&self, instance: &str) -> Option<u8> {
        self.take(|it| match it {
            Misbehaviour::SnapshotFails { db_instance_identifier, at_percent } => {
                db_instance_identifier.eq_ignore_ascii_case(instance).then_some((*at_percent).min(99))
            }
        })
    }

    /// Removes and returns the first that `matches`.
    fn take<T>(&self, matches: impl Fn(&Misbehaviour) -> Option<T>) -> Option<T> {
        let mut pending = lock(&self.0);
        let (index, found) =
            pending.iter().enumerate().find_map(|(index, it)| Some((index, matches(it)?)))?;
        pending.remove(index);
        Some(found)
    }
}
