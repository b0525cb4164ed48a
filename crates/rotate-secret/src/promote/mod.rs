//! State `PromoteSecret`: points the application's secret at the copy, in one compare-and-swap.

pub mod plan;

use crate::secret::AWSCURRENT;
use crate::{Connection, Error, InstanceSeen, SecretVersion, instance, secret};
use aws_sdk_rds::types::Tag;
use jiff::Timestamp;
use lambda_support::{Service, call_failed, parse};
use plan::{AWSPENDING, Pin, Plan, Seen, Wanted, plan};
use replication::{Copy, Look, Placement, ReplicationName, Run, Stage, TargetSettings, tag};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The label of the version that is about to become current.
const LABEL: &str = "snapferry";

/// Which copy goes live, how the target wants it, and what applications read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// The replication.
    pub replication: ReplicationName,
    /// The run that made the copy.
    pub run: Run,
    /// The target's settings.
    pub settings: TargetSettings,
    /// Whether the copy's deletion is refused once it is live; left as it is when absent.
    #[serde(default)]
    pub deletion_protection: Option<bool>,
    /// The application's secret.
    pub application_secret_arn: String,
    /// What becomes of the pin: a run respects it, a rollback sets or releases it.
    #[serde(default)]
    pub pin: Pin,
    /// What the last look answered; `{}` at first.
    pub stage: Stage,
}

/// What became of the copy.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// Whether there is nothing left to do.
    #[serde(flatten)]
    pub look: Look,
    /// The copy.
    pub db_instance_identifier: String,
    /// Whether it is live; false on a done look means that a newer run or a pin forbids it.
    pub live: bool,
}

/// Puts the connection keys over the application's secret as it is now, and moves AWSCURRENT to that version only if it
/// is still where it was seen. When somebody else moved it meanwhile, the next look starts from the top.
///
/// Before that the outgoing copy's secret gets the credentials that were current, so that a password rotated meanwhile
/// still works after a rollback, and both DB instances are tagged with the time, which their grace is counted from.
/// A rollback pins before AWSCURRENT moves. AWSCURRENT is read before the pin: whoever finds no pin then, and moves
/// from the version that it read, loses against a rollback that pinned in between.
/// Errors: `Snapferry.SecretNotInitialised`, `SecretNotJson`, `SecretBinary`, `SecretTooLarge`, `SecretNotFound`,
/// `SecretOfAnotherReplication`, `DbInstanceNotFound`, `DbInstanceNotOurs`, `RestoreFailed`, `InvalidRequest`,
/// `StageTimedOut`, `RdsRefused`, `SecretsManagerRefused` (fatal), `RdsUnavailable`, `SecretsManagerUnavailable`
/// (retry).
/// Source: Secrets Manager API `PutSecretValue`, `UpdateSecretVersionStage`.
pub async fn handle(
    rds: &aws_sdk_rds::Client,
    secrets: &aws_sdk_secretsmanager::Client,
    payload: Value,
) -> Result<Response, Error> {
    let Request { replication, run, settings, deletion_protection, application_secret_arn, pin, stage } =
        parse(payload)?;
    let copy = Copy::new(&replication, &run);
    let wanted = Wanted {
        placement: &settings.placement,
        deletion_protection,
        pin,
        deadline: settings.stage_deadline_seconds,
    };

    let instance = instance::find(rds, &copy.identifier()).await?;
    let current = secret::find_current(secrets, &application_secret_arn).await?;
    let described = secret::describe(secrets, &application_secret_arn).await?;
    let current = current.ok_or_else(|| Error::SecretNotInitialised(application_secret_arn.clone()))?;
    let seen = Seen { instance: instance.as_ref(), secret: &described, current: &current };
    let plan = plan(&copy, &seen, &wanted, &stage)?;
    if let Some(instance) = instance.as_ref().filter(|it| !it.tags.contains_key(tag::PROVEN)) {
        // It came this far, live or not: from now on it is a way back.
        tag_with_time(rds, instance, tag::PROVEN).await?;
    }
    let (look, live) = match plan {
        Plan::Leave(look) => {
            let live = look.stage.saw("live");
            (look, live)
        }
        Plan::Wait(look) => (look, false),
        Plan::Open => {
            let reason = open(rds, &copy, &wanted).await?;
            (stage.wait("opening", None, wanted.deadline, reason)?, false)
        }
        Plan::SetPin => {
            secret::pin(secrets, &application_secret_arn, &copy.run).await?;
            let reason = format!("pinned the replication to run {}", copy.run);
            (stage.wait("pinned", None, wanted.deadline, reason)?, false)
        }
        Plan::ReleasePin => {
            secret::release(secrets, &application_secret_arn).await?;
            (stage.wait("released", None, wanted.deadline, "released the replication's pin")?, false)
        }
        Plan::Promote { after_rotation } => {
            if after_rotation {
                secret::unlabel(secrets, &application_secret_arn, AWSPENDING, &current.version_id).await?;
            }
            save_outgoing(rds, secrets, &copy, &current).await?;
            if let Some(instance) = &instance {
                tag_with_time(rds, instance, tag::LAST_LIVE).await?;
            }
            let promoted = promote(secrets, &application_secret_arn, &copy, &current).await?;
            // Live is what the next look sees, not what this one wished.
            let reason = if promoted {
                "moved AWSCURRENT: looking again"
            } else {
                "somebody else moved AWSCURRENT: looking again"
            };
            (stage.wait("moved", None, wanted.deadline, reason)?, false)
        }
    };
    tracing::info!(replication = %copy.replication, run = %copy.run, done = look.done, live, reason = look.reason, "looked");
    Ok(Response { look, db_instance_identifier: copy.identifier(), live })
}

