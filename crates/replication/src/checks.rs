//! Settings that cannot work are refused before anything is copied, each with its path and its cure.
//!
//! Only a value that RDS surely refuses is refused here: a setting of next year must get through.

use crate::db_instance_settings::DbInstanceSettings;
use crate::placement::Placement;
use crate::{engine, names, tag_rules, windows, words};
use step::{Bounded, InvalidRequest};

type Checked = Result<(), InvalidRequest>;

/// Checks what the target says against the engine, and against the settings that the copy gets in all.
pub fn of_merged(engine: &str, target: &DbInstanceSettings, merged: &DbInstanceSettings) -> Checked {
    let licence = target.license_model.as_deref();
    one_of("dbInstance.licenseModel", licence, words::licence_models(engine))?;
    if let Some(known) = words::log_types(engine) {
        for log in target.enable_cloudwatch_logs_exports.iter().flatten() {
            one_of("dbInstance.enableCloudwatchLogsExports", Some(log), known)?;
        }
    }
    let (backup, maintenance) = (&merged.preferred_backup_window, &merged.preferred_maintenance_window);
    let said = match (&target.preferred_backup_window, &target.preferred_maintenance_window) {
        (_, Some(_)) => Some("dbInstance.preferredMaintenanceWindow"),
        (Some(_), None) => Some("dbInstance.preferredBackupWindow"),
        // RDS has taken both of the source's.
        (None, None) => None,
    };
    if let (Some(path), Some(backup), Some(maintenance)) = (said, backup, maintenance)
        && let (Ok(daily), Ok(weekly)) = (windows::backup(backup), windows::maintenance(maintenance))
        && windows::overlap(daily, weekly)
    {
        let problem = format!(
            "the copy's backup window {backup} and maintenance window {maintenance} overlap: set both in dbInstance, apart \
             from each other"
        );
        return refuse(path, problem);
    }
    let insights = merged.enable_performance_insights.unwrap_or_default();
    if target.performance_insights_retention_period.is_some() && !insights {
        let problem =
            "needs Performance Insights: set dbInstance.enablePerformanceInsights to true, or leave this out";
        return refuse("dbInstance.performanceInsightsRetentionPeriod", problem);
    }
    if engine::restores_without_storage_settings(engine) && target.dedicated_log_volume == Some(true) {
        return refuse(
            "dbInstance.dedicatedLogVolume",
            "is true, but RDS for SQL Server has none: leave it out",
        );
    }
    Ok(())
}

/// Checks the key of the copies.
pub fn of_key(kms_key_id: Option<&str>) -> Checked {
    form("kmsKeyId", kms_key_id, names::is_key, "the ARN, the id or the alias of a key")
}

/// Checks where the hand-offs may come from.
pub fn of_source(region: &str, db_instance_identifier: &str) -> Checked {
    form("source.region", Some(region), names::is_region, "a Region such as eu-central-1")?;
    let identifier = "a DB instance identifier: letters, digits and single hyphens, at most 63";
    form("source.dbInstanceIdentifier", Some(db_instance_identifier), names::is_instance, identifier)
}

/// Checks what the settings say of the DB instance.
pub fn of_instance(it: &DbInstanceSettings) -> Checked {
    let class = it.db_instance_class.as_deref();
    form("dbInstance.dbInstanceClass", class, names::is_class, "a DB instance class such as db.r6g.large")?;
    one_of("dbInstance.storageType", it.storage_type.as_deref(), words::STORAGE_TYPES)?;
    one_of("dbInstance.networkType", it.network_type.as_deref(), words::NETWORK_TYPES)?;
    let lifecycle = it.engine_lifecycle_support.as_deref();
    one_of("dbInstance.engineLifecycleSupport", lifecycle, words::LIFECYCLE_SUPPORT)?;
    // The engine is not known yet, so any engine's will do.
    one_of("dbInstance.licenseModel", it.license_model.as_deref(), words::licence_models(""))?;
    let authority = it.ca_certificate_identifier.as_deref();
    form(
        "dbInstance.caCertificateIdentifier",
        authority,
        names::is_authority,
        "an authority such as rds-ca-rsa2048-g1",
    )?;

    let features = it.processor_features.as_deref().unwrap_or_default();
    for feature in features {
        one_of("dbInstance.processorFeatures", Some(&feature.name), words::PROCESSOR_FEATURES)?;
        let number = |value: &str| value.parse::<u16>().is_ok_and(|it| it > 0);
        form(
            "dbInstance.processorFeatures",
            Some(&feature.value),
            number,
            "a number in quotes, such as \"4\"",
        )?;
    }
    if !features.is_empty() && it.use_default_processor_features == Some(true) {
        let problem = "cannot be true while dbInstance.processorFeatures says others: leave one of them out";
        return refuse("dbInstance.useDefaultProcessorFeatures", problem);
    }
    if let Some(Err(problem)) = it.preferred_backup_window.as_deref().map(windows::backup) {
        return refuse("dbInstance.preferredBackupWindow", problem);
    }
    if let Some(Err(problem)) = it.preferred_maintenance_window.as_deref().map(windows::maintenance) {
        return refuse("dbInstance.preferredMaintenanceWindow", problem);
    }
    match it.performance_insights_retention_period.map(Bounded::as_i32) {
        Some(days) if !words::is_insights_retention(days) => {
            let problem = format!("is {days}, but RDS takes 7, 731, or a multiple of 31");
            refuse("dbInstance.performanceInsightsRetentionPeriod", problem)
        }
        _ => Ok(()),
    }
}

