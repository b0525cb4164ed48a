//! The calls about DB snapshots, and what a look saw of one.

use crate::rds::made;
use crate::tag_list;
use aws_sdk_rds::Client;
use aws_sdk_rds::operation::describe_db_snapshots::builders::DescribeDBSnapshotsFluentBuilder;
use aws_sdk_rds::types::{DbSnapshot, Filter};
use jiff::Timestamp;
use lambda_support::{CallFailed, Service, call_failed, found, tags};
use step::Tags;

/// The attribute of a snapshot that lists the accounts that may copy and restore it.
const RESTORE: &str = "restore";

/// What RDS said of a DB snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SnapshotSeen {
    /// Its identifier.
    pub identifier: String,
    /// Its ARN.
    pub arn: String,
    /// RDS's word for its status.
    pub status: String,
    /// RDS's progress.
    pub percent: Option<u8>,
    /// The DB instance that it was taken of.
    pub db_instance_identifier: Option<String>,
    /// RDS's name of the engine.
    pub engine: Option<String>,
    /// The engine's version.
    pub engine_version: Option<String>,
    /// The master user's name.
    pub master_username: Option<String>,
    /// The storage that a restore allocates, in GiB.
    pub allocated_storage: i32,
    /// The storage type of its DB instance.
    pub storage_type: Option<String>,
    /// The IOPS of its DB instance's storage.
    pub iops: Option<i32>,
    /// The throughput of its DB instance's storage, in MiB/s.
    pub storage_throughput: Option<i32>,
    /// The key that it is encrypted under.
    pub kms_key_id: Option<String>,
    /// When this snapshot was made; of a copy, when it was copied.
    pub created_at: Option<Timestamp>,
    /// When its data was current. A copy keeps the time of the original.
    pub data_current_at: Option<Timestamp>,
    /// Its tags.
    pub tags: Tags,
}

impl SnapshotSeen {
    /// Whether it can be copied and restored.
    pub fn is_available(&self) -> bool {
        self.status == "available"
    }

    /// Whether RDS is still making it.
    pub fn is_being_made(&self) -> bool {
        !self.is_available() && !self.is_lost()
    }

    /// Whether it will never be available.
    pub fn is_lost(&self) -> bool {
        matches!(self.status.as_str(), "failed" | "deleting" | "deleted")
    }
}

impl From<DbSnapshot> for SnapshotSeen {
    fn from(it: DbSnapshot) -> Self {
        let time = |at: aws_sdk_rds::primitives::DateTime| Timestamp::new(at.secs(), 0).ok();
        // `SnapshotCreateTime` changes with a copy, the other two do not.
        let current =
            it.snapshot_database_time.or(it.original_snapshot_create_time).or(it.snapshot_create_time);
        Self {
            identifier: it.db_snapshot_identifier.unwrap_or_default(),
            arn: it.db_snapshot_arn.unwrap_or_default(),
            status: it.status.unwrap_or_default(),
            percent: it.percent_progress.and_then(|percent| u8::try_from(percent).ok()),
            db_instance_identifier: it.db_instance_identifier,
            engine: it.engine,
            engine_version: it.engine_version,
            master_username: it.master_username,
            allocated_storage: it.allocated_storage.unwrap_or_default(),
            storage_type: it.storage_type,
            iops: it.iops,
            storage_throughput: it.storage_throughput,
            kms_key_id: it.kms_key_id,
            created_at: it.snapshot_create_time.and_then(time),
            data_current_at: current.and_then(time),
            tags: tags(it.tag_list, |it| (it.key, it.value)),
        }
    }
}

/// A snapshot by its identifier in this account, or by its ARN; one of another account is seen only as a shared one.
/// `None` when there is none.
pub async fn find(rds: &Client, identifier: &str) -> Result<Option<SnapshotSeen>, CallFailed> {
    let describe = rds.describe_db_snapshots().db_snapshot_identifier(identifier);
    let answer = describe.set_include_shared(identifier.starts_with("arn:").then_some(true)).send().await;
    let answer = found(Service::Rds, "DescribeDBSnapshots", answer, |e| e.is_db_snapshot_not_found_fault())?;
    Ok(answer.and_then(|it| it.db_snapshots?.into_iter().next()).map(SnapshotSeen::from))
}

