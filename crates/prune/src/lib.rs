//! State `Prune`, in both accounts and in the clean-up: deletes what retention no longer keeps.

mod error;
pub mod plan;

pub use error::Error;

use jiff::Timestamp;
use lambda_support::{CallFailed, Service, call_failed, found, parse, tags};
use plan::{
    Action, Application, Kind, Says, Thing, live, owned, plan, seen_in_source, seen_in_target, spare,
};
use replication::retention::{TargetFacts, Verdict, of_source, of_target};
use replication::{Look, ReplicationName, Run, STAGE_DEADLINE, SourceRetention, Stage, TargetRetention, tag};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// How long to wait for what RDS does not delete yet, in seconds: the next run prunes again, and a report should not
/// wait for it.
const PATIENCE_SECONDS: u64 = 3_600;

/// `{"account": {"source": {…}} or {"target": {…}}, "deleted": [], "stage": {}}`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// Which account this is.
    pub account: Account,
    /// What the looks before this one deleted; empty at first.
    #[serde(default)]
    pub deleted: BTreeSet<String>,
    /// Only tell what would be deleted.
    #[serde(default)]
    pub dry_run: bool,
    /// What the last look answered; `{}` at first.
    pub stage: Stage,
}

/// The account, with what bounds a decision in it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Account {
    /// The source account: snapshots.
    Source(SourceAccount),
    /// The target account: snapshots, DB instances and copies' secrets.
    Target(TargetAccount),
}

/// What bounds a decision in the source account.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SourceAccount {
    /// The replication.
    pub replication: ReplicationName,
    /// What is kept.
    #[serde(default)]
    pub retention: SourceRetention,
    /// The run that is at work, when one is.
    #[serde(default)]
    pub current_run: Option<Run>,
}

/// What bounds a decision in the target account.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TargetAccount {
    /// The replication.
    pub replication: ReplicationName,
    /// What is kept.
    #[serde(default)]
    pub retention: TargetRetention,
    /// The application's secret, which names the live copy.
    pub application_secret_arn: String,
    /// The run that is at work, when one is.
    #[serde(default)]
    pub current_run: Option<Run>,
}

/// What becomes of each run, and what was deleted. Things are told as `db:…`, `snapshot:…` and `secret:…`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// Whether nothing is left to delete.
    #[serde(flatten)]
    pub look: Look,
    /// The verdict on each run.
    pub runs: BTreeMap<Run, Verdict>,
    /// What goes now, as this look saw it: with `dryRun` it is left at that.
    pub planned: BTreeSet<String>,
    /// What this look and those before it deleted.
    pub deleted: BTreeSet<String>,
}

/// Deletes what retention no longer keeps, of what this replication provably made. Safe to repeat.
///
/// It never deletes the live copy: while the application's secret cannot say which one that is, every copy that was ever
/// fit to go live stays.
/// Errors: `Snapferry.InvalidRequest`, `StageTimedOut`, `RdsRefused`, `SecretsManagerRefused` (fatal),
/// `RdsUnavailable`, `SecretsManagerUnavailable` (retry).
/// Source: RDS API `DeleteDBInstance`, `DeleteDBSnapshot`; Secrets Manager API `DeleteSecret`.
pub async fn handle(
    rds: &aws_sdk_rds::Client,
    secrets: &aws_sdk_secretsmanager::Client,
    payload: Value,
) -> Result<Response, Error> {
    let Request { account, deleted, dry_run, stage } = parse(payload)?;
    let now = Timestamp::now();
    let mut application = None;
    let (runs, owned, spare) = match &account {
        Account::Source(it) => {
            let owned = owned(list_snapshots(rds).await?, &it.replication);
            let spare = spare(&owned, it.current_run.as_ref());
            (of_source(now, it.current_run.as_ref(), &it.retention, &seen_in_source(&owned)), owned, spare)
        }
        Account::Target(it) => {
            let said = application.insert(read_application(secrets, &it.application_secret_arn).await?);
            let mut things = list_snapshots(rds).await?;
            things.extend(list_instances(rds).await?);
            things.extend(list_secrets(secrets, &it.replication).await?);
            let live = live(said, &it.replication, &things);
            let pinned = said.pinned.as_ref().ok().and_then(Option::as_ref);
            let owned = owned(things, &it.replication);
            let facts = TargetFacts { now, current: it.current_run.as_ref(), live: &live, pinned };
            (of_target(&facts, &it.retention, &seen_in_target(&owned)), owned, BTreeSet::new())
        }
    };
    let actions = plan(&runs, &owned, &spare);
    let planned = actions.iter().map(Action::to_string).collect();
    let kept = runs.values().filter(|it| !it.delete()).count();
    if dry_run {
        let look = stage.done("dry run", format!("{kept} runs would be kept"));
        return Ok(Response { look, runs, planned, deleted });
    }
    if let (Account::Target(it), Some(said)) = (&account, &application)
        && actions.iter().any(|action| matches!(action, Action::DeleteInstance(_)))
        && read_application(secrets, &it.application_secret_arn).await? != *said
    {
        let look =
            stage.wait("moved", None, STAGE_DEADLINE, "another copy went live meanwhile: looking again")?;
        return Ok(Response { look, runs, planned, deleted });
    }
    let (done, now_deleted) = act(rds, secrets, &actions).await?;
    let deleted: BTreeSet<String> = deleted.into_iter().chain(now_deleted).collect();
    let unsure = if application.is_some_and(|it| it.says.is_none()) {
        "; the application's secret does not tell the live copy, so every copy that may be live stays"
    } else {
        ""
    };
    let reason = format!("{kept} runs kept, {} things deleted{unsure}", deleted.len());
    tracing::info!(done, reason, ?deleted, "looked");
    let look = if done {
        stage.done("pruned", reason)
    } else if stage.seconds >= PATIENCE_SECONDS {
        stage
            .done("pruned in part", format!("{reason}; what RDS does not delete yet is left to the next run"))
    } else {
        stage.wait("pruning", None, STAGE_DEADLINE, reason)?
    };
    Ok(Response { look, runs, planned, deleted })
}

