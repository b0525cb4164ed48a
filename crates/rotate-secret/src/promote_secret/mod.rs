//! State `PromoteSecret`: points the application's secret at the copy, in one compare-and-swap.

mod opening;
pub mod plan;
mod promoted;
mod stale;
pub mod way;

use crate::Error;
use aws_sdk_elasticloadbalancingv2::Client as Elb;
use aws_sdk_rds::Client as Rds;
use aws_sdk_secretsmanager::Client as Secrets;
use database::Database;
use jiff::Timestamp;
use lambda_support::{CallFailed, Config};
use opening::Opened;
use plan::{Act, OPENING, Promotion, REBOOTING, Seen, Wanted, after_refusal, plan};
use promoted::{outgoing_value, promoted_value};
use replication::{
    ApplicationSecret, BackupRetentionPeriod, HeldIn, HeldLane, Pin, ReplicationName, Run, RunId, tag,
};
use secret::{AWSCURRENT, AWSPENDING, Version};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use step::{Bounded, Deadline, Look, Waiting, parse};
use target_group::{db_proxy, targets};
use way::{Behind, Way};

/// The label of the version that is about to become current.
const LABEL: &str = "snapferry";

/// The clients of this function.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each client is of the service of that name")]
pub struct Clients {
    pub elb: Elb,
    pub rds: Rds,
    pub secrets: Secrets,
}

impl Clients {
    /// All of them, once per cold start.
    pub fn new(config: &Config) -> Self {
        Self { elb: Elb::new(config), rds: Rds::new(config), secrets: Secrets::new(config) }
    }
}

/// Which copy goes live, how the target wants it, and which secret applications read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// The replication.
    pub replication: ReplicationName,
    /// The run that made the copy.
    pub run: RunId,
    /// The security groups that applications come through; left as they are when there are none.
    pub vpc_security_group_ids: Vec<String>,
    /// Whether RDS refuses to delete the copy once it is live; left as it is when absent.
    #[serde(default)]
    pub deletion_protection: Option<bool>,
    /// The days that automated backups are kept once it is live; left as it is when absent.
    #[serde(default)]
    pub backup_retention_period: Option<BackupRetentionPeriod>,
    /// The DB parameter group that replaces that of the quarantine; left as it is when absent.
    #[serde(default)]
    pub db_parameter_group_name: Option<String>,
    /// Whether `Verify` logged in to the copy since an answer asked for it by `checkLogin`.
    #[serde(default)]
    pub login_checked: bool,
    /// The application's secret.
    pub application_secret_arn: String,
    /// What applications find in it.
    #[serde(default)]
    pub application_secret: ApplicationSecret,
    /// The way by which applications reach the copy; absent when they reach it directly.
    #[serde(default)]
    pub reach: Option<Way>,
    /// What becomes of the pin: a run respects it, a rollback sets or releases it.
    #[serde(default)]
    pub pin: Pin,
    /// How long the stage may wait, in seconds.
    pub stage_deadline_seconds: Deadline,
    /// What the last look answered; `{}` at first.
    #[serde(rename = "stage")]
    pub waiting: Waiting,
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
    /// Whether the next look wants `loginChecked`: the copy may have restarted since it was verified.
    pub check_login: bool,
}

