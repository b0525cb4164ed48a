//! What RDS sells: engine versions, storage types, certificates, and the values that parameters take.

use super::{
    classes,
    database::Database,
    engine::Engine,
    refusal::Refusal,
    settings::{Changes, ListChanges, integer},
};

/// Source: RDS User Guide, UsingWithRDS.SSL.
pub const CERTIFICATES: [&str; 3] = ["rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1"];
/// Storage types.
pub const STORAGE_TYPES: [&str; 5] = ["standard", "gp2", "gp3", "io1", "io2"];
/// Source: botocore's model, the valid values of each parameter.
const CHOICES: [(&str, &[&str]); 4] = [
    ("NetworkType", &["IPV4", "DUAL"]),
    ("BackupTarget", &["region", "outposts", "local"]),
    ("DatabaseInsightsMode", &["standard", "advanced"]),
    (
        "EngineLifecycleSupport",
        &["open-source-rds-extended-support", "open-source-rds-extended-support-disabled"],
    ),
];
/// Source: botocore's model, the constraints of each parameter.
const BOUNDS: [(&str, i64, i64); 4] = [
    ("BackupRetentionPeriod", 0, 35),
    ("Port", 1150, 65535),
    ("DBPortNumber", 1150, 65535),
    ("PromotionTier", 0, 15),
];

/// Refuses settings that RDS does not sell for the database.
pub fn check(given: &Changes, database: &Database) -> Result<(), Refusal> {
    let get = |name: &str| given.get(name).map(String::as_str);
    if let Some(class) = get("DBInstanceClass") {
        classes::orderable(class, database)?;
    }
    let license = database.engine.license();
    if let Some(model) = get("LicenseModel").filter(|it| *it != license) {
        // Seen on AWS: github.com/ansible/ansible#47405.
        return Err(Refusal::InvalidParameterCombination(format!(
            "Invalid license model '{model}' for engine '{}'. Valid license models are: {license}",
            database.engine.name()
        )));
    }
    for (name, choices) in CHOICES {
        if let Some(value) = get(name).filter(|it| !choices.contains(it)) {
            return Err(Refusal::InvalidParameterValue(format!(
                "Invalid value {value} for {name}. Valid values are: {}.",
                choices.join(", ")
            )));
        }
    }
    if let Some(days) = get("PerformanceInsightsRetentionPeriod") {
        insights_retention(integer("PerformanceInsightsRetentionPeriod", days)?)?;
    }
    if let Some(kind) = get("StorageType").filter(|it| !STORAGE_TYPES.contains(it)) {
        return Err(Refusal::InvalidParameterValue(format!("Invalid storage type: {kind}")));
    }
    if let Some(name) = get("CACertificateIdentifier").filter(|it| !CERTIFICATES.contains(it)) {
        return Err(Refusal::CertificateNotFound(format!("Certificate not found: {name}")));
    }
    for (name, ..) in BOUNDS {
        if let Some(value) = get(name) {
            within_bounds(name, value)?;
        }
    }
    if get("MultiAZ") == Some("true") && get("AvailabilityZone").is_some() {
        let message = "Requesting a specific availability zone is not valid for Multi-AZ instances.";
        return Err(Refusal::InvalidParameterCombination(message.to_owned()));
    }
    Ok(())
}

/// Refuses a log that the engine does not have.
pub fn check_logs(lists: &ListChanges, engine: Engine) -> Result<(), Refusal> {
    let given = [&lists.log_exports, &lists.enabled_logs, &lists.disabled_logs];
    match given.into_iter().flatten().flatten().find(|it| !engine.logs().contains(&it.as_str())) {
        None => Ok(()),
        Some(log) => Err(Refusal::InvalidParameterCombination(format!(
            "You cannot use the log types '{log}' with engine version {}. For supported log types, see the \
             documentation.",
            engine.name()
        ))),
    }
}

/// Source: botocore's model, `PerformanceInsightsRetentionPeriod`.
fn insights_retention(days: i64) -> Result<(), Refusal> {
    if [7, 731].contains(&days) || (days % 31 == 0 && (1..=23).contains(&(days / 31))) {
        return Ok(());
    }
    let message = format!(
        "Invalid Performance Insights retention period. Valid values are: [7, 731, month*31]: {days}"
    );
    Err(Refusal::InvalidParameterValue(message))
}

/// Refuses a number outside the bounds of its parameter.
pub fn within_bounds(parameter: &str, value: &str) -> Result<(), Refusal> {
    let value = integer(parameter, value)?;
    match BOUNDS.iter().find(|(name, ..)| *name == parameter) {
        Some((name, least, most)) if !(*least..=*most).contains(&value) => {
            let message = format!("Invalid value {value} for {name}. Must be between {least} and {most}.");
            Err(Refusal::InvalidParameterValue(message))
        }
        _ => Ok(()),
    }
}
