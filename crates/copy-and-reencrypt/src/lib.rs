//! State `CopyAndReencrypt`, in both accounts: copies the run's DB snapshot under another key.
//!
//! In the source account it makes a copy that can be shared, unless the snapshot already can be. In the target account
//! it copies the shared snapshot, by ARN and from whatever Region, under the target's own key.

mod error;
pub mod plan;

pub use error::Error;

use aws_sdk_kms::types::{KeyManagerType, KeySpec, KeyState};
use aws_sdk_rds::types::{DbSnapshot, Tag};
use lambda_support::{Service, call_failed, found, parse};
use plan::{CopySeen, Plan, SourceSeen, plan_with_copy, plan_without_copy};
use replication::{Copy, DbSnapshotArn, Look, ReplicationName, Run, Stage, Tags, made_here};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Seconds for which a refused key is asked again: grants and key policies are eventually consistent, usually within
/// five minutes. Source: KMS API, CreateGrant.
const KMS_PROPAGATION_SECONDS: u64 = 300;

/// What to copy, under which name and key.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// The replication.
    pub replication: ReplicationName,
    /// The run.
    pub run: Run,
    /// The snapshot to copy.
    pub source_db_snapshot_arn: DbSnapshotArn,
    /// The DB instance that it must be of.
    pub source_db_instance_identifier: String,
    /// The copy's name: `<replication>-<run>`, in the source account with `-copy`.
    pub target_db_snapshot_identifier: String,
    /// The copy's key.
    pub kms_key_id: String,
    /// ARNs of keys under which a snapshot is shared as it is. Never in the target account.
    #[serde(default)]
    pub shareable_keys: Vec<String>,
    /// Copy even then.
    #[serde(default)]
    pub force_copy: bool,
    /// Further tags on the copy.
    #[serde(default)]
    pub tags: Tags,
    /// How long the stage may wait, in seconds.
    pub stage_deadline_seconds: u64,
    /// What the last look answered; `{}` at first.
    pub stage: Stage,
}

/// The snapshot to go on with: the copy, or the original when it can be shared as it is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// Whether the copy is available.
    #[serde(flatten)]
    pub look: Look,
    /// Its name.
    pub db_snapshot_identifier: String,
    /// Its ARN.
    pub db_snapshot_arn: String,
    /// Whether a copy was made.
    pub copied: bool,
}

/// Starts the copy, or looks how far it is. Safe to repeat: the run names the copy.
///
/// Errors: `Snapferry.SnapshotNotFound`, `CopyFailed`, `CopyNotOurs`, `KeyNotUsable`, `HandoffRefused`,
/// `InvalidRequest`, `StageTimedOut`, `RdsRefused`, `KmsRefused` (fatal), `RdsUnavailable`, `KmsUnavailable` (retry).
/// Source: RDS API `CopyDBSnapshot`, `DescribeDBSnapshots`; KMS API `DescribeKey`.
pub async fn handle(
    rds: &aws_sdk_rds::Client,
    kms: &aws_sdk_kms::Client,
    payload: Value,
) -> Result<Response, Error> {
    let request: Request = parse(payload)?;
    let copy = Copy::new(&request.replication, &request.run);
    if made_here(&request.target_db_snapshot_identifier, &copy.tags()).is_none() {
        return Err(Error::NotANameOfThisRun(request.target_db_snapshot_identifier));
    }

    let found = find(rds, &request.target_db_snapshot_identifier).await?.map(seen_copy);
    let plan = match &found {
        Some(seen) => plan_with_copy(&request, &copy, seen)?,
        None => plan_without_copy(&request, find_source(rds, kms, &request).await?.as_ref())?,
    };

    let mut answer = Response {
        db_snapshot_identifier: request.target_db_snapshot_identifier.clone(),
        db_snapshot_arn: found.map(|it| it.arn).unwrap_or_default(),
        copied: true,
        look: match plan {
            Plan::Answer(look) => look,
            Plan::ShareAsItIs => {
                request.stage.done("available", "the snapshot's key is shareable: no copy needed")
            }
            Plan::Copy => {
                let reason = start(rds, &request, &copy).await?;
                request.stage.wait("copying", None, request.stage_deadline_seconds, reason)?
            }
        },
    };
    if answer.look.done && answer.db_snapshot_arn.is_empty() {
        answer.copied = false;
        answer.db_snapshot_identifier = request.source_db_snapshot_arn.db_snapshot_identifier.clone();
        answer.db_snapshot_arn = request.source_db_snapshot_arn.to_string();
    }
    let Look { done, reason, .. } = &answer.look;
    tracing::info!(replication = %copy.replication, run = %copy.run, done, reason, "looked");
    Ok(answer)
}