/// Opens the copy to applications: it gets the target's security groups, deletion protection, automated backups and
/// parameter group. RDS may restart the copy for it, so somebody logs in once more before it goes live.
///
/// Then it puts the connection keys over the application's secret as it is now, and moves AWSCURRENT to that version only
/// if it is still where it was seen. When somebody else moved it meanwhile, the next look starts from the top.
///
/// Before that, the outgoing copy's secret gets the credentials that were current, so that a password rotated meanwhile
/// still works after a rollback. Both DB instances are tagged with the time, which their grace is counted from.
/// Every look that may lead to the move finds out first whether applications can be led to the copy, before it changes
/// anything but the tag that makes the copy a way back: with that tag, a rollback to the latest copy takes it once the
/// settings are corrected.
/// A rollback pins before AWSCURRENT moves. We read AWSCURRENT before the pin. If a rollback pins and promotes in
/// between, our compare-and-swap fails.
/// With a lane, the secret's `host` and `port` lead there. The copy goes live only if somebody logged in to it through the
/// lane, and if the copy alone is a healthy target of it at the look that moves AWSCURRENT.
/// Errors: `Snapferry.SecretNotInitialised`, `SecretNotJson`, `SecretBinary`, `SecretTooLarge`, `SecretNotFound`,
/// `SecretOfAnotherReplication`, `SecretKeysStale`, `ApplicationUserUndecided`, `ApplicationUserUnknown`,
/// `TemplateUnusable`, `ParameterGroupNotFound`, `ReachNotProven`, `DbInstanceNotFound`, `DbInstanceNotOurs`,
/// `RestoreFailed`, `InvalidRequest`, `StageTimedOut`, `RdsRefused`, `SecretsManagerRefused`, `ElbRefused` (fatal),
/// `RdsUnavailable`, `SecretsManagerUnavailable`, `ElbUnavailable` (retry).
/// Source: RDS API `ModifyDBInstance`, `RebootDBInstance`, `DescribeDBProxyTargets`; ELB v2 API `DescribeTargetHealth`; Secrets Manager API `PutSecretValue`,
/// `UpdateSecretVersionStage`.
pub async fn handle(clients: &Clients, payload: Value) -> Result<Response, Error> {
    let Clients { elb, rds, secrets } = clients;
    let request: Request = parse(payload)?;
    let run = Run::new(&request.replication, &request.run);
    let (database, waiting, deadline) =
        (Database::Instance(run.identifier()), &request.waiting, request.stage_deadline_seconds);
    let application = request.application_secret_arn.as_str();
    let wanted = Wanted {
        opened: Opened {
            vpc_security_group_ids: &request.vpc_security_group_ids,
            deletion_protection: request.deletion_protection,
            backup_retention_period: request.backup_retention_period.map(Bounded::as_i32),
            db_parameter_group_name: request.db_parameter_group_name.as_deref(),
        },
        login_checked: request.login_checked,
        way: request.reach.as_ref(),
        pin: request.pin,
        deadline,
    };

    let lane = request.reach.as_ref().and_then(|it| it.lane.as_ref());
    let instance = database.find(rds).await?;
    let current = secret::read_current(secrets, application).await?.usable(application)?;
    let described = secret::describe(secrets, application).await?;
    let described = described.ok_or_else(|| Error::ApplicationSecretNotFound(application.to_owned()))?;
    let current = current.ok_or_else(|| Error::SecretNotInitialised(application.to_owned()))?;
    let behind = behind(elb, rds, lane).await?;
    let seen = Seen { instance: instance.as_ref(), secret: &described, current: &current, behind: &behind };
    let plan = plan(&run, &seen, &wanted, waiting)?;

    if let Some(arn) = plan.newly_proven {
        tag_with_time(rds, &arn, tag::PROVEN).await?;
    }
    let next = NextVersion { application, current: &current, settings: &request.application_secret, lane };
    let leads_here = current.value.db_instance_identifier() == Some(&run.identifier());
    if !leads_here && !matches!(plan.act, Act::Leave { .. } | Act::Promote(_)) {
        next.read(secrets, &run).await?;
    }
    let mut check_login = false;
    let (look, live) = match plan.act {
        Act::Leave { look, live } => (look, live),
        Act::Wait(look) => (look, false),
        Act::CheckLogin(look) => {
            check_login = true;
            (look, false)
        }
        Act::Open(changes) => {
            let reason = match database.modify(rds, changes).await {
                Ok(()) => format!("opening {database} to applications"),
                Err(failed) => after_refusal(&database, &wanted.opened, failed)?,
            };
            (waiting.wait(OPENING, None, deadline, reason)?, false)
        }
        Act::Reboot => {
            let reason = match database.reboot(rds).await {
                Ok(()) => format!("rebooting {database} to apply its parameter group"),
                Err(failed) => after_refusal(&database, &wanted.opened, failed)?,
            };
            (waiting.wait(REBOOTING, None, deadline, reason)?, false)
        }
        Act::SetPin => {
            secret::tag(secrets, application, tag::PINNED, run.id.as_str()).await?;
            let reason = format!("pinned the replication to run {}", run.id);
            (waiting.look_at_once("pinned", deadline, reason)?, false)
        }
        Act::ReleasePin => {
            secret::untag(secrets, application, tag::PINNED).await?;
            (waiting.look_at_once("released", deadline, "released the replication's pin")?, false)
        }
        Act::Promote(promotion) => {
            let moved = promote(rds, secrets, &run, promotion, &next).await?;
            // The next look sees whether the copy is live.
            let reason = if moved { "moved AWSCURRENT" } else { "somebody else moved AWSCURRENT" };
            (waiting.look_at_once("moved", deadline, format!("{reason}: looking again"))?, false)
        }
    };
    tracing::info!(replication = %run.replication, run = %run.id, done = look.done, live, reason = look.reason, "looked");
    Ok(Response { look, db_instance_identifier: run.identifier(), live, check_login })
}

