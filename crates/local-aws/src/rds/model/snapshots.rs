//! A DB snapshot: its statuses, who sees it, and where it can be copied to.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;

use super::{arn::Arn, clock::Progress, database::Database, refusal::Refusal, tags::Tags};
use crate::{
    place::{Place, partition},
    servers::directory::Directory,
};

/// The Status values of a DB snapshot in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // RDS's words.
pub enum SnapshotStatus {
    Available,
    Copying,
    Creating,
    Deleted,
    Failed,
}

impl SnapshotStatus {
    /// As RDS writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Copying => "copying",
            Self::Creating => "creating",
            Self::Deleted => "deleted",
            Self::Failed => "failed",
        }
    }
}

/// A DB snapshot: a physical copy of a server's data.
#[derive(Clone)]
pub struct Snapshot {
    /// Made by RDS itself. Its identifier starts with `rds:`.
    pub automated: bool,
    /// Where it is.
    pub place: Place,
    /// Its identifier, lower-cased.
    pub identifier: String,
    /// The identifier of the DB instance at that time.
    pub instance_identifier: String,
    /// The DB instance as of the snapshot.
    pub database: Database,
    /// The port of the DB instance.
    pub port: u16,
    /// Its status.
    pub status: SnapshotStatus,
    /// How far it is.
    pub progress: Progress,
    /// When the data was taken or copied; absent before.
    pub created_at: Option<Timestamp>,
    /// When the data was taken, also in a copy.
    pub originally_created_at: Option<Timestamp>,
    /// What it was copied from.
    pub source: Option<Arn>,
    /// Its tags.
    pub tags: Tags,
    /// The DB instance's tags as of the snapshot, for a restore.
    pub instance_tags: Tags,
    /// The `restore` attribute: accounts, or `all`.
    pub shared_with: BTreeSet<String>,
    /// Its data.
    pub directory: Arc<Directory>,
    /// The size of its data in bytes, once it is taken.
    pub full_size: Option<u64>,
}

impl Snapshot {
    /// Its ARN.
    pub fn arn(&self) -> String {
        self.place.arn("snapshot", &self.identifier)
    }

    /// May this account copy and restore it?
    pub fn is_visible_to(&self, account_id: &str) -> bool {
        self.place.account_id == account_id || self.is_shared_with(account_id) || self.is_public()
    }

    /// Is the account named in the `restore` attribute?
    pub fn is_shared_with(&self, account_id: &str) -> bool {
        self.shared_with.contains(account_id)
    }

    /// Is it shared with everybody?
    pub fn is_public(&self) -> bool {
        self.is_shared_with("all")
    }

    /// Refuses unless the snapshot is available; `word` is how the refusal calls it.
    pub fn must_be_available(&self, word: &str) -> Result<(), Refusal> {
        match self.status {
            SnapshotStatus::Available => Ok(()),
            _ => Err(self.is_not_available(word)),
        }
    }

    /// The refusal of a snapshot that is not available.
    pub fn is_not_available(&self, word: &str) -> Refusal {
        Refusal::InvalidDbSnapshotState(format!("{word} {} is not in the available state.", self.identifier))
    }

    /// Is it a copy that has not ended?
    pub fn is_being_copied(&self) -> bool {
        self.source.is_some() && matches!(self.status, SnapshotStatus::Copying | SnapshotStatus::Creating)
    }
}

/// Can a snapshot be copied between these two Regions? They must be of one partition, and China's Regions do not copy
/// to each other.
pub fn can_be_copied_between(source: &Place, target: &Place) -> bool {
    let same_partition = partition(&source.region) == partition(&target.region);
    same_partition && (source.region == target.region || partition(&source.region) != "aws-cn")
}