/// Does all that it can, then answers whether nothing is left and what was deleted, or the first failure.
async fn act(
    rds: &aws_sdk_rds::Client,
    secrets: &aws_sdk_secretsmanager::Client,
    actions: &[Action],
) -> Result<(bool, Vec<String>), Error> {
    let (mut done, mut deleted, mut failure) = (true, Vec::new(), None);
    for action in actions {
        // Whether the deletion was taken, and whether there is nothing left to wait for.
        let result = match action {
            Action::StartInstance(it) => start_instance(rds, it).await.map(|()| (false, false)),
            Action::UnprotectInstance(it) => unprotect_instance(rds, it).await.map(|()| (false, false)),
            Action::DeleteInstance(it) => delete_instance(rds, it).await.map(|taken| (taken, false)),
            Action::DeleteSnapshot(it) => delete_snapshot(rds, it).await.map(|taken| (taken, taken)),
            Action::DeleteSecret(it) => delete_secret(secrets, it).await.map(|()| (true, true)),
            Action::WaitForInstance(_) | Action::WaitForSnapshot(_) => Ok((false, false)),
        };
        match result {
            Ok((taken, finished)) => {
                deleted.extend(taken.then(|| action.to_string()));
                done &= finished;
            }
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    failure.map_or(Ok((done, deleted)), |error| Err(error.into()))
}

async fn start_instance(rds: &aws_sdk_rds::Client, identifier: &str) -> Result<(), CallFailed> {
    let answer = rds.start_db_instance().db_instance_identifier(identifier).send().await;
    unless(answer, "StartDBInstance", |e| e.is_invalid_db_instance_state_fault()).map(|_| ())
}

async fn unprotect_instance(rds: &aws_sdk_rds::Client, identifier: &str) -> Result<(), CallFailed> {
    let modify = rds.modify_db_instance().db_instance_identifier(identifier);
    let answer = modify.deletion_protection(false).apply_immediately(true).send().await;
    unless(answer, "ModifyDBInstance", |e| e.is_invalid_db_instance_state_fault()).map(|_| ())
}

async fn delete_instance(rds: &aws_sdk_rds::Client, identifier: &str) -> Result<bool, CallFailed> {
    let delete = rds.delete_db_instance().db_instance_identifier(identifier);
    let answer = delete.skip_final_snapshot(true).delete_automated_backups(true).send().await;
    unless(answer, "DeleteDBInstance", |e| {
        e.is_invalid_db_instance_state_fault() || e.is_db_instance_not_found_fault()
    })
}

async fn delete_snapshot(rds: &aws_sdk_rds::Client, identifier: &str) -> Result<bool, CallFailed> {
    let answer = rds.delete_db_snapshot().db_snapshot_identifier(identifier).send().await;
    unless(answer, "DeleteDBSnapshot", |e| {
        e.is_invalid_db_snapshot_state_fault() || e.is_db_snapshot_not_found_fault()
    })
}

/// Deleted with the shortest recovery window, 7 days: an operator may still need what it says.
async fn delete_secret(secrets: &aws_sdk_secretsmanager::Client, name: &str) -> Result<(), CallFailed> {
    let answer = secrets.delete_secret().secret_id(name).recovery_window_in_days(7).send().await;
    let answer =
        found(Service::SecretsManager, "DeleteSecret", answer, |e| e.is_resource_not_found_exception());
    answer.map(|_| ())
}

/// Whether the call was taken; false when only the state forbids it, which the next look sees.
fn unless<T, E>(
    answer: Result<T, aws_sdk_rds::error::SdkError<E>>,
    operation: &'static str,
    is_state: impl Fn(&E) -> bool,
) -> Result<bool, CallFailed>
where
    E: aws_sdk_rds::error::ProvideErrorMetadata,
{
    match answer {
        Ok(_) => Ok(true),
        Err(error) if error.as_service_error().is_some_and(is_state) => Ok(false),
        Err(error) => Err(call_failed(Service::Rds, operation, &error)),
    }
}

/// What the application's secret says; one that is gone, empty or not to be understood says nothing.
async fn read_application(
    secrets: &aws_sdk_secretsmanager::Client,
    secret: &str,
) -> Result<Application, Error> {
    let answer = secrets.get_secret_value().secret_id(secret).version_stage("AWSCURRENT").send().await;
    // A secret that is scheduled for deletion is an invalid request.
    let answer = found(Service::SecretsManager, "GetSecretValue", answer, |e| {
        e.is_resource_not_found_exception() || e.is_invalid_request_exception()
    })?;
    let value: Option<Map<String, Value>> =
        answer.and_then(|it| it.secret_string).and_then(|text| serde_json::from_str(&text).ok());
    let says = value.map(|value| {
        let text = |key: &str| value.get(key)?.as_str().filter(|it| !it.is_empty()).map(str::to_owned);
        Says {
            db_instance_identifier: text("dbInstanceIdentifier"),
            endpoint: text("host").map(|host| (host, value.get("port").and_then(Value::as_i64))),
        }
    });

    let answer = secrets.describe_secret().secret_id(secret).send().await;
    let answer =
        found(Service::SecretsManager, "DescribeSecret", answer, |e| e.is_resource_not_found_exception())?;
    let tags = answer.and_then(|it| it.tags).unwrap_or_default();
    let pinned = tags.into_iter().find(|it| it.key() == Some(tag::PINNED)).and_then(|it| it.value);
    Ok(Application { says, pinned: pinned.map(Run::try_from).transpose() })
}

async fn list_snapshots(rds: &aws_sdk_rds::Client) -> Result<Vec<Thing>, Error> {
    let mut pages = rds.describe_db_snapshots().snapshot_type("manual").into_paginator().send();
    let mut things = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| call_failed(Service::Rds, "DescribeDBSnapshots", &error))?;
        things.extend(page.db_snapshots.unwrap_or_default().into_iter().map(|it| Thing {
            identifier: it.db_snapshot_identifier.unwrap_or_default(),
            made_at: it.snapshot_create_time.and_then(|at| Timestamp::new(at.secs(), 0).ok()),
            kind: Kind::Snapshot,
            status: it.status.unwrap_or_default(),
            tags: tags(it.tag_list, |it| (it.key, it.value)),
        }));
    }
    Ok(things)
}

