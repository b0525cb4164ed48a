//! State `Prune`, in both accounts and in the clean-up: deletes what retention no longer keeps.

mod error;
pub mod plan;

pub use error::Error;

use aws_sdk_rds::types::Tag;
use jiff::Timestamp;
use lambda_support::{CallFailed, Service, call_failed, found, parse};
use plan::{Action, Kind, Says, Thing, live, owned, plan, seen_in_source, seen_in_target};
use replication::retention::{TargetFacts, Verdict, of_source, of_target};
use replication::{
    InvalidIdentifier, Look, ReplicationName, Run, STAGE_DEADLINE, SourceRetention, Stage, Tags,
    TargetRetention, tag,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// How long to wait for what RDS does not delete yet, in seconds: the next run prunes again, and a report should not
/// wait for it.
const PATIENCE_SECONDS: u64 = 3_600;

/// `{"account": {"source": {…}} or {"target": {…}}, "stage": {}}`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// Which account this is.
    pub account: Account,
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

/// What becomes of each run, and what this look deleted.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// Whether nothing is left to delete.
    #[serde(flatten)]
    pub look: Look,
    /// The verdict on each run.
    pub runs: BTreeMap<Run, Verdict>,
    /// What is deleted, or on its way.
    pub deleted: Vec<String>,
}

/// Deletes what retention no longer keeps, of what this replication provably made. Safe to repeat.
///
/// It never deletes the live copy: when the application's secret cannot say which one that is, it deletes nothing.
/// Errors: `Snapferry.SecretNotFound`, `SecretNotInitialised`, `SecretNotJson`, `InvalidRequest`, `StageTimedOut`,
/// `RdsRefused`, `SecretsManagerRefused` (fatal), `RdsUnavailable`, `SecretsManagerUnavailable` (retry).
/// Source: RDS API `DeleteDBInstance`, `DeleteDBSnapshot`; Secrets Manager API `DeleteSecret`.
pub async fn handle(
    rds: &aws_sdk_rds::Client,
    secrets: &aws_sdk_secretsmanager::Client,
    payload: Value,
) -> Result<Response, Error> {
    let Request { account, stage } = parse(payload)?;
    let now = Timestamp::now();
    let mut said = (Says::default(), Ok(None));
    let (runs, owned) = match &account {
        Account::Source(it) => {
            let owned = owned(list_snapshots(rds).await?, &it.replication);
            (of_source(now, it.current_run.as_ref(), &it.retention, &seen_in_source(&owned)), owned)
        }
        Account::Target(it) => {
            said = read_secret(secrets, &it.application_secret_arn).await?;
            let (says, pinned) = said.clone();
            let mut things = list_snapshots(rds).await?;
            things.extend(list_instances(rds).await?);
            things.extend(list_secrets(secrets, &it.replication).await?);
            let mut live = live(&says, &it.replication, &things);
            live.uncertain |= pinned.is_err();
            let pinned = pinned.ok().flatten();
            let owned = owned(things, &it.replication);
            let facts =
                TargetFacts { now, current: it.current_run.as_ref(), live: &live, pinned: pinned.as_ref() };
            (of_target(&facts, &it.retention, &seen_in_target(&owned)), owned)
        }
    };
    let actions = plan(&runs, &owned);
    if let Account::Target(it) = &account
        && actions.iter().any(|action| matches!(action, Action::DeleteInstance(_)))
        && read_secret(secrets, &it.application_secret_arn).await? != said
    {
        let look =
            stage.wait("moved", None, STAGE_DEADLINE, "another copy went live meanwhile: looking again")?;
        return Ok(Response { look, runs, deleted: Vec::new() });
    }
    let done = act(rds, secrets, &actions).await?;
    let deleted = actions.iter().filter_map(deletes).map(str::to_owned).collect::<Vec<_>>();
    let reason = format!(
        "{} runs kept, {} things deleted",
        runs.values().filter(|it| !it.delete()).count(),
        deleted.len()
    );
    tracing::info!(done, reason, ?deleted, "looked");
    let look = if done {
        stage.done("pruned", reason)
    } else if stage.seconds >= PATIENCE_SECONDS {
        stage
            .done("pruned in part", format!("{reason}; what RDS does not delete yet is left to the next run"))
    } else {
        stage.wait("pruning", None, STAGE_DEADLINE, reason)?
    };
    Ok(Response { look, runs, deleted })
}

