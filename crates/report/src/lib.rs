//! State `Report`, at the end of the target machine and at the start of the clean-up: publishes what became of an
//! execution to the account's operations topic.

mod error;
pub mod plan;

pub use error::Error;

use aws_sdk_sns::Client;
use lambda_support::{Service, call_failed, parse};
use plan::{of_failure, of_rollback, of_success, prune_request};
use replication::{Handoff, ReplicationName, Run};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// `{"topicArn": …, "outcome": {"succeeded": {…}}, {"rolledBack": {…}} or {"ended": {…}}}`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// The operations topic.
    pub topic_arn: String,
    /// What became of the execution.
    pub outcome: OutcomeRequest,
    /// The stack's application's secret; empty in the source account.
    #[serde(default)]
    pub application_secret_arn: String,
}

/// What became of the execution.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OutcomeRequest {
    /// A target execution went through.
    Succeeded(Box<Succeeded>),
    /// A rollback went through.
    RolledBack(Box<RolledBack>),
    /// An execution of either account failed, timed out or was aborted.
    Ended(Ended),
}

/// A target execution that went through.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Succeeded {
    /// The execution.
    pub execution_arn: String,
    /// What was handed off.
    pub handoff: Handoff,
    /// Seconds that each step waited.
    pub waited_seconds: BTreeMap<String, u64>,
    /// The last answer of `Verify`.
    pub verified: Verified,
    /// The last answer of `PromoteSecret`.
    pub promoted: Promoted,
    /// The last answer of `Prune`.
    pub pruned: Pruned,
}

/// A rollback that went through.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RolledBack {
    /// The execution.
    pub execution_arn: String,
    /// The replication.
    pub replication: ReplicationName,
    /// The run whose copy it went to.
    pub run: Run,
    /// Where it was told to go: `previous`, `latest` or a run.
    pub to: String,
    /// Seconds that each step waited.
    pub waited_seconds: BTreeMap<String, u64>,
    /// The last answer of `PromoteSecret`.
    pub promoted: Promoted,
}

/// What is told of `Verify`'s answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    /// How old the data was then, in seconds.
    pub data_age_seconds: i64,
    /// By what it was proven.
    pub checked_by: String,
    /// What was proven of the connection.
    pub tls: String,
    /// Every assertion with what was found.
    pub assertions: Value,
    /// How many logins were locked or given another password.
    pub logins_changed: u64,
}

/// What is told of `PromoteSecret`'s answer.
#[derive(Debug, Deserialize)]
pub struct Promoted {
    /// Whether the copy is live.
    pub live: bool,
    /// Why, or why not.
    pub reason: String,
}

/// What is told of `Prune`'s answer.
#[derive(Debug, Deserialize)]
pub struct Pruned {
    /// The verdict on each run.
    pub runs: Value,
    /// What was deleted.
    pub deleted: Vec<String>,
}

/// The `detail` of an EventBridge event "Step Functions Execution Status Change"; its other fields are not needed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ended {
    /// The execution.
    pub execution_arn: String,
    /// Its name.
    pub name: String,
    /// `FAILED`, `TIMED_OUT` or `ABORTED`.
    pub status: String,
    /// When it started, in milliseconds since 1970.
    pub start_date: Option<i64>,
    /// Its input as JSON text; absent when it is too large for an event.
    pub input: Option<String>,
    /// The error's name; absent unless it failed.
    pub error: Option<String>,
    /// The error's cause; absent unless it failed.
    pub cause: Option<String>,
}

/// What is left to prune.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// `account` of `Prune`'s request; null when there is nothing to prune by.
    pub prune: Option<Value>,
}

/// Publishes the outcome. Repeated after a lost answer it may be published twice, never lost.
///
/// Errors: `Snapferry.InvalidRequest`, `SnsRefused` (fatal), `SnsUnavailable` (retry).
/// Source: SNS API `Publish`; EventBridge event of Step Functions "Execution Status Change".
pub async fn handle(sns: &Client, payload: Value) -> Result<Response, Error> {
    let request: Request = parse(payload)?;
    let (outcome, prune) = match &request.outcome {
        OutcomeRequest::Succeeded(it) => (of_success(it), None),
        OutcomeRequest::RolledBack(it) => (of_rollback(it), None),
        OutcomeRequest::Ended(it) => (of_failure(it), prune_request(it, &request.application_secret_arn)),
    };
    let publish = sns.publish().topic_arn(&request.topic_arn).subject(&outcome.subject);
    let answer = publish.message(outcome.message.to_string()).send().await;
    answer.map_err(|error| call_failed(Service::Sns, "Publish", &error))?;
    tracing::info!(subject = outcome.subject, "reported");
    Ok(Response { prune })
}
