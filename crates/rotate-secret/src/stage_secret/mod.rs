//! State `StageSecret`: gives the copy a master password of its own, known to the copy's secret alone.

pub mod plan;

use crate::Error;
use crate::copy::was_live;
use aws_sdk_rds::Client as Rds;
use aws_sdk_secretsmanager::Client as Secrets;
use database::Database;
use lambda_support::CallFailed;
use plan::{Asked, NewPassword, Plan, after_create_refused, after_refusal, password_of, plan};
use replication::{ReplicationName, Run, RunId, tag};
use secret::{AWSCURRENT, Connection, SecretValue};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use step::{Deadline, Look, Waiting, parse};

/// The run whose copy gets a password.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// The replication.
    pub replication: ReplicationName,
    /// The run.
    pub run: RunId,
    /// The database to connect to, for an engine of which RDS does not say it.
    #[serde(default)]
    pub db_name: Option<String>,
    /// The execution that found the present password refused: the copy gets another one, once for each such execution.
    #[serde(default)]
    pub renewed_for: Option<String>,
    /// How long the stage may wait, in seconds.
    pub stage_deadline_seconds: Deadline,
    /// What the last look answered; `{}` at first.
    #[serde(rename = "stage")]
    pub waiting: Waiting,
}

/// The copy's secret.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// Whether the DB instance has its own password.
    #[serde(flatten)]
    pub look: Look,
    /// The name of the copy's secret.
    pub secret_id: String,
    /// Whether the copy went live in an earlier execution: then it is left as it is.
    pub was_live: bool,
}

/// Makes the copy's secret, sets its password on the DB instance, and waits until it is applied. Safe to repeat: a
/// secret that exists keeps its password.
///
/// Errors: `Snapferry.DbInstanceNotFound`, `DbInstanceNotOurs`, `RestoreFailed`, `SecretNotJson`, `SecretBinary`,
/// `SecretTooLarge`, `PasswordRefused`, `InvalidRequest`, `StageTimedOut`, `RdsRefused`,
/// `SecretsManagerRefused` (fatal), `RdsUnavailable`, `SecretsManagerUnavailable` (retry).
/// Source: Secrets Manager API `GetRandomPassword`, `CreateSecret`; RDS API `ModifyDBInstance`, `AddTagsToResource`.
pub async fn handle(rds: &Rds, secrets: &Secrets, payload: Value) -> Result<Response, Error> {
    let Request { replication, run, db_name, renewed_for, stage_deadline_seconds: deadline, waiting } =
        parse(payload)?;
    let run = Run::new(&replication, &run);
    let (database, name) = (Database::Instance(run.identifier()), run.secret_name());

    let seen = database.find(rds).await?;
    let found = secret::read_current(secrets, &name).await?;
    let renewal = renewed_for.map(|execution| secret::version_id_of(&name, ["renewed", &execution]));
    let asked = Asked { renewal: renewal.as_deref(), db_name, deadline };
    let look = match plan(&run, seen.as_ref(), found, &waiting, asked)? {
        Plan::Answer(look) => look,
        Plan::RestoreSecret => {
            secret::restore(secrets, &name).await?;
            let reason = format!("restored secret {name}, which was scheduled for deletion");
            waiting.look_at_once("secret restored", deadline, reason)?
        }
        Plan::CreateSecret { connection, arn } => {
            if let Err(failed) = create_secret(secrets, &run, connection).await {
                let look = after_create_refused(&failed, &name, &waiting, deadline)?.ok_or(failed)?;
                return Ok(Response { look, secret_id: name, was_live: seen.as_ref().is_some_and(was_live) });
            }
            // Another call of this very step may have made it meanwhile: its password is the one.
            match secret::read_current(secrets, &name).await?.usable(&name)? {
                Some(version) => {
                    let set = set_password(rds, &database, &password_of(&run, arn, version)?).await;
                    after_refusal(set, &run, &waiting, deadline)?
                }
                None => {
                    let reason = format!("secret {name} cannot be read yet");
                    waiting.wait("secret made", None, deadline, reason)?
                }
            }
        }
        Plan::RenewPassword { version_id, value, username } => {
            let value = value.with_login(&username, secret::random_password(secrets).await?);
            match put_renewed(secrets, &name, value.text_for(&name)?, &version_id).await? {
                true => waiting.look_at_once(
                    "password renewed",
                    deadline,
                    "the copy's secret has a new password",
                )?,
                false => {
                    waiting.done("renewed by another", "another rollback renewed the password meanwhile")
                }
            }
        }
        Plan::SetPassword(new) => {
            let set = set_password(rds, &database, &new).await;
            after_refusal(set, &run, &waiting, deadline)?
        }
    };
    tracing::info!(replication = %run.replication, run = %run.id, done = look.done, reason = look.reason, "looked");
    Ok(Response { look, secret_id: name, was_live: seen.as_ref().is_some_and(was_live) })
}

async fn create_secret(secrets: &Secrets, run: &Run, connection: Connection) -> Result<(), CallFailed> {
    let password = secret::random_password(secrets).await?;
    let value = SecretValue::of(&Connection { password, ..connection });
    let description = format!("Credentials of DB instance {}, made by Snapferry", run.identifier());
    secret::create(secrets, &run.secret_name(), &description, &value, run.tags()).await
}

/// Whether this version, with whatever password, is the current one now.
///
/// It may have been made before by another call of this very step, which set the same version. Or another rollback has
/// put its own version over it since: that one is set then, and need only log in.
async fn put_renewed(secrets: &Secrets, name: &str, text: String, version_id: &str) -> Result<bool, Error> {
    match secret::put(secrets, name, text, version_id, AWSCURRENT).await {
        Ok(()) => Ok(true),
        Err(failed) if secret::is_other_value(&failed) => {
            let current = secret::read_current(secrets, name).await?.usable(name)?;
            Ok(current.is_some_and(|it| it.version_id == version_id))
        }
        Err(failed) => Err(failed.into()),
    }
}

/// First the password, then the tag that says so: should the second call be lost, the first is repeated unchanged.
async fn set_password(rds: &Rds, database: &Database, new: &NewPassword) -> Result<(), CallFailed> {
    database.set_master_password(rds, new.password.expose()).await?;
    database::add_tag(rds, &new.arn, tag::SECRET_VERSION, &new.version_id).await
}
