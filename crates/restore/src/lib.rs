//! State `Restore`: brings the copied snapshot up as a new DB instance, as the target's settings say.

mod error;
pub mod plan;

pub use error::Error;

use aws_sdk_rds::Client;
use aws_sdk_rds::types::{DbInstance, Tag};
use lambda_support::{Service, call_failed, found, parse, tags};
use plan::{InstanceSeen, LaterSettings, PerformanceInsights, Plan, expected_seconds, plan};
use replication::{Bounded, Copy, Handoff, Look, Stage, TargetSettings, tag};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What was handed off, and how the target wants it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// The hand-off.
    pub handoff: Handoff,
    /// The target's settings.
    pub settings: TargetSettings,
    /// What the last look answered; `{}` at first.
    pub stage: Stage,
}

/// The DB instance.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// Whether it is available.
    #[serde(flatten)]
    pub look: Look,
    /// Its name.
    pub db_instance_identifier: String,
}

/// Restores a new DB instance from the run's snapshot in this account, or looks how far it is. Safe to repeat: the run
/// names the instance.
///
/// It comes up in quarantine and without deletion protection: a failed one must stay deletable, and the target's
/// security groups are attached when it goes live.
/// What a restore does not take (monitoring, Performance Insights, storage autoscaling, maintenance window) is modified
/// once the instance is available, and how long it all took is kept as a tag for the next run.
/// Errors: `Snapferry.SnapshotNotFound`, `SubnetGroupNotFound`, `ParameterGroupNotFound`, `OptionGroupNotFound`,
/// `ClassNotOrderable`, `InstanceQuotaExceeded`, `KeyNotUsable`, `DbInstanceNotOurs`, `RestoreFailed`,
/// `InvalidRequest`, `StageTimedOut`, `RdsRefused` (fatal), `RdsUnavailable` (retry).
/// Source: RDS API `RestoreDBInstanceFromDBSnapshot`, `DescribeDBInstances`, `ModifyDBInstance`, `AddTagsToResource`.
pub async fn handle(rds: &Client, payload: Value) -> Result<Response, Error> {
    let Request { handoff, settings, stage } = parse(payload)?;
    let copy = handoff.copy();

    let seen = find(rds, &copy).await?;
    let wanted = LaterSettings::wanted(&settings.db_instance(&handoff), &settings.placement);
    let look = match plan(&copy, seen.as_ref(), &wanted, &stage, settings.stage_deadline_seconds)? {
        Plan::Answer(look) => {
            if let Some(seen) = seen.filter(|it| look.done && !it.tags.contains_key(tag::RESTORE_SECONDS)) {
                keep_seconds(rds, &seen.arn, look.stage.seconds).await;
            }
            look
        }
        Plan::Restore => {
            let deadline = settings.stage_deadline_seconds;
            match start(rds, &copy, &handoff, &settings).await {
                Ok(reason) => {
                    let stage = Stage { expected_seconds: last_seconds(rds, &copy).await, ..stage };
                    stage.wait("creating", None, deadline, reason)?
                }
                Err(error) if error.may_pass() => stage.refused(deadline, error.to_string())?.ok_or(error)?,
                Err(error) => return Err(error),
            }
        }
        Plan::Modify(missing) => {
            let reason = modify(rds, &copy, missing).await?;
            stage.wait("modifying", None, settings.stage_deadline_seconds, reason)?
        }
    };
    tracing::info!(replication = %copy.replication, run = %copy.run, done = look.done, reason = look.reason, "looked");
    Ok(Response { look, db_instance_identifier: copy.identifier() })
}

/// `None` also when RDS does not say: the restore is under way, and waits without an estimate.
async fn last_seconds(rds: &Client, copy: &Copy) -> Option<u64> {
    let seen = rds.describe_db_instances().send().await.ok()?.db_instances?;
    let seen: Vec<_> = seen
        .into_iter()
        .filter_map(|it| Some((it.db_instance_identifier?, tags(it.tag_list, |it| (it.key, it.value)))))
        .collect();
    expected_seconds(copy, &seen)
}

