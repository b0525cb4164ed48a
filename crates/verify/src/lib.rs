//! State `Verify`: logs in to a database over TLS with a secret, and checks what the settings assert, before any
//! application is pointed at the database.
//!
//! No password enters a request, an answer, a log line or an error. The database's details, which quote rows, enter none
//! of them either.

mod cure;
mod error;
mod login_secret;
mod login_trouble;
mod logins;
mod mysql;
mod others;
pub mod plan;
mod postgres;
mod random;
mod server;
mod session;
mod statement;
pub mod survey;
mod tls;
mod tls_only;
mod trouble;
pub mod verify_path;
pub mod verify_writer;
mod way;

pub use error::Error;
pub use session::{Engine, LoginName};

use aws_sdk_secretsmanager::Client;
use jiff::Timestamp;
use login_secret::LoginSecret;
use plan::{Checked, Refusal, failure, judge};
use replication::{Assertion, PathTls, Verification};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use server::Server;
use step::{Deadline, InvalidRequest, Look, Waiting, parse};
use survey::{Survey, survey};
use trouble::{Subject, Trouble, after};

/// How a database is proven where there is a client for its engine.
const SQL: &str = "sql";
/// When a database was proven that is left alone.
const BEFORE_IT_WAS_LIVE: &str = "before it was live";

/// The secret that leads to a database, and what must be so in that database. It need not be of a replication.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// The name or ARN of the secret.
    pub secret_id: String,
    /// What is checked.
    pub verification: Verification,
    /// When the data was current; absent when its age is of no interest.
    #[serde(default)]
    pub data_at: Option<Timestamp>,
    /// Whether the database is live, or was in an execution that is resumed. Applications may have changed its password
    /// and written into it since it was proven, so the step does nothing to it, not even a login.
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
    /// Whether the database is proven.
    #[serde(flatten)]
    pub look: Look,
    /// How old the data is now, in seconds, when that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_age_seconds: Option<i64>,
    /// What the proof is, once there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
}

/// How a database was proven.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Proof {
    /// `sql`, or for engines without a client `tls only` or `tcp only`; `before it was live` when it was not done again.
    pub checked_by: &'static str,
    /// What was proven of the connection.
    pub tls: &'static str,
    /// How many logins were locked or given another password.
    pub logins_changed: usize,
    /// Every assertion with what was found.
    pub assertions: Vec<Checked>,
    /// What was found in the databases of the instance.
    #[serde(flatten)]
    pub survey: Survey,
}

impl Proof {
    /// A proof without SQL.
    fn without_sql(checked_by: &'static str, tls: &'static str) -> Self {
        Self { checked_by, tls, logins_changed: 0, assertions: Vec::new(), survey: Survey::default() }
    }
}

/// Logs in, stops what acts by itself in any database, changes the other logins and runs `postRestoreSql` if the settings
/// say so, and checks every assertion. Safe to repeat if the settings' own statements are.
///
/// Errors: `Snapferry.VerificationFailed`, `PostRestoreSqlFailed`, `LoginsNotChanged`, `LoginRefused`, `SessionNotSet`,
/// `ActivityNotStopped`, `TlsNotTrusted`, `DatabaseNotReachable`, `EngineWithoutClient`, `SecretNotFound`,
/// `SecretNotJson`, `SecretBinary`, `SecretTooLarge`, `InvalidRequest`, `StageTimedOut`, `SecretsManagerRefused` (fatal),
/// `SecretsManagerUnavailable` (retry).
/// Source: Secrets Manager API `GetSecretValue`, `PutSecretValue`; RDS User Guide, "Using SSL/TLS to encrypt a
/// connection to a DB instance".
pub async fn handle(secrets: &Client, payload: Value) -> Result<Response, Error> {
    let request: Request = parse(payload)?;
    if let Some((path, problem)) = request.verification.contradiction() {
        return Err(InvalidRequest { path: path.to_owned(), message: problem.to_owned() }.into());
    }
    let (waiting, deadline) = (&request.waiting, request.stage_deadline_seconds);
    let data_age_seconds = request.data_at.map(|at| Timestamp::now().duration_since(at).as_secs());
    if request.was_live {
        let proof = Proof::without_sql(BEFORE_IT_WAS_LIVE, BEFORE_IT_WAS_LIVE);
        let look = waiting.done("was live", format!("the database was verified {BEFORE_IT_WAS_LIVE}"));
        return Ok(Response { look, data_age_seconds, proof: Some(proof) });
    }
    let secret = LoginSecret::read(secrets, &request.secret_id).await?;
    let subject = Subject {
        database: secret.database(),
        groups: trouble::GROUPS.to_owned(),
        secret: request.secret_id.clone(),
    };
    let (look, proof) = match prove(secrets, &secret, &request.verification).await {
        Ok(proof) => (waiting.done("verified", told(&proof, data_age_seconds)), Some(proof)),
        Err(trouble) => (after(trouble, subject, waiting, deadline)?, None),
    };
    tracing::info!(secret = request.secret_id, done = look.done, reason = look.reason, "looked");
    Ok(Response { look, data_age_seconds, proof })
}

