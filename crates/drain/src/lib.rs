//! State `Drain`: waits until the replica has replayed all that the old primary wrote. It runs in the replica's VPC.

mod error;
pub mod plan;
pub mod replayed;

pub use error::Error;

use aws_sdk_secretsmanager::Client;
use failover::{Endpoint, EpochId, GroupName, Lsn, Mode, Resource};
use login::LoginFailed;
use plan::{after_failure, plan};
use replayed::Replayed;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use step::{Deadline, Look, Waiting, parse};

/// How long a login may take, and each statement.
const STEP_SECONDS: u64 = 5;

/// The failover, the resource whose replica is looked at, and how far it must be.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// The group.
    pub group: GroupName,
    /// The epoch that the failover begins.
    pub epoch: EpochId,
    /// Whether the old Region takes part.
    pub mode: Mode,
    /// The resource.
    pub resource: Resource,
    /// How far the old primary wrote its log, as `Fence` answered.
    pub up_to: Lsn,
    /// Where the replica answers, as `Fence` answered.
    pub endpoint: Endpoint,
    /// How long the stage may wait in all.
    pub stage_deadline_seconds: Deadline,
    /// What the last look answered; `{}` at first.
    #[serde(rename = "stage")]
    pub waiting: Waiting,
}

/// How far the replica is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// Whether it has all.
    #[serde(flatten)]
    pub look: Look,
}

/// Logs in to the replica over TLS, with the secret of the replica's own Region, and asks how far it has replayed. It
/// changes nothing. A server that takes writes already was promoted: `Promote` finds out by whom.
///
/// Errors: `Snapferry.ReplicationBroken`, `DatabaseNotReachable`, `TlsNotTrusted`, `LoginRefused`, `EngineWithoutClient`,
/// `SecretNotFound`, `SecretNotJson`, `SecretBinary`, `InvalidRequest`, `StageTimedOut`,
/// `SecretsManagerRefused` (fatal), `SecretsManagerUnavailable` (retry).
/// Source: Secrets Manager API `GetSecretValue`; PostgreSQL, "Recovery Information Functions".
pub async fn handle(secrets: &Client, payload: Value) -> Result<Response, Error> {
    let request: Request = parse(payload)?;
    let Request {
        group, epoch, resource, up_to, endpoint, stage_deadline_seconds: deadline, waiting, ..
    } = request;
    let replica = resource.into_read_replica("can be drained")?;
    let secret = &replica.master_secret_id;
    let version = secret::read_current(secrets, secret).await?.usable(secret)?;
    let login = login::connection(version, secret, &endpoint)?;
    let look = match look(&login, secret).await {
        Ok(replayed) => plan(&replayed, up_to, &waiting, deadline)?,
        Err(failed) => after_failure(failed, &waiting, deadline)?,
    };
    tracing::info!(%group, %epoch, resource = %replica.name, done = look.done, reason = look.reason, "looked");
    Ok(Response { look })
}

async fn look(login: &login::Connection, secret: &str) -> Result<Replayed, LoginFailed> {
    let mut session = login::connect(login, secret, STEP_SECONDS, "snapferry-drain").await?;
    let place = format!("{}:{}", login.host, login.port);
    replayed::of(&mut session).await.map_err(|error| LoginFailed::of(&error, &place, secret))
}
