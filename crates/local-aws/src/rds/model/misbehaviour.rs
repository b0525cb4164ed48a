//! Misbehaviour of resources: what a DB instance or a DB snapshot does wrong on request.

use serde::{Deserialize, Serialize};

use super::instances::InstanceStatus;
use crate::{iam::pattern, planned::Planned};

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
    /// Copies with this name stay at 0 % for this long before they begin. It is not used up.
    CopyIsQueued {
        /// The copies, in any account and Region.
        target_db_snapshot_identifier: String,
        /// Seconds of RDS time.
        seconds: u32,
    },
    /// A copy with this name fails if its source is deleted or no longer shared before the copy
    /// is available. It is not used up.
    CopyNeedsItsSource {
        /// The copies, in any account and Region.
        target_db_snapshot_identifier: String,
    },
    /// The next looks at the DB snapshot or copy with this name show no tags: RDS does not promise them from the start.
    TagsAppearLate {
        /// The DB snapshot or copy, in any account and Region.
        db_snapshot_identifier: String,
        /// How many times DescribeDBSnapshots leaves the tags out.
        looks: u32,
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
        /// How many times DescribeDBInstances leaves the endpoint out.
        looks: u32,
    },
    /// The next looks at the available DB instance show this status, and changes to it are refused meanwhile.
    InstanceIs {
        /// The DB instance, in any account and Region.
        db_instance_identifier: String,
        /// The status.
        status: InstanceStatus,
        /// How many times DescribeDBInstances shows the status.
        looks: u32,
    },
    /// ModifyDBInstance takes this parameter, but DescribeDBInstances never shows its value. It is not used up.
    SettingIsNeverShown {
        /// The DB instance, in any account and Region.
        db_instance_identifier: String,
        /// A parameter that is applied at once, such as `MaxAllocatedStorage`.
        parameter: String,
    },
    /// After the next failover the name of the DB instance follows so late.
    NameFollowsLate {
        /// The DB instance, in any account and Region.
        db_instance_identifier: String,
        /// Seconds of RDS time from the end of the failover.
        seconds: u32,
        /// The name leads nowhere meanwhile, in place of to the old address.
        silent: bool,
    },
    /// The next event of this kind reaches EventBridge late, several times or never. DescribeEvents shows it in any case.
    EventIsDelivered {
        /// The DB instance, in any account and Region.
        db_instance_identifier: String,
        /// The event, such as `RDS-EVENT-0015`.
        event_id: String,
        /// How many times; 0 means that it is lost.
        times: u32,
        /// Seconds of RDS time until then.
        after_seconds: u32,
    },
    /// Other security groups of this DB instance cut the replication to its read replicas. It is not used up.
    GroupsCutReplication {
        /// The source, in any account and Region.
        db_instance_identifier: String,
    },
    /// A promotion of this read replica is `modifying` for so long before it reboots. It is not used up.
    PromotionTakes {
        /// The DB instance, in any account and Region.
        db_instance_identifier: String,
        /// Seconds of RDS time.
        seconds: u32,
    },
    /// A new master password takes this long. It is not used up.
    PasswordTakes {
        /// The DB instance, in any account and Region.
        db_instance_identifier: String,
        /// Seconds of RDS time.
        seconds: u32,
    },
}

/// The misbehaviours still to come.
pub type Misbehaviours = Planned<Misbehaviour>;

impl Misbehaviours {
    /// The percentage at which the next snapshot of the DB instance fails, if it does.
    pub fn snapshot_fails(&self, instance: &str) -> Option<u8> {
        self.take(instance, |it| match it {
            Misbehaviour::SnapshotFails { at_percent, .. } => Some((*at_percent).min(99)),
            _ => None,
        })
    }

    /// The percentage at which the copy fails, if it does.
    pub fn copy_fails(&self, target: &str) -> Option<u8> {
        self.take(target, |it| match it {
            Misbehaviour::CopyFails { at_percent, .. } => Some((*at_percent).min(99)),
            _ => None,
        })
    }

    /// How many seconds the copy waits before it begins.
    pub fn copy_is_queued(&self, target: &str) -> Option<u32> {
        self.find(target, |it| match it {
            Misbehaviour::CopyIsQueued { seconds, .. } => Some(*seconds),
            _ => None,
        })
    }

    /// Does the copy fail when its source goes?
    pub fn copy_needs_its_source(&self, target: &str) -> bool {
        let found =
            self.find(target, |it| matches!(it, Misbehaviour::CopyNeedsItsSource { .. }).then_some(()));
        found.is_some()
    }

    /// Are the tags of the snapshot left out this time?
    pub fn tags_are_late(&self, snapshot: &str) -> bool {
        let late = self.count_down(snapshot, |it| match it {
            Misbehaviour::TagsAppearLate { looks, .. } => Some((looks, ())),
            _ => None,
        });
        late.is_some()
    }

    /// The status in which the restore ends, if not as it should.
    pub fn restore_ends_as(&self, instance: &str) -> Option<InstanceStatus> {
        self.take(instance, |it| match it {
            Misbehaviour::RestoreEndsAs { status, .. } => Some(*status),
            _ => None,
        })
    }

    /// Is the endpoint left out this time?
    pub fn endpoint_is_missing(&self, instance: &str) -> bool {
        let missing = self.count_down(instance, |it| match it {
            Misbehaviour::EndpointIsMissing { looks, .. } => Some((looks, ())),
            _ => None,
        });
        missing.is_some()
    }

