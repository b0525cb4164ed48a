//! State `Share`: lets the target account copy the run's DB snapshot, and hands it off.

mod error;
pub mod handoff;
pub mod key_policy;
pub mod plan;

pub use error::Error;

use aws_sdk_rds::types::{DbInstance, DbSnapshot};
use handoff::handoff;
use lambda_support::{Service, call_failed, found, parse, tags};
use plan::{Plan, check_policy, own_key, plan};
use replication::{AccountId, Copy, DbSnapshotArn, Deadline, Handoff, Look, ReplicationName, Run, Stage};
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

/// Reads the policy of the snapshot's key, when that is this account's. One that this role may not read is not checked.
async fn check_key(kms: &aws_sdk_kms::Client, request: &Request, key: Option<&str>) -> Result<(), Error> {
    let Some(key) = own_key(key, &request.db_snapshot_arn.account_id) else { return Ok(()) };
    let answer = kms.get_key_policy().key_id(key).send().await;
    let policy = match answer.map_err(|error| call_failed(Service::Kms, "GetKeyPolicy", &error)) {
        Ok(answer) => answer.policy,
        Err(failed) if failed.transient => return Err(failed.into()),
        Err(failed) => {
            tracing::warn!(key, %failed, "the key's policy cannot be read, so it is not checked for the target account");
            return Ok(());
        }
    };
    check_policy(key, &policy.unwrap_or_default(), &request.target_account_id)
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
