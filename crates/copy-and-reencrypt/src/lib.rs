//! State `CopyAndReencrypt`, in both accounts: copies the run's DB snapshot under another key.
//!
//! In the source account it makes a copy that can be shared, unless the snapshot already can be. In the target account
//! it copies the shared snapshot, by ARN and from whatever Region, under the target's own key.

mod error;
mod key;
pub mod plan;

pub use error::Error;
pub use key::KeySeen;

use aws_sdk_rds::types::{DbSnapshot, Tag};
use lambda_support::{Service, call_failed, found, parse, tags};
use plan::{CopySeen, Plan, SourceSeen, plan_after_key_refused, plan_with_copy, plan_without_copy};
use replication::{Copy, DbSnapshotArn, Deadline, Look, Placement, ReplicationName, Run, Stage, made_here};
use serde::{Deserialize, Serialize};
use serde_json::Value;

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
    /// Who copies: this function's role, for messages about keys.
    pub principal_arn: String,
    /// ARNs of keys under which a snapshot is shared as it is. Never in the target account.
    #[serde(default)]
    pub shareable_keys: Vec<String>,
    /// `true`: copy even then. `false`: never copy. Unsaid: copy what is not under a shareable key.
    #[serde(default)]
    pub force_copy: Option<bool>,
    /// In the target account: its settings' place of the copy, for tags and option group.
    #[serde(default)]
    pub placement: Placement,
    /// How long the stage may wait, in seconds.
    pub stage_deadline_seconds: Deadline,
    /// What the last look answered; `{}` at first.
    pub stage: Stage,
}

impl Request {
    /// Whether the snapshot is another account's: there a copy has the run's plain name.
    fn is_foreign(&self) -> bool {
        self.target_db_snapshot_identifier == Copy::new(&self.replication, &self.run).identifier()
    }

    fn source_missing(&self) -> Error {
        let arn = self.source_db_snapshot_arn.to_string();
        if self.is_foreign() { Error::SnapshotNoLongerShared(arn) } else { Error::SnapshotNotFound(arn) }
    }

    fn key_not_usable(&self, key: &str, problem: &str) -> Error {
        let (key, principal, problem) = (key.to_owned(), self.principal_arn.clone(), problem.to_owned());
        Error::KeyNotUsable { key, principal, problem }
    }
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
/// Errors: `Snapferry.SnapshotNotFound`, `SnapshotNoLongerShared`, `SnapshotNotShareable`, `CopyFailed`, `CopyNotOurs`,
/// `KeyNotUsable`, `HandoffRefused`, `SnapshotQuotaExceeded`, `OptionGroupNotFound`, `InvalidRequest`, `StageTimedOut`,
/// `RdsRefused` (fatal), `RdsUnavailable`, `KmsUnavailable` (retry).
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
        None => {
            let source = find_source(rds, kms, &request).await?;
            plan_without_copy(&request, source.as_ref(), &key::look(kms, &request.kms_key_id).await?)?
        }
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
            Plan::Copy => start(rds, &request, &copy).await?,
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
        tags: tags(it.tag_list, |it| (it.key, it.value)),
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
            db_instance_identifier: request.source_db_instance_identifier.clone(),
            key: None,
        }));
    }
    let Some(it) = find(rds, &arn.to_string()).await? else { return Ok(None) };
    let key = match it.kms_key_id {
        Some(key) => {
            let seen = key::look(kms, &key).await?;
            Some((key, seen))
        }
        None => None,
    };
    Ok(Some(SourceSeen {
        status: it.status.unwrap_or_default(),
        db_instance_identifier: it.db_instance_identifier.unwrap_or_default(),
        key,
    }))
}

/// A quota, a state or a key that only needs patience is no error.
async fn start(rds: &aws_sdk_rds::Client, request: &Request, copy: &Copy) -> Result<Look, Error> {
    let arn = request.source_db_snapshot_arn.to_string();
    let (target, placement) = (&request.target_db_snapshot_identifier, &request.placement);
    let mut tags = placement.tags.clone();
    tags.extend(copy.tags());
    let answer = rds
        .copy_db_snapshot()
        .source_db_snapshot_identifier(&arn)
        .target_db_snapshot_identifier(target)
        .kms_key_id(&request.kms_key_id)
        .copy_tags(false)
        .set_option_group_name(placement.option_group_name.clone())
        .set_copy_option_group(placement.copy_option_group.then_some(true))
        .set_tags(Some(
            tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect(),
        ))
        .send()
        .await;
    let wait = |status: &str, reason: String| {
        Ok(request.stage.wait(status, None, request.stage_deadline_seconds, reason)?)
    };
    let Err(error) = answer else { return wait("copying", format!("started copying {arn} to {target}")) };
    let failed = call_failed(Service::Rds, "CopyDBSnapshot", &error);
    match error.as_service_error() {
        Some(it) if it.is_db_snapshot_already_exists_fault() => {
            wait("copying", format!("DB snapshot {target} exists already"))
        }
        Some(it) if it.is_db_snapshot_not_found_fault() => Err(request.source_missing()),
        Some(it) if it.is_invalid_db_snapshot_state_fault() => {
            wait("busy", format!("DB snapshot {arn} cannot be copied yet"))
        }
        // The same code names two quotas; only that of copies in flight passes by itself.
        // Source: wording seen in production, github.com/pbudzon/aws-maintenance#19 and #12.
        Some(it)
            if it.is_snapshot_quota_exceeded_fault()
                && failed.message.starts_with("Cannot copy more than") =>
        {
            wait("queued", "as many copies are in flight as the quota allows".to_owned())
        }
        Some(it) if it.is_snapshot_quota_exceeded_fault() => Err(Error::SnapshotQuotaExceeded),
        Some(it) if it.is_kms_key_not_accessible_fault() => {
            {
                // RDS's message tells which of the two it means.
                let key =
                    if failed.message.contains("source") { "of the snapshot" } else { &request.kms_key_id };
                plan_after_key_refused(request, key, &failed.message)
            }
        }
        _ if failed.code == "OptionGroupNotFoundFault" => {
            Err(Error::OptionGroupNotFound(placement.option_group_name.clone().unwrap_or_default()))
        }
        _ => Err(failed.into()),
    }
}