/// Answers in words.
async fn open(rds: &aws_sdk_rds::Client, copy: &Copy, wanted: &Wanted<'_>) -> Result<String, Error> {
    let identifier = copy.identifier();
    let Placement { vpc_security_group_ids: groups, .. } = wanted.placement;
    let answer = rds
        .modify_db_instance()
        .db_instance_identifier(&identifier)
        .set_vpc_security_group_ids(Some(groups.clone()).filter(|groups| !groups.is_empty()))
        .set_deletion_protection(wanted.deletion_protection)
        .apply_immediately(true)
        .send()
        .await;
    match answer {
        Ok(_) => Ok(format!("opening DB instance {identifier} to applications")),
        Err(error) if error.as_service_error().is_some_and(|it| it.is_invalid_db_instance_state_fault()) => {
            Ok(format!("DB instance {identifier} became busy"))
        }
        Err(error) => Err(call_failed(Service::Rds, "ModifyDBInstance", &error).into()),
    }
}

/// Keeps the way back: what applications use now is written down where a rollback reads it.
async fn save_outgoing(
    rds: &aws_sdk_rds::Client,
    secrets: &aws_sdk_secretsmanager::Client,
    copy: &Copy,
    current: &SecretVersion,
) -> Result<(), Error> {
    let outgoing = current.value.db_instance_identifier().and_then(Copy::from_identifier);
    let Some(outgoing) = outgoing.filter(|it| it.replication == copy.replication) else { return Ok(()) };
    if let Some(saved) = secret::find_current(secrets, &outgoing.secret_name()).await?
        && current.value.credentials().is_some()
        && saved.value.credentials() != current.value.credentials()
    {
        let value = saved.value.with_credentials_of(&current.value);
        secret::put(
            secrets,
            &outgoing.secret_name(),
            &value,
            [&saved.version_id, &current.version_id],
            AWSCURRENT,
        )
        .await?;
    }
    let Some(instance) = instance::find(rds, &outgoing.identifier()).await? else { return Ok(()) };
    tag_with_time(rds, &instance, tag::LAST_LIVE).await
}

async fn tag_with_time(rds: &aws_sdk_rds::Client, instance: &InstanceSeen, key: &str) -> Result<(), Error> {
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let tag = Tag::builder().key(key).value(now).build();
    let answer = rds.add_tags_to_resource().resource_name(&instance.arn).tags(tag).send().await;
    answer.map_err(|error| call_failed(Service::Rds, "AddTagsToResource", &error))?;
    Ok(())
}

/// False when AWSCURRENT is no longer where it was seen.
async fn promote(
    secrets: &aws_sdk_secretsmanager::Client,
    application_secret_arn: &str,
    copy: &Copy,
    current: &SecretVersion,
) -> Result<bool, Error> {
    let own = secret::find_current(secrets, &copy.secret_name()).await?;
    let own = own.ok_or_else(|| Error::SecretNotFound(copy.secret_name()))?;
    let connection: Connection = own.value.connection().ok_or_else(|| Error::SecretNotJson {
        secret: copy.secret_name(),
        problem: "lacks a connection key",
    })?;
    let value = current.value.with(&connection);
    let version_id =
        secret::put(secrets, application_secret_arn, &value, [&current.version_id, &own.version_id], LABEL)
            .await?;
    let answer = secrets
        .update_secret_version_stage()
        .secret_id(application_secret_arn)
        .version_stage(AWSCURRENT)
        .remove_from_version_id(&current.version_id)
        .move_to_version_id(&version_id)
        .send()
        .await;
    match answer {
        Ok(_) => Ok(true),
        Err(error) if error.as_service_error().is_some_and(|it| it.is_invalid_parameter_exception()) => {
            Ok(false)
        }
        Err(error) => Err(call_failed(Service::SecretsManager, "UpdateSecretVersionStage", &error).into()),
    }
}
