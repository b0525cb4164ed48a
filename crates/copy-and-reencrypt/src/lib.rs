//! State `CopyAndReencrypt`, in both accounts: copies the run's DB snapshot under another key.
//!
//! In the source account it makes a copy that can be shared, unless the snapshot already can be. In the target account
//! it copies the shared snapshot, by ARN and from whatever Region, under the target's own key.

mod error;
mod key;
pub mod plan;

pub use error::Error;
pub use key::KeySeen;

use database::{SnapshotSeen, at_work, keep_seconds, last_snapshot_seconds, snapshot, started};
use plan::{Plan, SourceSeen, after_refusal, plan_with_copy, plan_without_copy};
use replication::{Account, DbSnapshotArn, Placement, ReplicationName, Run, RunId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use step::{Deadline, Look, Waiting, parse};

/// What to copy, and under which key. The run gives the copy its name.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// The account that the step works in.
    pub account: Account,
    /// The replication.
    pub replication: ReplicationName,
    /// The run.
    pub run: RunId,
    /// The snapshot to copy.
    pub source_db_snapshot_arn: DbSnapshotArn,
    /// The DB instance that the snapshot must be of.
    pub source_db_instance_identifier: String,
    /// In the target account: the key that the hand-off says the snapshot is under, if any.
    #[serde(default)]
    pub source_kms_key_id: Option<String>,
    /// The copy's key.
    pub kms_key_id: String,
    /// This function's role, for messages about keys.
    pub principal_arn: String,
    /// ARNs of keys under which a snapshot is shared as it is. None in the target account.
    #[serde(default)]
    pub shareable_keys: Vec<String>,
    /// `true`: copy even then. `false`: never copy. Unsaid: copy a snapshot that is not under a shareable key.
    #[serde(default)]
    pub force_copy: Option<bool>,
    /// In the target account: where the copy lives, for its tags and its option group.
    #[serde(default)]
    pub placement: Placement,
    /// How long the stage may wait, in seconds.
    pub stage_deadline_seconds: Deadline,
    /// What the last look answered; `{}` at first.
    #[serde(rename = "stage")]
    pub waiting: Waiting,
}

impl Request {
    fn run(&self) -> Run {
        Run::new(&self.replication, &self.run)
    }

    fn target_db_snapshot_identifier(&self) -> String {
        copy_of(&self.run(), self.account)
    }

    fn source_missing(&self) -> Error {
        let arn = self.source_db_snapshot_arn.to_string();
        match self.account {
            Account::Source => Error::SnapshotNotFound(arn),
            Account::Target => Error::SnapshotNoLongerShared(arn),
        }
    }

    fn key_not_usable(&self, key: &str, problem: &str) -> Error {
        let (key, principal, problem) = (key.to_owned(), self.principal_arn.clone(), problem.to_owned());
        Error::KeyNotUsable { key, principal, problem }
    }
}

/// The name of a run's copy. In the source account the run's own snapshot has the plain one.
fn copy_of(run: &Run, account: Account) -> String {
    match account {
        Account::Source => run.reencrypted_identifier(),
        Account::Target => run.identifier(),
    }
}

/// The snapshot to go on with: the copy, or the original when it can be shared as it is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// Whether the snapshot is available.
    #[serde(flatten)]
    pub look: Look,
    /// The snapshot's ARN, once a look has seen it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub db_snapshot_arn: Option<String>,
}

/// Starts the copy, or looks how far it is. Safe to repeat: the run names the copy. It keeps the time of it as a tag for
/// the next run.
///
/// Errors: `Snapferry.AcrossRegionsNotServed`, `SnapshotNotFound`, `SnapshotNoLongerShared`, `SnapshotNotShareable`,
/// `CopyFailed`, `CopyNotOurs`, `KeyNotUsable`, `HandoffRefused`, `SnapshotQuotaExceeded`, `OptionGroupNotFound`,
/// `InvalidRequest`, `StageTimedOut`, `RdsRefused` (fatal), `RdsUnavailable`, `KmsUnavailable` (retry).
/// Source: RDS API `CopyDBSnapshot`, `DescribeDBSnapshots`, `AddTagsToResource`; KMS API `DescribeKey`.
pub async fn handle(
    rds: &aws_sdk_rds::Client,
    kms: &aws_sdk_kms::Client,
    payload: Value,
) -> Result<Response, Error> {
    let mut request: Request = parse(payload)?;
    let run = request.run();

    let found = snapshot::find(rds, &request.target_db_snapshot_identifier()).await?;
    let (account, source) = (request.account, request.source_db_instance_identifier.clone());
    let last_seconds = async || last_snapshot_seconds(rds, &run, |run| copy_of(run, account), &source).await;
    if found.as_ref().is_some_and(|it| !it.is_available()) {
        request.waiting = at_work(request.waiting, last_seconds).await;
    }
    let mut source = None;
    let plan = match &found {
        Some(seen) => plan_with_copy(&request, &run, seen)?,
        None => {
            source = find_source(rds, kms, &request).await?;
            plan_without_copy(&request, &run, source.as_ref(), &key::look(kms, &request.kms_key_id).await?)?
        }
    };
    let (look, db_snapshot_arn) = match plan {
        Plan::Answer(look) => {
            if let Some(seen) = found.as_ref().filter(|_| look.done) {
                keep_seconds(rds, &seen.arn, &seen.tags, &look.waiting).await;
            }
            (look, found.map(|it| it.arn))
        }
        Plan::ShareAsItIs(look) => (look, Some(request.source_db_snapshot_arn.to_string())),
        Plan::Copy(copying) => {
            let target = copying.target_db_snapshot_identifier.clone();
            let look = match snapshot::copy(rds, copying).await {
                Ok(()) => {
                    let reason = format!("started copying {} to {target}", request.source_db_snapshot_arn);
                    let waiting = started(request.waiting, last_seconds).await;
                    waiting.wait("copying", None, request.stage_deadline_seconds, reason)?
                }
                Err(failed) => after_refusal(&request, source.as_ref(), failed)?,
            };
            (look, None)
        }
    };
    tracing::info!(replication = %run.replication, run = %run.id, done = look.done, reason = look.reason, "looked");
    Ok(Response { look, db_snapshot_arn })
}

async fn find_source(
    rds: &aws_sdk_rds::Client,
    kms: &aws_sdk_kms::Client,
    request: &Request,
) -> Result<Option<SourceSeen>, Error> {
    let arn = &request.source_db_snapshot_arn;
    let here = rds.config().region().map(|region| region.as_ref().to_owned());
    if here.as_deref() != Some(&arn.region) {
        // Only its own Region can describe it. RDS refuses the copy when the snapshot is gone or not shared.
        let seen = SnapshotSeen {
            status: "available".to_owned(),
            db_instance_identifier: Some(request.source_db_instance_identifier.clone()),
            ..SnapshotSeen::default()
        };
        let key = request.source_kms_key_id.clone().map(|key| (key, KeySeen::Elsewhere));
        return Ok(Some(SourceSeen { snapshot: seen, key }));
    }
    let Some(snapshot) = snapshot::find(rds, &arn.to_string()).await? else { return Ok(None) };
    let key = match &snapshot.kms_key_id {
        Some(key) => Some((key.clone(), key::look(kms, key).await?)),
        None => None,
    };
    Ok(Some(SourceSeen { snapshot, key }))
}
