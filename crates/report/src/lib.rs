//! State `Report`, at the end of a machine and at the start of the clean-up: publishes the outcome of an execution to the
//! account's operations topic, and answers it. The outcome is the execution's output.
//!
//! A success is told by its machine, in words and facts of its family. A failure is read from its event.

mod error;
pub mod input;
pub mod plan;

pub use error::Error;

use aws_sdk_sns::Client;
use input::prune_request;
use lambda_support::{Service, call_failed};
use plan::{of_failure, of_success};
use replication::Account;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use step::parse;

/// `{"topicArn": …, "outcome": {"succeeded": {…}} or {"ended": {…}}}`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// The operations topic.
    pub topic_arn: String,
    /// What became of the execution.
    pub outcome: OutcomeRequest,
}

/// What became of an execution.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OutcomeRequest {
    /// It went through.
    Succeeded(Box<Succeeded>),
    /// It failed, timed out or was aborted.
    Ended(Box<EndedIn>),
}

/// An execution of any machine that went through.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Succeeded {
    /// The execution.
    pub execution_arn: String,
    /// The outcome in one word, such as `SUCCEEDED`.
    pub outcome: String,
    /// The report's subject, without `Snapferry: `.
    pub subject: String,
    /// Seconds that each step waited.
    pub waited_seconds: BTreeMap<String, u64>,
    /// All else that is told, as the machine's family knows it.
    pub facts: Map<String, Value>,
}

/// An execution that did not go through, and the account that it ran in.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EndedIn {
    /// The account.
    pub account: Account,
    /// The event.
    pub execution: Ended,
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

/// The outcome, and what is left to prune.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// The outcome as it was published.
    pub outcome: Value,
    /// `account` of `Prune`'s request; null when there is nothing to prune by.
    pub prune: Option<Value>,
}

/// Publishes the outcome. Repeated after a lost answer it may be published twice, never lost.
///
/// Errors: `Snapferry.InvalidRequest`, `SnsRefused` (fatal), `SnsUnavailable` (retry).
/// Source: SNS API `Publish`; EventBridge event of Step Functions "Execution Status Change".
pub async fn handle(sns: &Client, payload: Value) -> Result<Response, Error> {
    let request: Request = parse(payload)?;
    let (outcome, prune) = match request.outcome {
        OutcomeRequest::Succeeded(it) => (of_success(*it), None),
        OutcomeRequest::Ended(it) => (of_failure(&it), prune_request(&it)),
    };
    let publish = sns.publish().topic_arn(&request.topic_arn).subject(&outcome.subject);
    let answer = publish.message(outcome.message.to_string()).send().await;
    answer.map_err(|error| call_failed(Service::Sns, "Publish", &error))?;
    tracing::info!(subject = outcome.subject, "reported");
    Ok(Response { outcome: outcome.message, prune })
}
