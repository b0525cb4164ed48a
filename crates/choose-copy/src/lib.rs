//! State `ChooseCopy`, the first of a rollback: chooses the copy to go to, and starts its DB instance if it is stopped.

mod error;
pub mod plan;

pub use error::Error;

use aws_sdk_rds::Client as Rds;
use database::{Database, busy_or_failed};
use lambda_support::{CallFailed, Config, SignedClient, find_parameter};
use plan::{Plan, To, advice, backup_retention_period, choose, live_run, pin, plan, proven};
use replication::{
    ApplicationSecret, BackupRetentionPeriod, Pin, Reach, ReplicationName, Run, RunId, TargetSettings,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use step::{Bounded, Deadline, Look, Waiting, parse};

/// The clients of this function.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each client is of the service of that name")]
pub struct Clients {
    pub rds: Rds,
    pub secrets: aws_sdk_secretsmanager::Client,
    pub ssm: SignedClient,
}

impl Clients {
    /// All of them, once per cold start.
    pub fn new(config: &Config) -> Self {
        Self {
            rds: Rds::new(config),
            secrets: aws_sdk_secretsmanager::Client::new(config),
            ssm: SignedClient::ssm(config),
        }
    }
}

/// `{"replication": "orders", "to": "previous" | "latest" | "<run>", …}`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// The replication.
    pub replication: ReplicationName,
    /// Where to go.
    pub to: To,
    /// The run that the first look chose: later looks stay with it, whatever goes live meanwhile.
    #[serde(default)]
    pub chosen: Option<RunId>,
    /// The stack's application's secret; a secret in the replication's settings wins.
    pub application_secret_arn: String,
    /// What the last look answered; `{}` at first.
    #[serde(rename = "stage")]
    pub waiting: Waiting,
}

/// The copy to go to, and all that the next steps need to know of its replication's settings.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// Whether the copy's DB instance can be used.
    #[serde(flatten)]
    pub look: Look,
    /// The run that made the copy.
    pub run: RunId,
    /// The copy.
    pub db_instance_identifier: String,
    /// The name of the copy's secret.
    pub secret_id: String,
    /// Whether the copy is live already: then there is nothing to do but to pin or to release.
    pub was_live: bool,
    /// What becomes of the pin.
    pub pin: Pin,
    /// What the pin means for later runs, in words.
    pub advice: &'static str,
    /// The application's secret.
    pub application_secret_arn: String,
    /// What applications find in it.
    pub application_secret: ApplicationSecret,
    /// The security groups that applications come through.
    pub vpc_security_group_ids: Vec<String>,
    /// Whether RDS refuses to delete the live copy; null when the settings do not say.
    pub deletion_protection: Option<bool>,
    /// The days that automated backups are kept once the copy is live; null when nothing says.
    pub backup_retention_period: Option<BackupRetentionPeriod>,
    /// The DB parameter group that replaces that of the quarantine; null when there is no such quarantine.
    pub db_parameter_group_name: Option<String>,
    /// The way by which applications of other networks reach the copy; null when there is none.
    pub reach: Option<Reach>,
    /// A copy that was live so many hours ago keeps its lane.
    pub cutover_grace_hours: Bounded<0, 8760>,
    /// How long a stage may wait, in seconds.
    pub stage_deadline_seconds: Deadline,
}

/// Chooses among the copies that were proven fit to go live, and starts the DB instance of the chosen one. Safe to
/// repeat.
///
/// Errors: `Snapferry.NoCopyToGoTo`, `RestoreFailed`, `InvalidSettings`, `InvalidRequest`, `StageTimedOut`,
/// `RdsRefused`, `SecretsManagerRefused`, `SsmRefused` (fatal), `RdsUnavailable`, `SecretsManagerUnavailable`,
/// `SsmUnavailable` (retry).
/// Source: RDS API `DescribeDBInstances`, `StartDBInstance`; SSM API `GetParameter`.
pub async fn handle(clients: &Clients, payload: Value) -> Result<Response, Error> {
    let Request { replication, to, chosen, application_secret_arn, waiting } = parse(payload)?;
    let parameter = find_parameter(&clients.ssm, &replication.settings_parameter()).await?;
    let settings = TargetSettings::read(&replication, parameter.as_deref())?;
    let application_secret_arn = settings.application_secret_arn.unwrap_or(application_secret_arn);

    let databases = Database::list(&clients.rds).await?;
    let proven = proven(&replication, &databases);
    let said = secret::read_current(&clients.secrets, &application_secret_arn).await?.value();
    let live = live_run(&replication, said.as_ref());
    let id = match &chosen {
        Some(id) => choose(&replication, &To::Run(id.clone()), None, &proven)?,
        None => choose(&replication, &to, live.as_ref(), &proven)?,
    };
    let run = Run::new(&replication, &id);
    let deadline = settings.stage_deadline_seconds;
    let look = match plan(&run, &proven, &waiting, deadline)? {
        Plan::Answer(look) => look,
        Plan::Start(database) => {
            let reason = start(&clients.rds, &database).await?;
            waiting.wait("starting", None, deadline, reason)?
        }
    };
    let retention = settings.db_instance.backup_retention_period;
    let retention = retention.or_else(|| backup_retention_period(&run, &databases));
    let parameter_group = settings.placement.opening_db_parameter_group_name().map(str::to_owned);
    tracing::info!(%replication, run = %run.id, done = look.done, reason = look.reason, "looked");
    Ok(Response {
        look,
        db_instance_identifier: run.identifier(),
        secret_id: run.secret_name(),
        was_live: live.as_ref() == Some(&run.id),
        run: run.id,
        pin: pin(&to),
        advice: advice(&to),
        application_secret_arn,
        application_secret: settings.application_secret,
        vpc_security_group_ids: settings.placement.vpc_security_group_ids,
        deletion_protection: settings.db_instance.deletion_protection,
        backup_retention_period: retention,
        db_parameter_group_name: parameter_group,
        reach: settings.reach,
        cutover_grace_hours: settings.retention.cutover_grace_hours,
        stage_deadline_seconds: deadline,
    })
}

/// Answers in words.
async fn start(rds: &Rds, database: &Database) -> Result<String, CallFailed> {
    match database.start(rds).await {
        Ok(()) => Ok(format!("starting {database}")),
        Err(failed) => busy_or_failed(database, failed),
    }
}
