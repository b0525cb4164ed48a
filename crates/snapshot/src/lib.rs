//! State `Snapshot`: creates the run's manual DB snapshot of the source and waits until it is available.

mod error;
pub mod plan;

pub use error::Error;

use aws_sdk_rds::Client;
use aws_sdk_rds::types::Tag;
use lambda_support::{Service, call_failed, found, parse, tags};
use plan::{InstanceSeen, Plan, SnapshotSeen, plan_with_snapshot, plan_without_snapshot, run_of};
use replication::{Copy, Look, Run, SourceDb, SourceInput, Stage};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `{"input": <the execution's input>, "execution": {"arn": …, "startedAt": …}, "stage": {}}`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// The source execution's input, as it is.
    pub input: SourceInput,
    /// The execution, for a run that no schedule started.
    pub execution: Execution,
    /// What the last look answered; `{}` at first.
    pub stage: Stage,
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
    pub run: Run,
    /// The snapshot's name.
    pub db_snapshot_identifier: String,
    /// The snapshot's ARN, once a look has seen it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub db_snapshot_arn: Option<String>,
    /// The name of its re-encrypted copy, should it need one.
    pub reencrypted_db_snapshot_identifier: String,
    /// The input with every default filled in.
    pub settings: SourceInput,
}

/// Creates the run's snapshot, or looks how far it is. Safe to repeat: the run names the snapshot.
///
/// Errors: `Snapferry.SourceNotFound`, `SourceNotAvailable`, `SnapshotFailed`, `SnapshotNotOurs`,
/// `SnapshotQuotaExceeded`, `ClusterNotServed`, `InvalidRequest`, `StageTimedOut`, `RdsRefused` (fatal),
/// `RdsUnavailable` (retry).
/// Source: RDS API `CreateDBSnapshot`, `DescribeDBSnapshots`, `DescribeDBInstances`.
pub async fn handle(rds: &Client, payload: Value) -> Result<Response, Error> {
    let Request { input, execution, stage } = parse(payload)?;
    let identifier = match &input.source {
        // RDS takes any case and answers in lower case; what is compared later must be as it answers.
        SourceDb::DbInstanceIdentifier(identifier) => identifier.to_lowercase(),
        SourceDb::DbClusterIdentifier(identifier) => return Err(Error::ClusterNotServed(identifier.clone())),
    };
    let run = run_of(&input, &execution)?;
    let copy = Copy::new(&input.replication, &run);
    let deadline = input.stage_deadline_seconds;

    let snapshot = find_snapshot(rds, &copy).await?;
    let plan = match &snapshot {
        Some(snapshot) => plan_with_snapshot(&copy, snapshot, &stage, deadline)?,
        None => plan_without_snapshot(
            &identifier,
            find_instance(rds, &identifier).await?.as_ref(),
            &stage,
            deadline,
        )?,
    };
    let look = match plan {
        Plan::Answer(look) => look,
        Plan::Create => {
            let reason = create(rds, &copy, &identifier).await?;
            stage.wait("creating", None, deadline, reason)?
        }
    };
    tracing::info!(replication = %copy.replication, run = %copy.run, done = look.done, reason = look.reason, "looked");
    Ok(Response {
        look,
        db_snapshot_identifier: copy.identifier(),
        db_snapshot_arn: snapshot.map(|it| it.arn),
        reencrypted_db_snapshot_identifier: copy.reencrypted_identifier(),
        settings: SourceInput {
            run: Some(run.clone()),
            source: SourceDb::DbInstanceIdentifier(identifier),
            ..input
        },
        run,
    })
}

async fn find_snapshot(rds: &Client, copy: &Copy) -> Result<Option<SnapshotSeen>, Error> {
    let answer = rds.describe_db_snapshots().db_snapshot_identifier(copy.identifier()).send().await;
    let answer = found(Service::Rds, "DescribeDBSnapshots", answer, |e| e.is_db_snapshot_not_found_fault())?;
    Ok(answer.and_then(|it| it.db_snapshots?.into_iter().next()).map(|it| SnapshotSeen {
        arn: it.db_snapshot_arn.unwrap_or_default(),
        status: it.status.unwrap_or_default(),
        percent: it.percent_progress.and_then(|percent| u8::try_from(percent).ok()),
        tags: tags(it.tag_list, |it| (it.key, it.value)),
    }))
}

async fn find_instance(rds: &Client, identifier: &str) -> Result<Option<InstanceSeen>, Error> {
    let answer = rds.describe_db_instances().db_instance_identifier(identifier).send().await;
    let answer = found(Service::Rds, "DescribeDBInstances", answer, |e| e.is_db_instance_not_found_fault())?;
    Ok(answer.and_then(|it| it.db_instances?.into_iter().next()).map(|it| InstanceSeen {
        status: it.db_instance_status.unwrap_or_default(),
        db_cluster_identifier: it.db_cluster_identifier,
    }))
}

/// Answers in words. That the instance became busy, or that the snapshot exists by now, is seen by the next look.
async fn create(rds: &Client, copy: &Copy, identifier: &str) -> Result<String, Error> {
    let snapshot = copy.identifier();
    let answer = rds
        .create_db_snapshot()
        .db_instance_identifier(identifier)
        .db_snapshot_identifier(&snapshot)
        .set_tags(Some(
            copy.tags()
                .into_iter()
                .map(|(key, value)| Tag::builder().key(key).value(value).build())
                .collect(),
        ))
        .send()
        .await;
    match answer {
        Ok(_) => Ok(format!("started DB snapshot {snapshot} of {identifier}")),
        Err(error) => match error.as_service_error() {
            Some(it) if it.is_db_instance_not_found_fault() => {
                Err(Error::SourceNotFound(identifier.to_owned()))
            }
            Some(it) if it.is_invalid_db_instance_state_fault() => {
                Ok(format!("DB instance {identifier} became busy"))
            }
            Some(it) if it.is_db_snapshot_already_exists_fault() => {
                Ok(format!("DB snapshot {snapshot} exists already"))
            }
            Some(it) if it.is_snapshot_quota_exceeded_fault() => Err(Error::SnapshotQuotaExceeded),
            _ => Err(call_failed(Service::Rds, "CreateDBSnapshot", &error).into()),
        },
    }
}
