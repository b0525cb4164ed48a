//! What crosses from the source account to the target account.

use crate::arn::DbSnapshotArn;
use crate::db_instance_settings::DbInstanceSettings;
use crate::replication_name::ReplicationName;
use crate::run::Run;
use crate::run_id::RunId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use step::AccountId;

/// "This snapshot is yours to copy": published by `share`, checked by `receive`, carried through the target execution.
///
/// Its `dbInstance` holds the source's settings as defaults for the copy, never a name that exists only in one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Handoff {
    /// [`step::MESSAGE_VERSION`] of the sender.
    pub version: u32,
    /// The replication.
    pub replication: ReplicationName,
    /// The run.
    pub run: RunId,
    /// The account that owns the snapshot.
    pub source_account_id: AccountId,
    /// The Region that holds the snapshot.
    pub source_region: String,
    /// The DB instance that the snapshot was taken of.
    pub db_instance_identifier: String,
    /// The shared snapshot.
    pub db_snapshot_arn: DbSnapshotArn,
    /// RDS's engine name, such as `postgres`.
    pub engine: String,
    /// RDS's engine version.
    pub engine_version: String,
    /// The key that the snapshot is encrypted under; absent when it is not encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    /// Allocated storage, in GiB.
    pub allocated_storage: i32,
    /// When the data was current.
    pub data_current_at: Timestamp,
    /// The master user's name; its password stays in the source account.
    pub master_username: String,
    /// The database that the instance was created with, where RDS knows one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub db_name: Option<String>,
    /// The source's settings.
    #[serde(default)]
    pub db_instance: DbInstanceSettings,
}

impl Handoff {
    /// The run that it belongs to, with its names.
    pub fn run(&self) -> Run {
        Run::new(&self.replication, &self.run)
    }
}
