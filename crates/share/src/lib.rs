//! State `Share`: lets the target account copy the run's DB snapshot, and hands it off.

mod error;
pub mod key_policy;
pub mod plan;

pub use error::Error;

use aws_sdk_rds::types::{DbInstance, DbSnapshot};
use jiff::Timestamp;
use key_policy::missing_actions;
use lambda_support::{Service, call_failed, found, parse, tags};
use plan::{Plan, plan};
use replication::{
    AccountId, Bounded, Copy, DbInstanceSettings, DbSnapshotArn, Deadline, Handoff, Look, MESSAGE_VERSION,
    ReplicationName, Run, Stage,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Which snapshot to share with whom, and where to say so.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// The replication.
    pub replication: ReplicationName,
    /// The run.
    pub run: Run,
    /// The snapshot.
    pub db_snapshot_arn: DbSnapshotArn,
    /// The account that may copy it.
    pub target_account_id: AccountId,
    /// The topic of the hand-off.
    pub topic_arn: String,
    /// How long the stage may wait, in seconds.
    pub stage_deadline_seconds: Deadline,
    /// What the last look answered; `{}` at first.
    pub stage: Stage,
}

/// What was handed off.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// Done, unless RDS could not share the snapshot yet.
    #[serde(flatten)]
    pub look: Look,
    /// The hand-off as it was published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handoff: Option<Handoff>,
}

/// Shares a manual DB snapshot with one account, then publishes the hand-off.
///
/// Safe to repeat: sharing twice changes nothing, and the receiver knows a hand-off that it has seen.
/// Before that it reads the policy of the snapshot's key, when that is this account's: what is missing there would fail
/// the target account hours later, with a message that does not say so.
/// Errors: `Snapferry.AccountNotAllowed`, `KeyNotShared`, `SnapshotNotFound`, `SnapshotNotOurs`, `InvalidRequest`,
/// `StageTimedOut`, `RdsRefused`, `SnsRefused` (fatal), `RdsUnavailable`, `KmsUnavailable`, `SnsUnavailable` (retry).
/// Source: RDS API `ModifyDBSnapshotAttribute`, attribute `restore`; KMS API `GetKeyPolicy`; SNS API `Publish`.
pub async fn handle(
    rds: &aws_sdk_rds::Client,
    kms: &aws_sdk_kms::Client,
    sns: &aws_sdk_sns::Client,
    allowed: &[String],
    payload: Value,
) -> Result<Response, Error> {
    let request: Request = parse(payload)?;
    let copy = Copy::new(&request.replication, &request.run);
    let identifier = &request.db_snapshot_arn.db_snapshot_identifier;

    let snapshot = find_snapshot(rds, identifier).await?;
    let shared_with = find_shared_accounts(rds, identifier).await?;
    let tags = tags(snapshot.tag_list.clone(), |it| (it.key, it.value));
    let plan = plan(&copy, identifier, &tags, &request.target_account_id, allowed, &shared_with)?;
    check_key(kms, &request, snapshot.kms_key_id()).await?;
    if plan == Plan::Share {
        let (stage, deadline) = (&request.stage, request.stage_deadline_seconds);
        let look = match share(rds, identifier, &request.target_account_id).await {
            Ok(true) => None,
            Ok(false) => Some(stage.wait(
                "unshared",
                None,
                deadline,
                format!("DB snapshot {identifier} cannot be shared yet"),
            )?),
            Err(error) if error.may_pass() => Some(stage.refused(deadline, error.to_string())?.ok_or(error)?),
            Err(error) => return Err(error),
        };
        if let Some(look) = look {
            return Ok(Response { look, handoff: None });
        }
    }

    let instance = find_instance(rds, snapshot.db_instance_identifier().unwrap_or_default()).await?;
    let handoff = handoff(&request, &snapshot, instance)?;
    publish(sns, &request.topic_arn, &handoff).await?;
    let reason = format!("shared {identifier} with account {} and handed it off", request.target_account_id);
    tracing::info!(replication = %copy.replication, run = %copy.run, reason, "handed off");
    Ok(Response { look: request.stage.done("shared", reason), handoff: Some(handoff) })
}