/// Checks where the copy is to live.
pub fn of_placement(it: &Placement) -> Checked {
    let name = it.db_subnet_group_name.as_deref();
    let group = "letters, digits and single hyphens, a letter first, at most 255";
    form(
        "placement.dbSubnetGroupName",
        name,
        names::is_subnet_group,
        "letters, digits, spaces, and . _ -, at most 255",
    )?;
    form("placement.dbParameterGroupName", it.db_parameter_group_name.as_deref(), names::is_group, group)?;
    let quarantine = it.quarantine_db_parameter_group_name.as_deref();
    form("placement.quarantineDbParameterGroupName", quarantine, names::is_group, group)?;
    form("placement.optionGroupName", it.option_group_name.as_deref(), names::is_group, group)?;
    for (path, ids) in [
        ("placement.vpcSecurityGroupIds", &it.vpc_security_group_ids),
        ("placement.quarantineSecurityGroupIds", &it.quarantine_security_group_ids),
    ] {
        for id in ids {
            form(
                path,
                Some(id),
                names::is_security_group,
                "ids of security groups, such as sg-0123456789abcdef0",
            )?;
        }
    }
    let (key, role) = (it.performance_insights_kms_key_id.as_deref(), it.monitoring_role_arn.as_deref());
    form(
        "placement.performanceInsightsKmsKeyId",
        key,
        names::is_key,
        "the ARN, the id or the alias of a key",
    )?;
    form("placement.monitoringRoleArn", role, names::is_role, "the ARN of a role")?;
    of_domain(it)?;
    if !it.quarantine_security_group_ids.is_empty() && it.vpc_security_group_ids.is_empty() {
        let problem = "must name the security groups that replace those of the quarantine";
        return refuse("placement.vpcSecurityGroupIds", problem);
    }
    if it.quarantine_db_parameter_group_name.is_some() && it.db_parameter_group_name.is_none() {
        let problem = "must name the DB parameter group that replaces that of the quarantine";
        return refuse("placement.dbParameterGroupName", problem);
    }
    if it.copy_option_group && it.option_group_name.is_some() {
        return refuse("placement.copyOptionGroup", "cannot be true while optionGroupName names a group");
    }
    match tag_rules::problem(&it.tags) {
        Some(problem) => refuse("placement.tags", problem),
        None => Ok(()),
    }
}

/// Checks that a directory and its role go together.
fn of_domain(it: &Placement) -> Checked {
    let (domain, role) = (it.domain.as_deref(), it.domain_iam_role_name.as_deref());
    form("placement.domain", domain, names::is_directory, "the id of a directory, such as d-1234567890")?;
    form("placement.domainIamRoleName", role, names::is_role_name, "the name of a role, without its path")?;
    match (domain, role) {
        (Some(_), None) => refuse(
            "placement.domainIamRoleName",
            "is needed for placement.domain: name the stack's DomainRoleArn",
        ),
        (None, Some(_)) => {
            refuse("placement.domain", "must name the directory that domainIamRoleName is for")
        }
        _ => Ok(()),
    }
}

/// Checks that an interval of Enhanced Monitoring and its role go together.
pub fn of_monitoring(instance: &DbInstanceSettings, placement: &Placement) -> Checked {
    let Some(interval) = instance.monitoring_interval.map(Bounded::as_i32) else { return Ok(()) };
    one_of("dbInstance.monitoringInterval", Some(&interval.to_string()), words::MONITORING_INTERVALS)?;
    match (interval, &placement.monitoring_role_arn) {
        (0, Some(_)) => {
            let problem = "is 0, which turns Enhanced Monitoring off: leave placement.monitoringRoleArn out, or set an interval";
            refuse("dbInstance.monitoringInterval", problem)
        }
        (1.., None) => {
            let problem = "is needed for dbInstance.monitoringInterval: name the stack's MonitoringRoleArn";
            refuse("placement.monitoringRoleArn", problem)
        }
        _ => Ok(()),
    }
}

fn form(path: &str, value: Option<&str>, good: impl Fn(&str) -> bool, form: &str) -> Checked {
    match value {
        Some(value) if !good(value) => refuse(path, format!("{value:?} is not right: RDS wants {form}")),
        _ => Ok(()),
    }
}

fn one_of(path: &str, value: Option<&str>, all: &[&str]) -> Checked {
    match value {
        Some(value) if !all.contains(&value) => {
            refuse(path, format!("{value:?} is not right: RDS takes {}", all.join(", ")))
        }
        _ => Ok(()),
    }
}

/// A refusal of what stands at this path.
pub fn refuse(path: &str, message: impl Into<String>) -> Checked {
    Err(InvalidRequest { path: path.to_owned(), message: message.into() })
}