/// What is behind a lane.
async fn behind(elb: &Elb, rds: &Rds, lane: Option<&HeldLane>) -> Result<Behind, CallFailed> {
    Ok(match lane.map(|it| &it.held_in) {
        None => Behind::Nothing,
        Some(HeldIn::TargetGroup { target_group_arn, target_ids }) => {
            Behind::TargetGroup(target_ids.clone(), targets(elb, target_group_arn).await?)
        }
        Some(HeldIn::DbProxy { db_proxy_name }) => {
            Behind::DbProxy(db_proxy::targets(rds, db_proxy_name).await?)
        }
    })
}

/// The version of the application's secret that leads to the copy, over the one that was seen.
struct NextVersion<'a> {
    application: &'a str,
    current: &'a Version,
    settings: &'a ApplicationSecret,
    lane: Option<&'a HeldLane>,
}

impl NextVersion<'_> {
    /// Its identifier and text.
    async fn read(&self, secrets: &Secrets, run: &Run) -> Result<(String, String), Error> {
        let Self { application, current, settings, lane } = *self;
        let name = run.secret_name();
        let own = secret::read_current(secrets, &name).await?.usable(&name)?;
        let own = own.ok_or(Error::SecretNotFound(name))?;
        let text = promoted_value(run, application, &own, current, settings, lane)?;
        let text = text.text_for(application)?;
        Ok((secret::version_id_of(application, [&current.version_id, &own.version_id]), text))
    }
}

/// False when AWSCURRENT is no longer where it was seen.
async fn promote(
    rds: &Rds,
    secrets: &Secrets,
    run: &Run,
    promotion: Promotion,
    next: &NextVersion<'_>,
) -> Result<bool, Error> {
    let NextVersion { application, current, .. } = *next;
    let (version_id, text) = next.read(secrets, run).await?;
    if promotion.finished_rotation {
        secret::move_label(secrets, application, AWSPENDING, &current.version_id, None).await?;
    }
    if let Some(outgoing) = &promotion.outgoing {
        save_outgoing(rds, secrets, outgoing, current).await?;
    }
    tag_with_time(rds, &promotion.arn, tag::LAST_LIVE).await?;

    secret::put(secrets, application, text, &version_id, LABEL).await?;
    Ok(secret::move_label(secrets, application, AWSCURRENT, &current.version_id, Some(&version_id)).await?)
}

/// Keeps the way back: the credentials that applications use now are written into the outgoing copy's own secret.
async fn save_outgoing(rds: &Rds, secrets: &Secrets, outgoing: &Run, current: &Version) -> Result<(), Error> {
    let name = outgoing.secret_name();
    if let Some(saved) = secret::read_current(secrets, &name).await?.usable(&name)?
        && let Some(value) = outgoing_value(&saved, current)
    {
        let version_id = secret::version_id_of(&name, [&saved.version_id, &current.version_id]);
        secret::put(secrets, &name, value.text_for(&name)?, &version_id, AWSCURRENT).await?;
    }
    if let Some(instance) = Database::Instance(outgoing.identifier()).find(rds).await? {
        tag_with_time(rds, &instance.arn, tag::LAST_LIVE).await?;
    }
    Ok(())
}

async fn tag_with_time(rds: &Rds, arn: &str, key: &str) -> Result<(), CallFailed> {
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    database::add_tag(rds, arn, key, &now).await
}