fn deletes(action: &Action) -> Option<&str> {
    match action {
        Action::DeleteInstance(it)
        | Action::DeleteSnapshot(it)
        | Action::DeleteSecret(it)
        | Action::Deleting(it) => Some(it),
        Action::StartInstance(_) | Action::UnprotectInstance(_) | Action::Wait(_) => None,
    }
}

/// Does all that it can, then answers whether nothing is left, or the first failure.
async fn act(
    rds: &aws_sdk_rds::Client,
    secrets: &aws_sdk_secretsmanager::Client,
    actions: &[Action],
) -> Result<bool, Error> {
    let (mut done, mut failure) = (true, None);
    for action in actions {
        let result = match action {
            Action::StartInstance(it) => start_instance(rds, it).await.map(|()| false),
            Action::UnprotectInstance(it) => unprotect_instance(rds, it).await.map(|()| false),
            Action::DeleteInstance(it) => delete_instance(rds, it).await.map(|_| false),
            Action::DeleteSnapshot(it) => delete_snapshot(rds, it).await,
            Action::DeleteSecret(it) => delete_secret(secrets, it).await.map(|()| true),
            Action::Wait(_) => Ok(false),
            Action::Deleting(_) => Ok(true),
        };
        match result {
            Ok(finished) => done &= finished,
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    failure.map_or(Ok(done), |error| Err(error.into()))
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

/// What the application's secret says of the live copy, and the run that it pins: an error when that is no run.
async fn read_secret(
    secrets: &aws_sdk_secretsmanager::Client,
    secret: &str,
) -> Result<(Says, Result<Option<Run>, InvalidIdentifier>), Error> {
    let answer = secrets.describe_secret().secret_id(secret).send().await;
    let answer =
        found(Service::SecretsManager, "DescribeSecret", answer, |e| e.is_resource_not_found_exception())?;
    let tags = answer.ok_or_else(|| Error::SecretNotFound(secret.to_owned()))?.tags.unwrap_or_default();
    let pinned = tags.into_iter().find(|it| it.key() == Some(tag::PINNED)).and_then(|it| it.value);

    let answer = secrets.get_secret_value().secret_id(secret).version_stage("AWSCURRENT").send().await;
    let answer =
        found(Service::SecretsManager, "GetSecretValue", answer, |e| e.is_resource_not_found_exception())?;
    let text = answer.ok_or_else(|| Error::SecretNotInitialised(secret.to_owned()))?.secret_string;
    let value: Option<Map<String, Value>> = text.and_then(|text| serde_json::from_str(&text).ok());
    let value = value.ok_or_else(|| Error::SecretNotJson(secret.to_owned()))?;
    let text =
        |key: &str| value.get(key).and_then(Value::as_str).filter(|it| !it.is_empty()).map(str::to_owned);
    let says = Says {
        db_instance_identifier: text("dbInstanceIdentifier"),
        endpoint: text("host").map(|host| (host, value.get("port").and_then(Value::as_i64))),
    };
    Ok((says, pinned.map(Run::try_from).transpose()))
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
            tags: tags(it.tag_list),
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
            tags: tags(it.tag_list),
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
        things.extend(page.secret_list.unwrap_or_default().into_iter().map(|it| {
            Thing {
                identifier: it.name.unwrap_or_default(),
                made_at: it.created_date.and_then(|at| Timestamp::new(at.secs(), 0).ok()),
                kind: Kind::Secret,
                status: String::new(),
                tags: it
                    .tags
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
                    .collect(),
            }
        }));
    }
    Ok(things)
}

fn tags(list: Option<Vec<Tag>>) -> Tags {
    list.unwrap_or_default()
        .into_iter()
        .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tells a compiler-checked list apart from one that forgets a variant.
    #[test]
    fn only_deletions_are_reported_as_deleted() {
        assert_eq!(deletes(&Action::DeleteSecret("s".to_owned())), Some("s"));
        assert_eq!(deletes(&Action::UnprotectInstance("i".to_owned())), None);
    }
}