    /// The status to show this time instead of `available`.
    pub fn shown_status(&self, instance: &str) -> Option<InstanceStatus> {
        self.count_down(instance, |it| match it {
            Misbehaviour::InstanceIs { status, looks, .. } => Some((looks, *status)),
            _ => None,
        })
    }

    /// The status that a change finds the available DB instance in.
    pub fn status(&self, instance: &str) -> Option<InstanceStatus> {
        self.find(instance, |it| match it {
            Misbehaviour::InstanceIs { status, .. } => Some(*status),
            _ => None,
        })
    }

    /// The parameter that is taken and never shown.
    pub fn never_shown(&self, instance: &str) -> Option<String> {
        self.find(instance, |it| match it {
            Misbehaviour::SettingIsNeverShown { parameter, .. } => Some(parameter.clone()),
            _ => None,
        })
    }

    /// How many seconds the name of the DB instance follows late, and whether it leads nowhere meanwhile.
    pub fn name_follows_late(&self, instance: &str) -> Option<(u32, bool)> {
        self.take(instance, |it| match it {
            Misbehaviour::NameFollowsLate { seconds, silent, .. } => Some((*seconds, *silent)),
            _ => None,
        })
    }

    /// How many times this event is delivered and after how many seconds, if not once and at once.
    pub fn event_is_delivered(&self, instance: &str, id: &str) -> Option<(u32, u32)> {
        self.take(instance, |it| match it {
            Misbehaviour::EventIsDelivered { event_id, times, after_seconds, .. } if event_id == id => {
                Some((*times, *after_seconds))
            }
            _ => None,
        })
    }

    /// How long a password change takes, if not as long as usual.
    pub fn password_takes(&self, instance: &str) -> Option<u32> {
        self.find(instance, |it| match it {
            Misbehaviour::PasswordTakes { seconds, .. } => Some(*seconds),
            _ => None,
        })
    }

    /// Do the security groups of the DB instance cut the replication to its replicas?
    pub fn groups_cut_replication(&self, instance: &str) -> bool {
        let found =
            self.find(instance, |it| matches!(it, Misbehaviour::GroupsCutReplication { .. }).then_some(()));
        found.is_some()
    }

    /// How long a promotion is `modifying`, if not as long as usual.
    pub fn promotion_takes(&self, instance: &str) -> Option<u32> {
        self.find(instance, |it| match it {
            Misbehaviour::PromotionTakes { seconds, .. } => Some(*seconds),
            _ => None,
        })
    }

    /// The first that concerns `name` and `matches`.
    fn find<T>(&self, name: &str, matches: impl Fn(&Misbehaviour) -> Option<T>) -> Option<T> {
        self.lock().iter().filter(|it| it.concerns(name)).find_map(matches)
    }

    /// Removes and returns the first that concerns `name` and `matches`.
    fn take<T>(&self, name: &str, matches: impl Fn(&Misbehaviour) -> Option<T>) -> Option<T> {
        let mut planned = self.lock();
        let mut concerned = planned.iter().enumerate().filter(|(_, it)| it.concerns(name));
        let (index, found) = concerned.find_map(|(index, it)| Some((index, matches(it)?)))?;
        planned.remove(index);
        Some(found)
    }

    /// Uses the first that concerns `name` and `matches` once, and removes it after its last use.
    fn count_down<T>(
        &self,
        name: &str,
        matches: impl Fn(&mut Misbehaviour) -> Option<(&mut u32, T)>,
    ) -> Option<T> {
        let mut planned = self.lock();
        let mut concerned = planned.iter_mut().enumerate().filter(|(_, it)| it.concerns(name));
        let (index, (looks, found)) = concerned.find_map(|(index, it)| Some((index, matches(it)?)))?;
        *looks = looks.saturating_sub(1);
        if *looks == 0 {
            planned.remove(index);
        }
        Some(found)
    }
}

impl Misbehaviour {
    /// Is it about the DB instance, the DB snapshot or the copy with this name?
    fn concerns(&self, name: &str) -> bool {
        let (Self::SnapshotFails { db_instance_identifier: wanted, .. }
        | Self::CopyFails { target_db_snapshot_identifier: wanted, .. }
        | Self::CopyIsQueued { target_db_snapshot_identifier: wanted, .. }
        | Self::CopyNeedsItsSource { target_db_snapshot_identifier: wanted }
        | Self::TagsAppearLate { db_snapshot_identifier: wanted, .. }
        | Self::RestoreEndsAs { db_instance_identifier: wanted, .. }
        | Self::EndpointIsMissing { db_instance_identifier: wanted, .. }
        | Self::InstanceIs { db_instance_identifier: wanted, .. }
        | Self::SettingIsNeverShown { db_instance_identifier: wanted, .. }
        | Self::NameFollowsLate { db_instance_identifier: wanted, .. }
        | Self::EventIsDelivered { db_instance_identifier: wanted, .. }
        | Self::GroupsCutReplication { db_instance_identifier: wanted }
        | Self::PromotionTakes { db_instance_identifier: wanted, .. }
        | Self::PasswordTakes { db_instance_identifier: wanted, .. }) = self;
        pattern::matches(&wanted.to_lowercase(), &name.to_lowercase())
    }
}