fn told(proof: &Proof, data_age_seconds: Option<i64>) -> String {
    let assertions = match proof.assertions.len() {
        0 => String::new(),
        1 => ", 1 assertion holds".to_owned(),
        count => format!(", {count} assertions hold"),
    };
    let checked = match proof.checked_by {
        SQL => "logged in over TLS".to_owned(),
        other => format!("checked by {other}"),
    };
    let age = data_age_seconds.map(|it| format!(", the data is {it} s old")).unwrap_or_default();
    format!("{checked}{assertions}{age}{}", proof.survey.words())
}

async fn prove(secrets: &Client, secret: &LoginSecret, wanted: &Verification) -> Result<Proof, Trouble> {
    let login = &secret.connection;
    let limit = wanted.statement_timeout_seconds.as_u64();
    if Engine::of(&login.engine) == Engine::Other && wanted.needs_sql() {
        return Err(Error::EngineWithoutClient(login.engine.clone()).into());
    }
    let Some(mut server) = Server::connect(login, limit).await? else {
        return Ok(
            match tls_only::speaks_tls(&login.host, login.port, &login.host, PathTls::VerifyFull).await? {
                true => Proof::without_sql("tls only", tls::TRUSTED),
                false => Proof::without_sql("tcp only", "not spoken at this port"),
            },
        );
    };
    let survey = survey(&mut server, login, wanted).await?;
    let logins_changed = logins::change(&mut server.session, secrets, secret, wanted.logins, limit).await?;
    if !wanted.post_restore_sql.is_empty() {
        let changed = server.change(&wanted.post_restore_sql).await;
        changed.map_err(|(index, refusal)| match refusal {
            Refusal::Lost(reason) => Trouble::NotReachable(reason),
            refusal => Error::PostRestoreSqlFailed { index, reason: refusal.in_full() }.into(),
        })?;
    }
    let assertions = check(&mut server, &wanted.assertions, limit).await?;
    match failure(&wanted.assertions, &assertions) {
        Some(error) => Err(error.into()),
        None => Ok(Proof { checked_by: SQL, tls: tls::TRUSTED, logins_changed, assertions, survey }),
    }
}

/// Checks every assertion, so that a failure tells of all; one that hangs is the last.
pub(crate) async fn check(
    server: &mut Server,
    assertions: &[Assertion],
    limit_seconds: u64,
) -> Result<Vec<Checked>, Trouble> {
    let mut checked = Vec::new();
    for assertion in assertions {
        let answer = match server.of(assertion.database.as_ref()).await {
            Ok(session) => session.read(&assertion.sql, assertion.role.as_ref(), limit_seconds).await,
            Err(refusal) => Err(refusal),
        };
        if let Err(Refusal::Lost(reason)) = answer {
            return Err(Trouble::NotReachable(reason));
        }
        checked.push(judge(assertion, &answer, Timestamp::now()));
        if answer == Err(Refusal::Late) {
            break;
        }
    }
    Ok(checked)
}

#[cfg(test)]
mod tests {
    use crate::{logins, session, survey};
    use replication::VERIFICATION_SECONDS;
    use std::path::Path;

    #[test]
    fn the_function_has_time_for_all_that_the_settings_allow() {
        let file = |name: &str| {
            std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)).unwrap()
        };
        let number = |text: &str, before: &str, key: &str| -> u64 {
            let after = text.split(before).nth(1).unwrap().split(key).nth(1).unwrap();
            after.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
        };
        let function =
            number(&file("cloudformation/target-account.yaml"), "  VerifyFunction:\n", " Timeout: ");
        let machine = file("statemachines/target-account.asl.json");
        let state = number(&machine, "\"Verify\": {", "\"TimeoutSeconds\": ");
        // One call of AWS beside those of the logins, and at most twenty assertions, each waited for a little longer.
        let call = 9;
        let slack = 21 * session::SLACK_SECONDS;
        let before = session::CONNECT_SECONDS + survey::SURVEY_SECONDS + logins::LOGINS_SECONDS;
        let most = call + before + VERIFICATION_SECONDS + slack;
        assert!(most + 20 <= function && function + 20 <= state, "{most} {function} {state}");
    }
}