/// Every manual snapshot of the account and Region, from all pages.
pub async fn list_manual(rds: &Client) -> Result<Vec<SnapshotSeen>, CallFailed> {
    list(rds.describe_db_snapshots().snapshot_type("manual")).await
}

/// Every manual snapshot of the account and Region that was taken of this DB instance, or is a copy of one, from all
/// pages.
pub async fn list_manual_of(
    rds: &Client,
    db_instance_identifier: &str,
) -> Result<Vec<SnapshotSeen>, CallFailed> {
    // Not the parameter DBInstanceIdentifier: that one is for instances of this account.
    let of_instance = Filter::builder().name("db-instance-id").values(db_instance_identifier).build();
    list(rds.describe_db_snapshots().snapshot_type("manual").filters(of_instance)).await
}

async fn list(describe: DescribeDBSnapshotsFluentBuilder) -> Result<Vec<SnapshotSeen>, CallFailed> {
    let mut pages = describe.into_paginator().send();
    let mut all = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| call_failed(Service::Rds, "DescribeDBSnapshots", &error))?;
        all.extend(page.db_snapshots.unwrap_or_default().into_iter().map(SnapshotSeen::from));
    }
    Ok(all)
}

/// What is copied, and how the copy is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copying {
    /// The ARN of the snapshot to copy.
    pub source_db_snapshot_arn: String,
    /// The copy's identifier.
    pub target_db_snapshot_identifier: String,
    /// The copy's key.
    pub kms_key_id: String,
    /// The copy's option group.
    pub option_group_name: Option<String>,
    /// Whether the source's option group is copied, too.
    pub copy_option_group: bool,
    /// The copy's tags; it inherits none.
    pub tags: Tags,
}

/// Starts a copy.
pub async fn copy(rds: &Client, copying: Copying) -> Result<(), CallFailed> {
    let copy = rds
        .copy_db_snapshot()
        .source_db_snapshot_identifier(copying.source_db_snapshot_arn)
        .target_db_snapshot_identifier(copying.target_db_snapshot_identifier)
        .kms_key_id(copying.kms_key_id)
        .copy_tags(false)
        .set_option_group_name(copying.option_group_name)
        .set_copy_option_group(copying.copy_option_group.then_some(true))
        .set_tags(Some(tag_list(copying.tags)));
    made("CopyDBSnapshot", copy.send().await)
}

/// The accounts that may copy and restore a snapshot; `None` when it does not exist.
pub async fn find_shared_accounts(rds: &Client, identifier: &str) -> Result<Option<Vec<String>>, CallFailed> {
    let answer = rds.describe_db_snapshot_attributes().db_snapshot_identifier(identifier).send().await;
    let answer =
        found(Service::Rds, "DescribeDBSnapshotAttributes", answer, |e| e.is_db_snapshot_not_found_fault())?;
    Ok(answer.map(|it| {
        let attributes = it.db_snapshot_attributes_result.and_then(|it| it.db_snapshot_attributes);
        let restore = attributes.into_iter().flatten().find(|it| it.attribute_name() == Some(RESTORE));
        restore.and_then(|it| it.attribute_values).unwrap_or_default()
    }))
}

/// Lets an account copy and restore a snapshot.
pub async fn share(rds: &Client, identifier: &str, account_id: &str) -> Result<(), CallFailed> {
    let share = rds.modify_db_snapshot_attribute().db_snapshot_identifier(identifier);
    made("ModifyDBSnapshotAttribute", share.attribute_name(RESTORE).values_to_add(account_id).send().await)
}

/// Deletes a snapshot.
pub async fn delete(rds: &Client, identifier: &str) -> Result<(), CallFailed> {
    made("DeleteDBSnapshot", rds.delete_db_snapshot().db_snapshot_identifier(identifier).send().await)
}