async fn list_instances(rds: &aws_sdk_rds::Client) -> Result<Vec<Thing>, Error> {
    let mut pages = rds.describe_db_instances().into_paginator().send();
    let mut things = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| call_failed(Service::Rds, "DescribeDBInstances", &error))?;
        things.extend(page.db_instances.unwrap_or_default().into_iter().map(|it| Thing {
            identifier: it.db_instance_identifier.unwrap_or_default(),
            made_at: it.instance_create_time.and_then(|at| Timestamp::new(at.secs(), 0).ok()),
            kind: Kind::Instance {
                deletion_protection: it.deletion_protection.unwrap_or_default(),
                endpoint: it.endpoint.and_then(|it| Some((it.address?, it.port?.into()))),
            },
            status: it.db_instance_status.unwrap_or_default(),
            tags: tags(it.tag_list, |it| (it.key, it.value)),
        }));
    }
    Ok(things)
}

async fn list_secrets(
    secrets: &aws_sdk_secretsmanager::Client,
    replication: &ReplicationName,
) -> Result<Vec<Thing>, Error> {
    use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType};
    let prefix = format!("snapferry/{replication}/");
    let named = Filter::builder().key(FilterNameStringType::Name).values(prefix).build();
    let mut pages = secrets.list_secrets().filters(named).into_paginator().send();
    let mut things = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| call_failed(Service::SecretsManager, "ListSecrets", &error))?;
        things.extend(page.secret_list.unwrap_or_default().into_iter().map(|it| Thing {
            identifier: it.name.unwrap_or_default(),
            made_at: it.created_date.and_then(|at| Timestamp::new(at.secs(), 0).ok()),
            kind: Kind::Secret,
            status: String::new(),
            tags: tags(it.tags, |it| (it.key, it.value)),
        }));
    }
    Ok(things)
}