/// An estimate for the next run is not worth failing this one.
async fn keep_seconds(rds: &Client, arn: &str, seconds: u64) {
    let tag = Tag::builder().key(tag::RESTORE_SECONDS).value(seconds.to_string()).build();
    if let Err(error) = rds.add_tags_to_resource().resource_name(arn).tags(tag).send().await {
        let failed = call_failed(Service::Rds, "AddTagsToResource", &error);
        tracing::warn!(arn, %failed, "the time of the restore is not kept");
    }
}

async fn find(rds: &Client, copy: &Copy) -> Result<Option<InstanceSeen>, Error> {
    let answer = rds.describe_db_instances().db_instance_identifier(copy.identifier()).send().await;
    let answer = found(Service::Rds, "DescribeDBInstances", answer, |e| e.is_db_instance_not_found_fault())?;
    Ok(answer.and_then(|it| it.db_instances?.into_iter().next()).map(|it| InstanceSeen {
        later: later(&it),
        arn: it.db_instance_arn.unwrap_or_default(),
        status: it.db_instance_status.unwrap_or_default(),
        has_endpoint: it
            .endpoint
            .is_some_and(|endpoint| endpoint.address.is_some() && endpoint.port.is_some()),
        tags: tags(it.tag_list, |it| (it.key, it.value)),
    }))
}

fn later(it: &DbInstance) -> LaterSettings {
    LaterSettings {
        max_allocated_storage: it.max_allocated_storage,
        preferred_maintenance_window: it.preferred_maintenance_window.clone(),
        monitoring: it.monitoring_interval.map(|seconds| (seconds, it.monitoring_role_arn.clone())),
        performance_insights: it.performance_insights_enabled.map(|enabled| PerformanceInsights {
            enabled,
            retention_period: it.performance_insights_retention_period,
            kms_key_id: it.performance_insights_kms_key_id.clone(),
        }),
    }
}

/// Answers in words.
async fn modify(rds: &Client, copy: &Copy, missing: LaterSettings) -> Result<String, Error> {
    let identifier = copy.identifier();
    let (interval, role) = missing.monitoring.unzip();
    let insights = missing.performance_insights;
    let answer = rds
        .modify_db_instance()
        .db_instance_identifier(&identifier)
        .set_max_allocated_storage(missing.max_allocated_storage)
        .set_preferred_maintenance_window(missing.preferred_maintenance_window)
        .set_monitoring_interval(interval)
        .set_monitoring_role_arn(role.flatten())
        .set_enable_performance_insights(insights.as_ref().map(|it| it.enabled))
        .set_performance_insights_retention_period(insights.as_ref().and_then(|it| it.retention_period))
        .set_performance_insights_kms_key_id(insights.and_then(|it| it.kms_key_id))
        .apply_immediately(true)
        .send()
        .await;
    match answer {
        Ok(_) => Ok(format!("set on DB instance {identifier} what a restore does not take")),
        Err(error) if error.as_service_error().is_some_and(|it| it.is_invalid_db_instance_state_fault()) => {
            Ok(format!("DB instance {identifier} became busy"))
        }
        Err(error) => Err(call_failed(Service::Rds, "ModifyDBInstance", &error).into()),
    }
}