async fn check_key(kms: &aws_sdk_kms::Client, request: &Request, key: Option<&str>) -> Result<(), Error> {
    // arn:<partition>:kms:<region>:<account>:key/<id>
    let owner = |key: &str| key.split(':').nth(4).map(str::to_owned);
    let Some(key) =
        key.filter(|key| owner(key).as_deref() == Some(request.db_snapshot_arn.account_id.as_str()))
    else {
        return Ok(());
    };
    let answer = kms.get_key_policy().key_id(key).send().await;
    let answer = match answer.map_err(|error| call_failed(Service::Kms, "GetKeyPolicy", &error)) {
        Ok(answer) => answer,
        Err(failed) if failed.transient => return Err(failed.into()),
        Err(failed) => {
            tracing::warn!(key, %failed, "the key's policy cannot be read, so it is not checked for the target account");
            return Ok(());
        }
    };
    let policy = serde_json::from_str(answer.policy().unwrap_or_default()).unwrap_or_default();
    let missing = missing_actions(&policy, request.target_account_id.as_str());
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::KeyNotShared { key: key.to_owned(), account: request.target_account_id.clone(), missing })
}

async fn find_snapshot(rds: &aws_sdk_rds::Client, identifier: &str) -> Result<DbSnapshot, Error> {
    let answer = rds.describe_db_snapshots().db_snapshot_identifier(identifier).send().await;
    found(Service::Rds, "DescribeDBSnapshots", answer, |e| e.is_db_snapshot_not_found_fault())?
        .and_then(|it| it.db_snapshots?.into_iter().next())
        .ok_or_else(|| Error::SnapshotNotFound(identifier.to_owned()))
}

async fn find_shared_accounts(rds: &aws_sdk_rds::Client, identifier: &str) -> Result<Vec<String>, Error> {
    let answer = rds.describe_db_snapshot_attributes().db_snapshot_identifier(identifier).send().await;
    let answer =
        found(Service::Rds, "DescribeDBSnapshotAttributes", answer, |e| e.is_db_snapshot_not_found_fault())?;
    let attributes = answer
        .ok_or_else(|| Error::SnapshotNotFound(identifier.to_owned()))?
        .db_snapshot_attributes_result
        .and_then(|it| it.db_snapshot_attributes)
        .unwrap_or_default();
    let restore = attributes.into_iter().find(|it| it.attribute_name() == Some("restore"));
    Ok(restore.and_then(|it| it.attribute_values).unwrap_or_default())
}

/// `None` when the instance is gone: the copy then has no defaults but the snapshot's.
async fn find_instance(rds: &aws_sdk_rds::Client, identifier: &str) -> Result<Option<DbInstance>, Error> {
    let answer = rds.describe_db_instances().db_instance_identifier(identifier).send().await;
    let answer = found(Service::Rds, "DescribeDBInstances", answer, |e| e.is_db_instance_not_found_fault())?;
    Ok(answer.and_then(|it| it.db_instances?.into_iter().next()))
}

/// False when the snapshot's state does not allow it yet.
async fn share(rds: &aws_sdk_rds::Client, identifier: &str, account: &AccountId) -> Result<bool, Error> {
    let answer = rds
        .modify_db_snapshot_attribute()
        .db_snapshot_identifier(identifier)
        .attribute_name("restore")
        .values_to_add(account.as_str())
        .send()
        .await;
    match answer {
        Ok(_) => Ok(true),
        Err(error) => match error.as_service_error() {
            Some(it) if it.is_invalid_db_snapshot_state_fault() => Ok(false),
            Some(it) if it.is_db_snapshot_not_found_fault() => {
                Err(Error::SnapshotNotFound(identifier.to_owned()))
            }
            _ => Err(call_failed(Service::Rds, "ModifyDBSnapshotAttribute", &error).into()),
        },
    }
}

async fn publish(sns: &aws_sdk_sns::Client, topic_arn: &str, handoff: &Handoff) -> Result<(), Error> {
    let message = serde_json::to_string(handoff).map_err(|error| lambda_support::InvalidRequest {
        path: "handoff".to_owned(),
        message: error.to_string(),
    })?;
    let answer = sns.publish().topic_arn(topic_arn).message(message).send().await;
    answer.map_err(|error| call_failed(Service::Sns, "Publish", &error))?;
    Ok(())
}

