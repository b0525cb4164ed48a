//! State `Restore`: brings the copied snapshot up as a new DB instance, as the target's settings say.

mod error;
pub mod plan;

pub use error::Error;

use aws_sdk_rds::Client;
use database::{
    Condition, Database, at_work, busy_or_failed, keep_seconds, processor_features, started, tag_list,
};
use lambda_support::{CallFailed, Service, call_failed};
use plan::{AfterRefusal, MODIFIED, Plan, after_refusal, at_restore, later_settings, plan};
use replication::{DbInstanceSettings, Placement, ReplicationName, Run, RunId, tag};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use step::{Bounded, Deadline, Look, Waiting, parse};

/// Which copy to restore, and how the target wants it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// The replication.
    pub replication: ReplicationName,
    /// The run.
    pub run: RunId,
    /// RDS's name of the snapshot's engine.
    pub engine: String,
    /// The settings of the DB instance, merged.
    pub db_instance: DbInstanceSettings,
    /// Where the copy lives.
    pub placement: Placement,
    /// How long the stage may wait, in seconds.
    pub stage_deadline_seconds: Deadline,
    /// What the last look answered; `{}` at first.
    #[serde(rename = "stage")]
    pub waiting: Waiting,
}

/// How far the restore is.
#[derive(Debug, Serialize)]
pub struct Response {
    /// Whether the DB instance is available.
    #[serde(flatten)]
    pub look: Look,
}

/// Restores a new DB instance from the run's snapshot in this account, or looks how far it is. Safe to repeat: the run
/// names the instance.
///
/// It comes up in quarantine and without deletion protection: a failed one must stay deletable, and PromoteSecret attaches
/// the target's security groups. It comes up without automated backups: the first backup takes hours on large storage, and
/// RDS refuses changes meanwhile. PromoteSecret turns them on; a tag says how many days they are kept.
/// A restore does not take monitoring, Performance Insights, storage autoscaling and the maintenance window, nor the
/// storage of SQL Server. The step modifies them once the instance is available, and keeps the time of it all as a tag
/// for the next run.
/// Errors: `Snapferry.SnapshotNotFound`, `SubnetGroupNotFound`, `ParameterGroupNotFound`, `OptionGroupNotFound`,
/// `ClassNotOrderable`, `InstanceQuotaExceeded`, `KeyNotUsable`, `DbInstanceNotOurs`, `RestoreFailed`,
/// `InvalidRequest`, `StageTimedOut`, `RdsRefused` (fatal), `RdsUnavailable` (retry).
/// Source: RDS API `RestoreDBInstanceFromDBSnapshot`, `DescribeDBInstances`, `ModifyDBInstance`, `AddTagsToResource`.
pub async fn handle(rds: &Client, payload: Value) -> Result<Response, Error> {
    let mut request: Request = parse(payload)?;
    let run = Run::new(&request.replication, &request.run);
    let database = Database::Instance(run.identifier());
    let deadline = request.stage_deadline_seconds;

    let seen = database.find(rds).await?;
    let last_seconds = async || Database::last_seconds(rds, &run).await;
    if seen.as_ref().is_some_and(|it| it.condition() == Condition::Waiting) {
        request.waiting = at_work(request.waiting, last_seconds).await;
    }
    let waiting = &request.waiting;
    let wanted = later_settings(&request.engine, &request.db_instance, &request.placement);
    let look = match plan(&run, seen.as_ref(), &wanted, waiting, deadline)? {
        Plan::Answer(look) => look,
        Plan::Restore => match restore(rds, &run, &request).await {
            Ok(()) => {
                let waiting = started(waiting.clone(), last_seconds).await;
                waiting.wait("creating", None, deadline, format!("started restoring {database}"))?
            }
            Err(failed) => match after_refusal(&run, &request, failed)? {
                AfterRefusal::AskAgain(look) => look,
                AfterRefusal::LookAgain(reason) => waiting.wait("creating", None, deadline, reason)?,
            },
        },
        Plan::Modify(changes) => {
            let (status, reason) = match database.modify(rds, changes).await {
                Ok(()) => (MODIFIED, format!("set on {database} what a restore does not take")),
                Err(failed) => ("busy", busy_or_failed(&database, failed)?),
            };
            waiting.wait(status, None, deadline, reason)?
        }
    };
    if let Some(seen) = seen.filter(|_| look.done) {
        keep_seconds(rds, &seen.arn, &seen.tags, &look.waiting).await;
    }
    tracing::info!(replication = %run.replication, run = %run.id, done = look.done, reason = look.reason, "looked");
    Ok(Response { look })
}

async fn restore(rds: &Client, run: &Run, request: &Request) -> Result<(), CallFailed> {
    let (identifier, placement) = (run.identifier(), &request.placement);
    let instance = at_restore(&request.engine, request.db_instance.clone());
    let groups = placement.restore_security_group_ids().to_vec();
    let mut tags = placement.tags.clone();
    tags.extend(run.tags());
    let retention = instance.backup_retention_period;
    tags.extend(retention.map(|days| (tag::BACKUP_RETENTION_PERIOD.to_owned(), days.as_i32().to_string())));
    let answer = rds
        .restore_db_instance_from_db_snapshot()
        .db_instance_identifier(&identifier)
        .db_snapshot_identifier(&identifier)
        .set_db_instance_class(instance.db_instance_class)
        .set_multi_az(instance.multi_az)
        .set_port(instance.port.map(Bounded::as_i32))
        .set_storage_type(instance.storage_type)
        .set_allocated_storage(instance.allocated_storage.map(Bounded::as_i32))
        .set_iops(instance.iops.map(Bounded::as_i32))
        .set_storage_throughput(instance.storage_throughput.map(Bounded::as_i32))
        .set_dedicated_log_volume(instance.dedicated_log_volume)
        .set_processor_features(instance.processor_features.map(processor_features))
        .set_use_default_processor_features(instance.use_default_processor_features)
        .set_enable_iam_database_authentication(instance.enable_iam_database_authentication)
        .set_enable_cloudwatch_logs_exports(instance.enable_cloudwatch_logs_exports)
        .set_ca_certificate_identifier(instance.ca_certificate_identifier)
        .backup_retention_period(0)
        .set_preferred_backup_window(instance.preferred_backup_window)
        .set_auto_minor_version_upgrade(instance.auto_minor_version_upgrade)
        .set_engine_lifecycle_support(instance.engine_lifecycle_support)
        .set_license_model(instance.license_model)
        .set_copy_tags_to_snapshot(instance.copy_tags_to_snapshot)
        .set_network_type(instance.network_type)
        .set_db_subnet_group_name(placement.db_subnet_group_name.clone())
        .set_db_parameter_group_name(placement.restore_db_parameter_group_name().1.map(str::to_owned))
        .set_option_group_name(placement.option_group_name.clone())
        .set_vpc_security_group_ids(Some(groups).filter(|groups| !groups.is_empty()))
        .set_domain(placement.domain.clone())
        .set_domain_iam_role_name(placement.domain_iam_role_name.clone())
        .publicly_accessible(placement.publicly_accessible)
        .deletion_protection(false)
        .set_tags(Some(tag_list(tags)))
        .send()
        .await;
    answer.map(|_| ()).map_err(|error| call_failed(Service::Rds, "RestoreDBInstanceFromDBSnapshot", &error))
}
