//! State `Share`: lets the target account copy the run's DB snapshot, and hands it off.

mod error;
pub mod handoff;
pub mod key_policy;
pub mod plan;

pub use error::Error;

use database::{Database, snapshot};
use handoff::handoff;
use lambda_support::{Config, Service, call_failed};
use plan::{Plan, after_refusal, check_policy, own_key, plan};
use replication::{DbSnapshotArn, Handoff, ReplicationName, Run, RunId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use step::{AccountId, Deadline, InvalidRequest, Look, Waiting, parse};

/// The clients of this function.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each client is of the service of that name")]
pub struct Clients {
    pub rds: aws_sdk_rds::Client,
    pub kms: aws_sdk_kms::Client,
    pub sns: aws_sdk_sns::Client,
}

impl Clients {
    /// All of them, once per cold start.
    pub fn new(config: &Config) -> Self {
        Self {
            rds: aws_sdk_rds::Client::new(config),
            kms: aws_sdk_kms::Client::new(config),
            sns: aws_sdk_sns::Client::new(config),
        }
    }
}

/// Which snapshot to share with whom, and where to say so.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// The replication.
    pub replication: ReplicationName,
    /// The run.
    pub run: RunId,
    /// The snapshot.
    pub db_snapshot_arn: DbSnapshotArn,
    /// The account that may copy it.
    pub target_account_id: AccountId,
    /// The topic of the hand-off.
    pub topic_arn: String,
    /// How long the stage may wait, in seconds.
    pub stage_deadline_seconds: Deadline,
    /// What the last look answered; `{}` at first.
    #[serde(rename = "stage")]
    pub waiting: Waiting,
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
/// Before that it reads the policy of the snapshot's key, when the key is this account's: an action that the policy lacks
/// would fail the target account hours later, with a message that does not say so.
/// Errors: `Snapferry.AccountNotAllowed`, `KeyNotShared`, `SnapshotNotFound`, `SnapshotNotOurs`, `InvalidRequest`,
/// `StageTimedOut`, `RdsRefused`, `SnsRefused` (fatal), `RdsUnavailable`, `KmsUnavailable`, `SnsUnavailable` (retry).
/// Source: RDS API `ModifyDBSnapshotAttribute`, attribute `restore`; KMS API `GetKeyPolicy`; SNS API `Publish`.
pub async fn handle(clients: &Clients, allowed: &[String], payload: Value) -> Result<Response, Error> {
    let request: Request = parse(payload)?;
    let run = Run::new(&request.replication, &request.run);
    let (rds, identifier) = (&clients.rds, &request.db_snapshot_arn.db_snapshot_identifier);
    let gone = || Error::SnapshotNotFound(identifier.clone());

    let snapshot = snapshot::find(rds, identifier).await?.ok_or_else(gone)?;
    let shared_with = snapshot::find_shared_accounts(rds, identifier).await?.ok_or_else(gone)?;
    let plan = plan(&run, identifier, &snapshot.tags, &request.target_account_id, allowed, &shared_with)?;
    let key = check_key(&clients.kms, &request, snapshot.kms_key_id.as_deref()).await?;
    if plan == Plan::Share
        && let Err(failed) = snapshot::share(rds, identifier, request.target_account_id.as_str()).await
    {
        return Ok(Response { look: after_refusal(&request, failed)?, handoff: None });
    }

    // `None` when the DB instance is gone: the copy then has no defaults but the snapshot's.
    let source = Database::Instance(snapshot.db_instance_identifier.clone().unwrap_or_default());
    let handoff = handoff(&request, snapshot, source.find(rds).await?)?;
    publish(&clients.sns, &request.topic_arn, &handoff).await?;
    let mut reason =
        format!("shared {identifier} with account {} and handed it off", request.target_account_id);
    if let KeyChecked::Unknown(why) = key {
        reason = format!("{reason}; {why}");
    }
    tracing::info!(replication = %run.replication, run = %run.id, reason, "handed off");
    Ok(Response { look: request.waiting.done("shared", reason), handoff: Some(handoff) })
}

/// What is known of the target account and the snapshot's key.
enum KeyChecked {
    /// The target can use it, or the key is another account's.
    Passed,
    /// Whether the target can use it is not known, and why.
    Unknown(String),
}

/// Reads the policy of the snapshot's key, when the key is this account's. A policy that this role may not read is not
/// checked.
async fn check_key(
    kms: &aws_sdk_kms::Client,
    request: &Request,
    key: Option<&str>,
) -> Result<KeyChecked, Error> {
    let Some(key) = own_key(key, &request.db_snapshot_arn.account_id) else { return Ok(KeyChecked::Passed) };
    let unknown = |why: String| {
        tracing::warn!(key, why, "the key is not checked for the target account");
        Ok(KeyChecked::Unknown(why))
    };
    let answer = kms.get_key_policy().key_id(key).send().await;
    let policy = match answer.map_err(|error| call_failed(Service::Kms, "GetKeyPolicy", &error)) {
        Ok(answer) => answer.policy,
        Err(failed) if failed.name.retryable() => return Err(failed.into()),
        Err(failed) => return unknown(format!("the policy of key {key} was not checked: {failed}")),
    };
    let actions = check_policy(key, &policy.unwrap_or_default(), &request.target_account_id)?;
    if actions.is_empty() {
        return Ok(KeyChecked::Passed);
    }
    unknown(format!("whether the policy of key {key} allows {} there is not known here", actions.join(", ")))
}

async fn publish(sns: &aws_sdk_sns::Client, topic_arn: &str, handoff: &Handoff) -> Result<(), Error> {
    let message = serde_json::to_string(handoff)
        .map_err(|error| InvalidRequest { path: "handoff".to_owned(), message: error.to_string() })?;
    let answer = sns.publish().topic_arn(topic_arn).message(message).send().await;
    answer.map_err(|error| call_failed(Service::Sns, "Publish", &error))?;
    Ok(())
}
