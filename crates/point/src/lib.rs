//! State `Point`: leads the application's secret to the new primary, in both Regions.

mod error;
pub mod plan;

pub use error::Error;

use aws_sdk_rds::Client as Rds;
use aws_sdk_secretsmanager::Client as Secrets;
use database::Database;
use failover::{Mode, PointedSecret, Region, Resource, Run, StepRequest};
use lambda_support::Config;
use plan::{Old, Plan, SILENT, plan, way};
use secret::{AWSCURRENT, SecretValue, Version};
use serde::Serialize;
use serde_json::Value;
use step::{InvalidRequest, Look, parse};

/// The label of the version that is about to become current.
const LABEL: &str = "snapferry";

/// What became of the secret.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// Whether applications are led to the new primary.
    #[serde(flatten)]
    pub look: Look,
    /// Whether the old Region's secret says that nobody may write there. An unplanned failover may be done without.
    pub old_closed: bool,
}

/// Leads applications to the new primary. First the secret of the old Region says `writable: false`, then the secret of the
/// new one gets the new primary's endpoint and `writable: true`. Each moves by a compare-and-swap: a new version, and
/// AWSCURRENT only from the version that was seen. All other keys stay as they are. Safe to repeat.
///
/// A planned failover opens the new secret only after it has read `false` in the old one. An unplanned one does without an
/// old Region that does not answer.
///
/// Errors: `Snapferry.NotPromoted`, `MemberNotFound`, `NewerEpoch`, `OfAnotherGroup`, `SecretNotFound`, `SecretNotJson`,
/// `SecretBinary`, `SecretTooLarge`, `ClusterNotServed`, `InvalidRequest`, `StageTimedOut`, `RdsRefused`,
/// `SecretsManagerRefused` (fatal), `RdsUnavailable`, `SecretsManagerUnavailable` (retry).
/// Source: RDS API `DescribeDBInstances`; Secrets Manager API `GetSecretValue`, `PutSecretValue`,
/// `UpdateSecretVersionStage`.
pub async fn handle(config: &Config, payload: Value) -> Result<Response, Error> {
    let StepRequest { group, epoch, mode, resource, stage_deadline_seconds: deadline, waiting } =
        parse(payload)?;
    let Resource::Secret(pointed) = resource else {
        let message = "only a secret leads applications".to_owned();
        return Err(InvalidRequest { path: "resource.kind".to_owned(), message }.into());
    };
    let run = Run { group, epoch, mode };
    let to = &pointed.follows.to;
    let database = Database::Instance(to.db_instance_identifier.clone());
    let seen = database.find(&Rds::new(&config.in_region(to.region.as_str()))).await?;
    let seen = seen.ok_or_else(|| Error::MemberNotFound(database.to_string()))?;
    let Some(way) = way(&run, &seen)? else {
        let reason = format!("{database} is {}", seen.status);
        let look = waiting.wait(&seen.status, None, deadline, reason)?;
        return Ok(Response { look, old_closed: false });
    };
    let secrets = |region: &Region| Secrets::new(&config.in_region(region.as_str()));
    let (there, here) = (secrets(&pointed.from.region), secrets(&pointed.to.region));
    let new = read(&here, &pointed, &pointed.to.region).await?;
    let mut old = match waiting.saw(SILENT) {
        true => Old::Silent,
        false => old_of(mode, read(&there, &pointed, &pointed.from.region).await)?,
    };
    if let (Old::Seen(version), Plan::CloseOld(value)) = (&old, plan(&old, &new, &way)) {
        let moved = move_to(&there, &pointed, &run, version, &value).await;
        match (mode, moved) {
            (Mode::Unplanned, Err(failed)) => {
                tracing::warn!(%failed, "goes on without the old Region's secret");
                old = Old::Silent;
            }
            (_, moved) => {
                let reason = told(moved?, "the old Region's secret says that nobody may write there");
                let look = waiting.look_at_once("closed", deadline, reason)?;
                return Ok(Response { look, old_closed: false });
            }
        }
    }
    let old_closed = matches!(old, Old::Seen(_));
    let look = match plan(&old, &new, &way) {
        Plan::OpenNew(value) => {
            let moved = move_to(&here, &pointed, &run, &new, &value).await?;
            let status = if old_closed { "opened" } else { SILENT };
            let reason = told(moved, &format!("the secret leads to {database}"));
            waiting.look_at_once(status, deadline, reason)?
        }
        _ => waiting.done("pointed", format!("applications are led to {database}")),
    };
    tracing::info!(group = %run.group, epoch = %run.epoch, resource = %pointed.name, done = look.done,
        old_closed, reason = look.reason, "looked");
    Ok(Response { look, old_closed })
}

/// What a look at the old Region's secret leads to.
fn old_of(mode: Mode, read: Result<Version, Error>) -> Result<Old, Error> {
    match (mode, read) {
        (_, Ok(version)) => Ok(Old::Seen(version)),
        (Mode::Planned, Err(error)) => Err(error),
        (Mode::Unplanned, Err(error)) => {
            tracing::warn!(%error, "goes on without the old Region's secret");
            Ok(Old::Silent)
        }
    }
}

async fn read(secrets: &Secrets, pointed: &PointedSecret, region: &Region) -> Result<Version, Error> {
    let id = &pointed.secret_id;
    let version = secret::read_current(secrets, id).await?.usable(id)?;
    version.ok_or_else(|| Error::SecretNotFound { secret: id.clone(), region: region.to_string() })
}

/// Makes a value current, if the version that was seen still is; false when it is not.
async fn move_to(
    secrets: &Secrets,
    pointed: &PointedSecret,
    run: &Run,
    seen: &Version,
    value: &SecretValue,
) -> Result<bool, Error> {
    let id = &pointed.secret_id;
    let says = format!("{} writable {:?}", run.epoch, value.writable());
    let version_id = secret::version_id_of(id, [&seen.version_id, &says]);
    secret::put(secrets, id, value.text_for(id)?, &version_id, LABEL).await?;
    Ok(secret::move_label(secrets, id, AWSCURRENT, &seen.version_id, Some(&version_id)).await?)
}

fn told(moved: bool, what: &str) -> String {
    if moved { what.to_owned() } else { "somebody else moved AWSCURRENT: looks again".to_owned() }
}