/// By name in this account, or by ARN; a snapshot of another account is seen only as a shared one.
async fn find(rds: &aws_sdk_rds::Client, identifier: &str) -> Result<Option<DbSnapshot>, Error> {
    let answer = rds
        .describe_db_snapshots()
        .db_snapshot_identifier(identifier)
        .set_include_shared(identifier.starts_with("arn:").then_some(true))
        .send()
        .await;
    let answer = found(Service::Rds, "DescribeDBSnapshots", answer, |e| e.is_db_snapshot_not_found_fault())?;
    Ok(answer.and_then(|it| it.db_snapshots?.into_iter().next()))
}

fn seen_copy(it: DbSnapshot) -> CopySeen {
    CopySeen {
        arn: it.db_snapshot_arn.unwrap_or_default(),
        status: it.status.unwrap_or_default(),
        percent: it.percent_progress.and_then(|percent| u8::try_from(percent).ok()),
        kms_key_id: it.kms_key_id,
        tags: it
            .tag_list
            .unwrap_or_default()
            .into_iter()
            .filter_map(|t| Some((t.key?, t.value.unwrap_or_default())))
            .collect(),
    }
}

async fn find_source(
    rds: &aws_sdk_rds::Client,
    kms: &aws_sdk_kms::Client,
    request: &Request,
) -> Result<Option<SourceSeen>, Error> {
    let arn = &request.source_db_snapshot_arn;
    let here = rds.config().region().map(|region| region.as_ref().to_owned());
    if here.as_deref() != Some(&arn.region) {
        // Only its own Region can describe it. The copy itself is refused when it is gone or not shared.
        return Ok(Some(SourceSeen {
            status: "available".to_owned(),
            kms_key_id: None,
            db_instance_identifier: request.source_db_instance_identifier.clone(),
            under_shareable_key: false,
        }));
    }
    let Some(it) = find(rds, &arn.to_string()).await? else { return Ok(None) };
    let declared = it.kms_key_id.as_ref().is_some_and(|key| request.shareable_keys.contains(key));
    let under_shareable_key = match &it.kms_key_id {
        Some(key) if declared && !request.force_copy => is_shareable(kms, key).await?,
        _ => false,
    };
    Ok(Some(SourceSeen {
        status: it.status.unwrap_or_default(),
        kms_key_id: it.kms_key_id,
        db_instance_identifier: it.db_instance_identifier.unwrap_or_default(),
        under_shareable_key,
    }))
}

/// Whether a declared key can be used by another account at all: the source cannot see more than this.
async fn is_shareable(kms: &aws_sdk_kms::Client, key: &str) -> Result<bool, Error> {
    let answer = kms.describe_key().key_id(key).send().await;
    let Some(answer) = found(Service::Kms, "DescribeKey", answer, |e| e.is_not_found_exception())? else {
        return Ok(false);
    };
    Ok(answer.key_metadata.is_some_and(|key| {
        key.key_manager == Some(KeyManagerType::Customer)
            && key.key_state == Some(KeyState::Enabled)
            && key.key_spec == Some(KeySpec::SymmetricDefault)
    }))
}

/// Answers in words. A quota or a key that only needs patience is no error.
async fn start(rds: &aws_sdk_rds::Client, request: &Request, copy: &Copy) -> Result<String, Error> {
    let arn = request.source_db_snapshot_arn.to_string();
    let target = &request.target_db_snapshot_identifier;
    let mut tags = request.tags.clone();
    tags.extend(copy.tags());
    let answer = rds
        .copy_db_snapshot()
        .source_db_snapshot_identifier(&arn)
        .target_db_snapshot_identifier(target)
        .kms_key_id(&request.kms_key_id)
        .copy_tags(false)
        .set_tags(Some(
            tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect(),
        ))
        .send()
        .await;
    let Err(error) = answer else { return Ok(format!("started copying {arn} to {target}")) };
    let message =
        || error.as_service_error().and_then(|it| it.meta().message()).unwrap_or_default().to_owned();
    match error.as_service_error() {
        Some(it) if it.is_db_snapshot_already_exists_fault() => {
            Ok(format!("DB snapshot {target} exists already"))
        }
        Some(it) if it.is_db_snapshot_not_found_fault() => Err(Error::SnapshotNotFound(arn)),
        Some(it) if it.is_invalid_db_snapshot_state_fault() => {
            Ok(format!("DB snapshot {arn} cannot be copied yet"))
        }
        // The same code names two quotas; only that of copies in flight passes by itself.
        // Source: wording seen in production, github.com/pbudzon/aws-maintenance#19 and #12.
        Some(it)
            if it.is_snapshot_quota_exceeded_fault() && message().starts_with("Cannot copy more than") =>
        {
            Ok("as many copies are in flight as the quota allows".to_owned())
        }
        Some(it)
            if it.is_kms_key_not_accessible_fault() && request.stage.seconds < KMS_PROPAGATION_SECONDS =>
        {
            Ok(format!("a key cannot be used yet: {}", message()))
        }
        Some(it) if it.is_kms_key_not_accessible_fault() => {
            Err(Error::KeyNotUsable { arn, kms_key_id: request.kms_key_id.clone(), message: message() })
        }
        _ => Err(call_failed(Service::Rds, "CopyDBSnapshot", &error).into()),
    }
}
