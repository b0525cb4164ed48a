//! State `VerifyPath`: logs in to a database with a secret, and nothing more, by every path that applications may take.
//!
//! Its role can read the secret, and change nothing.

use crate::login_secret::LoginSecret;
use crate::session::Session;
use crate::tls_only;
use crate::trouble::{GROUPS, Subject, Trouble, after};
use crate::way::Way;
use crate::{BEFORE_IT_WAS_LIVE, Error};
use aws_sdk_secretsmanager::Client;
use replication::{PathTls, ProvenPath, ReachPath};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use step::{Deadline, Look, Waiting, parse};

/// How long a statement may take: the few by which a session is set up.
const STATEMENT_SECONDS: u64 = 5;

/// The secret that leads to a database, and the ways there.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// The name or ARN of the secret.
    pub secret_id: String,
    /// The paths beside the direct way, by the secret's own host and port, which is always tried first.
    #[serde(default)]
    pub paths: Vec<ReachPath>,
    /// The security groups of the database, when it has those of the applications: an error names them.
    #[serde(default)]
    pub vpc_security_group_ids: Vec<String>,
    /// Whether the database is live, or was in an execution that is resumed: then it is left alone.
    #[serde(default)]
    pub was_live: bool,
    /// How long the stage may wait in all.
    pub stage_deadline_seconds: Deadline,
    /// What the last look answered; `{}` at first.
    #[serde(rename = "stage")]
    pub waiting: Waiting,
}

/// What was proven.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// Whether every way leads to the database.
    #[serde(flatten)]
    pub look: Look,
    /// The ways that were taken, once all were; the direct one comes first.
    pub proven: Vec<ProvenPath>,
}

/// Logs in over TLS by every way, and ends the connections.
///
/// Errors: `Snapferry.LoginRefused`, `SessionNotSet`, `TlsNotTrusted`, `DatabaseNotReachable`, `SecretNotFound`,
/// `SecretNotJson`, `SecretBinary`, `SecretTooLarge`, `InvalidRequest`, `StageTimedOut`,
/// `SecretsManagerRefused` (fatal), `SecretsManagerUnavailable` (retry).
/// Source: Secrets Manager API `GetSecretValue`; RDS User Guide, "Using SSL/TLS to encrypt a connection to a DB instance".
pub async fn handle(secrets: &Client, payload: Value) -> Result<Response, Error> {
    let request: Request = parse(payload)?;
    let (waiting, deadline) = (&request.waiting, request.stage_deadline_seconds);
    if request.was_live {
        let look = waiting.done("was live", format!("the database was verified {BEFORE_IT_WAS_LIVE}"));
        return Ok(Response { look, proven: Vec::new() });
    }
    let secret = LoginSecret::read(secrets, &request.secret_id).await?;
    let subject = Subject {
        database: secret.database(),
        groups: groups(&request.vpc_security_group_ids),
        secret: request.secret_id.clone(),
    };
    let (look, proven) = match prove(&secret, &request.paths).await {
        Ok(proven) => (waiting.done("verified", told(&proven)), proven),
        Err(trouble) => (after(trouble, subject, waiting, deadline)?, Vec::new()),
    };
    tracing::info!(secret = request.secret_id, done = look.done, reason = look.reason, "looked");
    Ok(Response { look, proven })
}

async fn prove(secret: &LoginSecret, paths: &[ReachPath]) -> Result<Vec<ProvenPath>, Trouble> {
    let login = &secret.connection;
    if Session::connect(login, None, STATEMENT_SECONDS).await?.is_none() {
        tls_only::speaks_tls(&login.host, login.port, &login.host, PathTls::VerifyFull).await?;
    }
    let mut proven = vec![ProvenPath { address: login.host.clone(), port: login.port }];
    for ReachPath { address, port, tls_name, tls, login: of_path } in paths {
        let tls_name = tls_name.as_deref().unwrap_or(&login.host);
        let login = secret.connection_of(of_path.as_deref()).ok_or_else(|| Trouble::LoginHopeless {
            reason: format!(
                "the secret holds no password of login {}",
                of_path.as_deref().unwrap_or_default()
            ),
            cure:
                "Correct applicationSecret.applicationUser in the replication's settings, then resume the run"
                    .to_owned(),
        })?;
        let way = Way::open(address, *port, tls_name, *tls).await?;
        if Session::connect_by(&login, None, STATEMENT_SECONDS, Some(&way)).await?.is_none() {
            tls_only::speaks_tls(address, *port, tls_name, *tls).await?;
        }
        proven.push(ProvenPath { address: address.clone(), port: *port });
    }
    Ok(proven)
}

fn groups(vpc_security_group_ids: &[String]) -> String {
    match vpc_security_group_ids {
        [] => GROUPS.to_owned(),
        some => format!("vpcSecurityGroupIds: {}", some.join(", ")),
    }
}

fn told(proven: &[ProvenPath]) -> String {
    let by = proven.iter().skip(1).map(|it| format!(", and by way of {}:{}", it.address, it.port));
    format!("logged in over TLS{}", by.collect::<String>())
}