/// The hand-off follows from the snapshot and its instance alone, so that a repeated step publishes the same one.
fn handoff(request: &Request, snapshot: &DbSnapshot, instance: Option<DbInstance>) -> Result<Handoff, Error> {
    let arn = &request.db_snapshot_arn;
    let need = |value: Option<&str>, field| {
        value.map(str::to_owned).ok_or_else(|| Error::SnapshotIncomplete { arn: arn.to_string(), field })
    };
    // `SnapshotCreateTime` changes on copy, the other two do not.
    let current = snapshot
        .snapshot_database_time()
        .or(snapshot.original_snapshot_create_time())
        .or(snapshot.snapshot_create_time())
        .and_then(|at| Timestamp::new(at.secs(), 0).ok())
        .ok_or_else(|| Error::SnapshotIncomplete { arn: arn.to_string(), field: "SnapshotCreateTime" })?;
    Ok(Handoff {
        version: MESSAGE_VERSION,
        replication: request.replication.clone(),
        run: request.run.clone(),
        source_account_id: arn.account_id.clone(),
        source_region: arn.region.clone(),
        db_instance_identifier: need(snapshot.db_instance_identifier(), "DBInstanceIdentifier")?,
        db_snapshot_arn: arn.clone(),
        engine: need(snapshot.engine(), "Engine")?,
        engine_version: need(snapshot.engine_version(), "EngineVersion")?,
        kms_key_id: snapshot.kms_key_id().map(str::to_owned),
        allocated_storage: snapshot.allocated_storage().unwrap_or_default(),
        data_current_at: current,
        master_username: need(snapshot.master_username(), "MasterUsername")?,
        db_name: instance.as_ref().and_then(|it| it.db_name.clone()),
        db_instance: instance.map(defaults).unwrap_or_default(),
    })
}

/// What every gp3 volume has. RDS reports it, but refuses to be given it for a small volume: "You can't specify IOPS or
/// storage throughput". Source: RDS User Guide, "Amazon RDS DB instance storage", gp3.
const GP3_BASELINE_IOPS: i32 = 3_000;
/// The same, in MiB/s.
const GP3_BASELINE_THROUGHPUT: i32 = 125;

/// The source's settings that mean the same in another account.
fn defaults(it: DbInstance) -> DbInstanceSettings {
    let gp3 = it.storage_type.as_deref() == Some("gp3");
    DbInstanceSettings {
        port: it.endpoint.and_then(|endpoint| endpoint.port).and_then(Bounded::new),
        db_instance_class: it.db_instance_class,
        multi_az: it.multi_az,
        storage_type: it.storage_type,
        iops: it.iops.filter(|it| !gp3 || *it > GP3_BASELINE_IOPS).and_then(Bounded::new),
        storage_throughput: it
            .storage_throughput
            .filter(|it| *it > GP3_BASELINE_THROUGHPUT)
            .and_then(Bounded::new),
        // A copy is as large as its snapshot, unless the target wants it larger.
        allocated_storage: None,
        max_allocated_storage: it.max_allocated_storage.and_then(Bounded::new),
        enable_iam_database_authentication: it.iam_database_authentication_enabled,
        enable_cloudwatch_logs_exports: it.enabled_cloudwatch_logs_exports.filter(|list| !list.is_empty()),
        ca_certificate_identifier: it.ca_certificate_identifier,
        backup_retention_period: it.backup_retention_period.and_then(Bounded::new),
        preferred_backup_window: it.preferred_backup_window,
        preferred_maintenance_window: it.preferred_maintenance_window,
        auto_minor_version_upgrade: it.auto_minor_version_upgrade,
        engine_lifecycle_support: it.engine_lifecycle_support,
        license_model: it.license_model,
        deletion_protection: it.deletion_protection,
        copy_tags_to_snapshot: it.copy_tags_to_snapshot,
        network_type: it.network_type,
        monitoring_interval: it.monitoring_interval.and_then(Bounded::new),
        enable_performance_insights: it.performance_insights_enabled,
        performance_insights_retention_period: it
            .performance_insights_retention_period
            .and_then(Bounded::new),
    }
}
