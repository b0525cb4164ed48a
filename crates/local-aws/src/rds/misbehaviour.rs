//! What RDS does wrong on request, by the name of what it concerns.

use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use super::state::InstanceStatus;
use crate::{iam::pattern, lock};

/// One thing to do wrong. Names are patterns: `*` stands for any text.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Misbehaviour {
    /// The next DB snapshot of the DB instance ends as `failed`.
    SnapshotFails {
        /// The DB instance, in any account and Region.
        db_instance_identifier: String,
        /// The percentage at which it stays.
        at_percent: u8,
    },
    /// The next copy with this name ends as `failed`.
    CopyFails {
        /// The copy, in any account and Region.
        target_db_snapshot_identifier: String,
        /// The percentage at which it stays.
        at_percent: u8,
    },
    /// Copies with this name stand at 0 % for so long before they begin. Stays.
    CopyIsQueued {
        /// The copies, in any account and Region.
        target_db_snapshot_identifier: String,
        /// Seconds of RDS time.
        seconds: u32,
    },
    /// A copy with this name fails if its source is deleted or no longer shared before the copy is available. Stays.
    CopyNeedsItsSource {
        /// The copies, in any account and Region.
        target_db_snapshot_identifier: String,
    },
    /// The next restore to this name ends in a status such as `incompatible-restore`.
    RestoreEndsAs {
        /// The DB instance, in any account and Region.
        db_instance_identifier: String,
        /// The status in which it stays.
        status: InstanceStatus,
    },
    /// The DB instance is available, but the next looks at it show no endpoint.
    EndpointIsMissing {
        /// The DB instance, in any account and Region.
        db_instance_identifier: String,
        /// How many times DescribeDBInstances leaves it out.
        looks: u32,
    },
    /// The next looks at the available DB instance show this status, and changes to it are refused meanwhile.
    InstanceIs {
        /// The DB instance, in any account and Region.
        db_instance_identifier: String,
        /// The status.
        status: InstanceStatus,
        /// How many times DescribeDBInstances shows it.
        looks: u32,
    },
    /// A new master password is on its way for so long. Stays.
    PasswordTakes {
        /// The DB instance, in any account and Region.
        db_instance_identifier: String,
        /// Seconds of RDS time.
        seconds: u32,
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

    /// Those still to come.
    pub fn pending(&self) -> Vec<Misbehaviour> {
        lock(&self.0).clone()
    }

    /// The percentage at which the next snapshot of the DB instance fails, if it does.
    pub fn snapshot_fails(&self, instance: &str) -> Option<u8> {
        self.take(|it| match it {
            Misbehaviour::SnapshotFails { db_instance_identifier, at_percent } => {
                is(db_instance_identifier, instance).then_some((*at_percent).min(99))
            }
            _ => None,
        })
    }

    /// The percentage at which the copy fails, if it does.
    pub fn copy_fails(&self, target: &str) -> Option<u8> {
        self.take(|it| match it {
            Misbehaviour::CopyFails { target_db_snapshot_identifier, at_percent } => {
                is(target_db_snapshot_identifier, target).then_some((*at_percent).min(99))
            }
            _ => None,
        })
    }

    /// How many seconds the copy waits before it begins.
    pub fn copy_is_queued(&self, target: &str) -> Option<u32> {
        self.find(|it| match it {
            Misbehaviour::CopyIsQueued { target_db_snapshot_identifier, seconds } => {
                is(target_db_snapshot_identifier, target).then_some(*seconds)
            }
            _ => None,
        })
    }

    /// Does the copy fail when its source goes?
    pub fn copy_needs_its_source(&self, target: &str) -> bool {
        let found = self.find(|it| match it {
            Misbehaviour::CopyNeedsItsSource { target_db_snapshot_identifier } => {
                is(target_db_snapshot_identifier, target).then_some(())
            }
            _ => None,
        });
        found.is_some()
    }

    /// The status in which the restore ends, if not as it should.
    pub fn restore_ends_as(&self, instance: &str) -> Option<InstanceStatus> {
        self.take(|it| match it {
            Misbehaviour::RestoreEndsAs { db_instance_identifier, status } => {
                is(db_instance_identifier, instance).then_some(*status)
            }
            _ => None,
        })
    }

    /// Is the endpoint left out this time?
    pub fn endpoint_is_missing(&self, instance: &str) -> bool {
        let missing = self.count_down(|it| match it {
            Misbehaviour::EndpointIsMissing { db_instance_identifier, looks } => {
                is(db_instance_identifier, instance).then_some((looks, ()))
            }
            _ => None,
        });
        missing.is_some()
    }

    /// The status to show this time instead of `available`.
    pub fn shown_status(&self, instance: &str) -> Option<InstanceStatus> {
        self.count_down(|it| match it {
            Misbehaviour::InstanceIs { db_instance_identifier, status, looks } => {
                is(db_instance_identifier, instance).then_some((looks, *status))
            }
            _ => None,
        })
    }

    /// The status that the available DB instance has for whoever wants to change it.
    pub fn status(&self, instance: &str) -> Option<InstanceStatus> {
        self.find(|it| match it {
            Misbehaviour::InstanceIs { db_instance_identifier, status, .. } => {
                is(db_instance_identifier, instance).then_some(*status)
            }
            _ => None,
        })
    }

    /// How long a password change takes, if not as long as usual.
    pub fn password_takes(&self, instance: &str) -> Option<u32> {
        self.find(|it| match it {
            Misbehaviour::PasswordTakes { db_instance_identifier, seconds } => {
                is(db_instance_identifier, instance).then_some(*seconds)
            }
            _ => None,
        })
    }

    fn find<T>(&self, matches: impl Fn(&Misbehaviour) -> Option<T>) -> Option<T> {
        lock(&self.0).iter().find_map(matches)
    }

    /// Removes and returns the first that `matches`.
    fn take<T>(&self, matches: impl Fn(&Misbehaviour) -> Option<T>) -> Option<T> {
        let mut pending = lock(&self.0);
        let (index, found) =
            pending.iter().enumerate().find_map(|(index, it)| Some((index, matches(it)?)))?;
        pending.remove(index);
        Some(found)
    }

    /// Uses the first that `matches` once, and removes it after its last use.
    fn count_down<T>(&self, matches: impl Fn(&mut Misbehaviour) -> Option<(&mut u32, T)>) -> Option<T> {
        let mut pending = lock(&self.0);
        for index in 0..pending.len() {
            if let Some((looks, found)) = matches(&mut pending[index]) {
                *looks = looks.saturating_sub(1);
                if *looks == 0 {
                    pending.remove(index);
                }
                return Some(found);
            }
        }
        None
    }
}

fn is(wanted: &str, name: &str) -> bool {
    pattern::matches(&wanted.to_lowercase(), &name.to_lowercase())
}
