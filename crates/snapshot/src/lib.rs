//! State `Snapshot`: creates the run's manual DB snapshot of the source and waits until it is available.

mod error;
pub mod plan;

pub use error::Error;

use aws_sdk_rds::Client;
use database::{Database, at_work, keep_seconds, last_snapshot_seconds, snapshot, started};
use plan::{Plan, after_refusal, plan_with_snapshot, plan_without_snapshot, run_of};
use replication::{Run, RunId, SourceDb, SourceInput};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use step::{Look, Waiting, parse};

/// `{"input": <the execution's input>, "execution": {"arn": …, "startedAt": …}, "stage": {}}`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// The source execution's input, as it is.
    pub input: SourceInput,
    /// The execution, for a run that no schedule started.
    pub execution: Execution,
    /// What the last look answered; `{}` at first.
    #[serde(rename = "stage")]
    pub waiting: Waiting,
}

/// The execution that calls.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Execution {
    /// Its ARN.
    pub arn: String,
    /// When it started, RFC 3339.
    pub started_at: jiff::Timestamp,
}

/// The run, its snapshot, and the input with every default filled in.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// Whether the snapshot is available.
    #[serde(flatten)]
    pub look: Look,
    /// The run.
    pub run: RunId,
    /// The snapshot's ARN, once a look has seen it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub db_snapshot_arn: Option<String>,
    /// The name of its re-encrypted copy, should it need one.
    pub reencrypted_db_snapshot_identifier: String,
    /// The input with every default filled in.
    pub settings: SourceInput,
}

/// Creates the run's snapshot, or looks how far it is. Safe to repeat: the run names the snapshot. It keeps the time of it
/// as a tag for the next run.
///
/// Errors: `Snapferry.SourceNotFound`, `SourceNotAvailable`, `SnapshotFailed`, `SnapshotNotOurs`,
/// `SnapshotQuotaExceeded`, `ClusterNotServed`, `InvalidRequest`, `StageTimedOut`, `RdsRefused` (fatal),
/// `RdsUnavailable` (retry).
/// Source: RDS API `CreateDBSnapshot`, `DescribeDBSnapshots`, `DescribeDBInstances`, `AddTagsToResource`.
pub async fn handle(rds: &Client, payload: Value) -> Result<Response, Error> {
    let Request { input, execution, waiting } = parse(payload)?;
    let source = match &input.source {
        // RDS takes any case and answers in lower case; comparisons later need its answer.
        SourceDb::DbInstanceIdentifier(identifier) => Database::Instance(identifier.to_lowercase()),
        SourceDb::DbClusterIdentifier(identifier) => Database::Cluster(identifier.to_lowercase()),
    };
    let identifier = source.served()?.to_owned();
    let run = Run::new(&input.replication, &run_of(&input, &execution)?);
    let deadline = input.stage_deadline_seconds;

    let found = snapshot::find(rds, &run.identifier()).await?;
    let last_seconds = async || last_snapshot_seconds(rds, &run, Run::identifier, &identifier).await;
    let waiting = match &found {
        Some(seen) if !seen.is_available() => at_work(waiting, last_seconds).await,
        _ => waiting,
    };
    let plan = match &found {
        Some(seen) => plan_with_snapshot(&run, seen, &waiting, deadline)?,
        None => plan_without_snapshot(&source, source.find(rds).await?.as_ref(), &waiting, deadline)?,
    };
    let look = match plan {
        Plan::Answer(look) => look,
        Plan::Create => match source.create_snapshot(rds, &run.identifier(), run.tags()).await {
            Ok(()) => {
                let reason = format!("started DB snapshot {} of {source}", run.identifier());
                let waiting = started(waiting, last_seconds).await;
                waiting.wait("creating", None, deadline, reason)?
            }
            Err(failed) => {
                let reason = after_refusal(&run, &source, failed)?;
                waiting.wait("creating", None, deadline, reason)?
            }
        },
    };
    if let Some(seen) = found.as_ref().filter(|_| look.done) {
        keep_seconds(rds, &seen.arn, &seen.tags, &look.waiting).await;
    }
    tracing::info!(replication = %run.replication, run = %run.id, done = look.done, reason = look.reason, "looked");
    Ok(Response {
        look,
        db_snapshot_arn: found.map(|it| it.arn),
        reencrypted_db_snapshot_identifier: run.reencrypted_identifier(),
        settings: SourceInput {
            run: Some(run.id.clone()),
            source: SourceDb::DbInstanceIdentifier(identifier),
            ..input
        },
        run: run.id,
    })
}
