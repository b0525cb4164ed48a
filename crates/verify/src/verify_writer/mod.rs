//! State `VerifyWriter`: proves that the new primary of a failover takes writes, before applications are led to it.

pub mod plan;

use crate::plan::{Answer, Checked, Refusal, failure};
use crate::server::Server;
use crate::session::{Engine, Session};
use crate::trouble::Trouble;
use crate::{Error, check};
use aws_sdk_secretsmanager::Client;
use failover::{Endpoint, EpochId, GroupName, Mode, Resource};
use login::Connection;
use plan::{Subject, with_trouble};
use replication::{Assertion, SqlName, Verification};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use step::{Deadline, InvalidRequest, Look, Waiting, parse};

/// The failover, and the resource whose new primary is proven.
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
    /// Where the new primary answers, as `Promote` answered.
    pub endpoint: Endpoint,
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
    /// Whether the new primary is proven.
    #[serde(flatten)]
    pub look: Look,
    /// Every assertion with what was found.
    pub assertions: Vec<Checked>,
}

/// Logs in over TLS with the secret of the new primary's own Region, commits a transaction that leaves nothing behind, and
/// checks what the manifest asserts. Safe to repeat.
///
/// Errors: `Snapferry.WriteRefused`, `VerificationFailed`, `SessionNotSet`, `DatabaseNotReachable`, `TlsNotTrusted`,
/// `LoginRefused`, `EngineWithoutClient`, `SecretNotFound`, `SecretNotJson`, `SecretBinary`,
/// `InvalidRequest`, `StageTimedOut`, `SecretsManagerRefused` (fatal), `SecretsManagerUnavailable` (retry).
/// Source: Secrets Manager API `GetSecretValue`; PostgreSQL, "Recovery Information Functions" and "Transaction ID and
/// Snapshot Information Functions".
pub async fn handle(secrets: &Client, payload: Value) -> Result<Response, Error> {
    let Request { group, epoch, resource, endpoint, stage_deadline_seconds: deadline, waiting, .. } =
        parse(payload)?;
    let replica = resource.into_read_replica("becomes a primary")?;
    let wanted = Verification { assertions: replica.assertions, ..Verification::default() };
    if let Some((path, problem)) = wanted.contradiction() {
        let path = path.replace("verification", "resource");
        return Err(InvalidRequest { path, message: problem.to_owned() }.into());
    }
    let secret = replica.master_secret_id;
    let version = secret::read_current(secrets, &secret).await?.usable(&secret)?;
    let login = login::connection(version, &secret, &endpoint)?;
    if Engine::of(&login.engine) != Engine::Postgres {
        return Err(Error::EngineWithoutClient(login.engine));
    }
    let place = format!("{}:{}", login.host, login.port);
    let (look, assertions) = match takes_writes(&login, &wanted).await {
        Ok(assertions) => {
            let reason = format!("the new primary takes writes, {} assertions hold", assertions.len());
            (waiting.done("verified", reason), assertions)
        }
        Err(trouble) => (with_trouble(trouble, Subject { place, secret }, &waiting, deadline)?, Vec::new()),
    };
    tracing::info!(%group, %epoch, resource = %replica.name, done = look.done, reason = look.reason, "looked");
    Ok(Response { look, assertions })
}

async fn takes_writes(login: &Connection, wanted: &Verification) -> Result<Vec<Checked>, Trouble> {
    let limit = wanted.statement_timeout_seconds.as_u64();
    let Some(mut server) = Server::connect(login, limit).await? else {
        return Err(Error::EngineWithoutClient(login.engine.clone()).into());
    };
    write(&mut server.session, limit).await?;
    enter(&mut server, login, &wanted.assertions).await?;
    let checked = check(&mut server, &wanted.assertions, limit).await?;
    match failure(&wanted.assertions, &checked) {
        Some(error) => Err(error.into()),
        None => Ok(checked),
    }
}

/// Commits a transaction that has a number of its own, so its end is written into the log, and nothing else is.
async fn write(session: &mut Session, limit_seconds: u64) -> Result<(), Trouble> {
    let refused = |refusal: Refusal| match refusal {
        Refusal::Lost(reason) => Trouble::NotReachable(reason),
        refusal => Error::WriteRefused(refusal.in_full()).into(),
    };
    let recovery = session.read("SELECT pg_catalog.pg_is_in_recovery()", None, limit_seconds).await;
    if recovery.map_err(refused)? != Answer::Value("f".to_owned()) {
        return Err(Trouble::NotReachable("the server is still in recovery".to_owned()));
    }
    session.begin(limit_seconds).await.map_err(refused)?;
    session.execute("SELECT pg_catalog.txid_current()", limit_seconds).await.map_err(refused)?;
    session.execute("COMMIT", limit_seconds).await.map_err(refused)
}

/// Logs in to the databases that the assertions name.
async fn enter(server: &mut Server, login: &Connection, assertions: &[Assertion]) -> Result<(), Trouble> {
    for name in assertions.iter().filter_map(|it| it.database.as_ref()).map(SqlName::as_str) {
        if name == server.initial || server.others.contains_key(name) {
            continue;
        }
        if let Some(session) = Session::connect(login, Some(name), server.limit_seconds).await? {
            server.others.insert(name.to_owned(), session);
        }
    }
    Ok(())
}
