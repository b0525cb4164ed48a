//! Function `EndSessions`: ends the sessions of a primary, and says what could still write in its server.

pub mod sessions;

use crate::Error;
use aws_sdk_secretsmanager::Client;
use failover::Endpoint;
use login::LoginFailed;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sessions::Sessions;
use std::time::Duration;
use step::parse;
use tokio::time::timeout;

/// How long a login may take, and each statement.
const STEP_SECONDS: u64 = 2;
/// How long all of it may take: the client that invokes the function waits 6 s.
const ALL: Duration = Duration::from_secs(5);

/// Where the server is, who logs in, and what is done there.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// The name of the secret with the master user's name and password in this Region.
    pub master_secret_id: String,
    /// The DB instance's endpoint, as RDS says it.
    pub endpoint: Endpoint,
    /// What is done.
    pub act: Act,
}

/// What is done with the sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Act {
    /// Nothing.
    Look,
    /// They are ended.
    End,
}

/// Logs in over TLS as the master user, ends every other session of users and applications if it is asked to, and says
/// what is left. It writes nothing. The sessions of RDS itself and of replication stay. Safe to repeat.
///
/// Errors: `Snapferry.DatabaseNotReachable`, `TlsNotTrusted`, `LoginRefused`, `EngineWithoutClient`, `SecretNotFound`,
/// `SecretNotJson`, `SecretBinary`, `InvalidRequest`, `SecretsManagerRefused` (fatal),
/// `SecretsManagerUnavailable` (retry).
/// Source: Secrets Manager API `GetSecretValue`; PostgreSQL, "System Administration Functions", `pg_terminate_backend`.
pub async fn handle(secrets: &Client, payload: Value) -> Result<Sessions, Error> {
    let Request { master_secret_id, endpoint, act } = parse(payload)?;
    let version = secret::read_current(secrets, &master_secret_id).await?.usable(&master_secret_id)?;
    let login = login::connection(version, &master_secret_id, &endpoint)?;
    let server = format!("{}:{}", endpoint.address, endpoint.port);
    let work = async {
        let application = "snapferry-end-sessions";
        let mut session = login::connect(&login, &master_secret_id, STEP_SECONDS, application).await?;
        let found = sessions::of(&mut session, act).await;
        found.map_err(|error| LoginFailed::of(&error, &server, &master_secret_id))
    };
    let found = timeout(ALL, work).await.unwrap_or_else(|_| {
        let reason = format!("it did not answer within {} s", ALL.as_secs());
        Err(LoginFailed::NotReachable { place: server.clone(), reason })
    })?;
    tracing::info!(server, ended = found.ended, left = found.left, writers = found.writers.len(), "looked");
    Ok(found)
}