/// Answers in words. A state or a capacity that only needs patience is no error.
async fn start(
    rds: &Client,
    copy: &Copy,
    handoff: &Handoff,
    settings: &TargetSettings,
) -> Result<String, Error> {
    let identifier = copy.identifier();
    let instance = settings.db_instance(handoff);
    let placement = &settings.placement;
    let groups = placement.restore_security_group_ids().to_vec();
    let mut tags = placement.tags.clone();
    tags.extend(copy.tags());
    let answer = rds
        .restore_db_instance_from_db_snapshot()
        .db_instance_identifier(&identifier)
        .db_snapshot_identifier(&identifier)
        .set_db_instance_class(instance.db_instance_class.clone())
        .set_multi_az(instance.multi_az)
        .set_port(instance.port.map(Bounded::as_i32))
        .set_storage_type(instance.storage_type)
        .set_allocated_storage(instance.allocated_storage.map(Bounded::as_i32))
        .set_iops(instance.iops.map(Bounded::as_i32))
        .set_storage_throughput(instance.storage_throughput.map(Bounded::as_i32))
        .set_enable_iam_database_authentication(instance.enable_iam_database_authentication)
        .set_enable_cloudwatch_logs_exports(instance.enable_cloudwatch_logs_exports)
        .set_ca_certificate_identifier(instance.ca_certificate_identifier)
        .set_backup_retention_period(instance.backup_retention_period.map(Bounded::as_i32))
        .set_preferred_backup_window(instance.preferred_backup_window)
        .set_auto_minor_version_upgrade(instance.auto_minor_version_upgrade)
        .set_engine_lifecycle_support(instance.engine_lifecycle_support)
        .set_license_model(instance.license_model)
        .set_copy_tags_to_snapshot(instance.copy_tags_to_snapshot)
        .set_network_type(instance.network_type)
        .set_db_subnet_group_name(placement.db_subnet_group_name.clone())
        .set_db_parameter_group_name(placement.db_parameter_group_name.clone())
        .set_option_group_name(placement.option_group_name.clone())
        .set_vpc_security_group_ids(Some(groups).filter(|groups| !groups.is_empty()))
        .publicly_accessible(placement.publicly_accessible)
        .deletion_protection(false)
        .set_tags(Some(
            tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect(),
        ))
        .send()
        .await;
    let Err(error) = answer else { return Ok(format!("started restoring DB instance {identifier}")) };
    let failed = call_failed(Service::Rds, "RestoreDBInstanceFromDBSnapshot", &error);
    let name = |name: &Option<String>| name.clone().unwrap_or_default();
    match error.as_service_error() {
        Some(it) if it.is_db_instance_already_exists_fault() => {
            Ok(format!("DB instance {identifier} exists already"))
        }
        Some(it) if it.is_db_snapshot_not_found_fault() => Err(Error::SnapshotNotFound(identifier)),
        Some(it) if it.is_invalid_db_snapshot_state_fault() => {
            Ok(format!("DB snapshot {identifier} is not ready yet"))
        }
        Some(it) if it.is_insufficient_db_instance_capacity_fault() => {
            Ok("RDS has no capacity for the DB instance class at the moment".to_owned())
        }
        Some(it) if it.is_db_subnet_group_not_found_fault() => {
            Err(Error::SubnetGroupNotFound(name(&placement.db_subnet_group_name)))
        }
        Some(it) if it.is_db_parameter_group_not_found_fault() => {
            Err(Error::ParameterGroupNotFound(name(&placement.db_parameter_group_name)))
        }
        Some(it) if it.is_option_group_not_found_fault() => {
            Err(Error::OptionGroupNotFound(name(&placement.option_group_name)))
        }
        Some(it) if it.is_instance_quota_exceeded_fault() => Err(Error::InstanceQuotaExceeded),
        Some(it) if it.is_kms_key_not_accessible_fault() => {
            Err(Error::KeyNotUsable { identifier, message: failed.message })
        }
        // RDS has no code of its own for this. Source: its message, "RDS does not support creating a DB instance with
        // the following combination: DBInstanceClass=…" (hashicorp/terraform-provider-aws, issues).
        _ if failed.code.starts_with("InvalidParameter") && failed.message.contains("DBInstanceClass") => {
            Err(Error::ClassNotOrderable {
                class: name(&instance.db_instance_class),
                message: failed.message,
            })
        }
        _ => Err(failed.into()),
    }
}
