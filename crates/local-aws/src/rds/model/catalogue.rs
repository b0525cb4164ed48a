//! What RDS sells: engine versions, storage types, certificates, and the values that parameters take.

use super::{
    classes,
    database::Database,
    refusal::Refusal,
    settings::{Changes, integer},
};

/// The engine of every DB instance.
pub const ENGINE: &str = "postgres";

/// Source: RDS User Guide, UsingWithRDS.SSL.
pub const CERTIFICATES: [&str; 3] = ["rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1"];
/// The licence model of every DB instance.
pub const LICENSE: &str = "postgresql-license";
/// The logs that PostgreSQL can send to CloudWatch. Source: RDS User Guide, USER_LogAccess.Concepts.PostgreSQL.
pub const LOGS: [&str; 3] = ["postgresql", "upgrade", "iam-db-auth-error"];
/// The major versions for which there are groups. DB instances have the version of the PostgreSQL that we have.
const MAJORS: [&str; 8] = ["11", "12", "13", "14", "15", "16", "17", "18"];
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
        classes::orderable(class, database, major(&database.engine_version))?;
    }
    if let Some(model) = get("LicenseModel").filter(|it| *it != LICENSE) {
        // Seen on AWS: github.com/ansible/ansible#47405.
        return Err(Refusal::InvalidParameterCombination(format!(
            "Invalid license model '{model}' for engine '{}'. Valid license models are: {LICENSE}",
            database.engine
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

/// Refuses a log that PostgreSQL does not have.
pub fn check_logs<'a>(mut given: impl Iterator<Item = &'a String>) -> Result<(), Refusal> {
    match given.find(|it| !LOGS.contains(&it.as_str())) {
        None => Ok(()),
        Some(log) => Err(Refusal::InvalidParameterCombination(format!(
            "You cannot use the log types '{log}' with engine version {ENGINE}. For supported log types, see the \
             documentation."
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

/// The major version of PostgreSQL: `16` of `16.14`.
pub fn major(version: &str) -> &str {
    version.split('.').next().unwrap_or_default()
}

/// Is it a major version of PostgreSQL that RDS has groups for?
pub fn is_major(version: &str) -> bool {
    MAJORS.contains(&version)
}

/// Is it an engine that the local RDS has?
pub fn check_engine(engine: &str) -> Result<(), Refusal> {
    if engine == ENGINE {
        return Ok(());
    }
    Err(Refusal::InvalidParameterValue(format!("Invalid DB engine: {engine}")))
}

/// The versions that the PostgreSQL that we have can pass for: its own and those before it of its major version.
pub fn versions(ours: &str) -> impl Iterator<Item = String> {
    let minor: u32 = ours.split('.').nth(1).and_then(|it| it.parse().ok()).unwrap_or_default();
    (1..=minor).map(move |minor| format!("{}.{minor}", major(ours)))
}

/// The version asked for, if the PostgreSQL that we have can pass for it.
pub fn engine_version(ours: &str, given: Option<&str>) -> Result<String, Refusal> {
    match given {
        None => Ok(ours.to_owned()),
        Some(given) if given == major(ours) => Ok(ours.to_owned()),
        Some(given) => versions(ours).find(|it| it == given).ok_or_else(|| no_version(given)),
    }
}

/// The refusal of a version that there is not.
pub fn no_version(given: &str) -> Refusal {
    Refusal::InvalidParameterCombination(format!("Cannot find version {given} for {ENGINE}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_shown_as_asked_within_the_major_version() {
        assert_eq!(engine_version("16.14", None), Ok("16.14".into()));
        assert_eq!(engine_version("16.14", Some("16")), Ok("16.14".into()));
        assert_eq!(engine_version("16.14", Some("16.4")), Ok("16.4".into()));
        for wrong in ["17.2", "16.15", "16.0", "15", "16.4.1"] {
            assert!(engine_version("16.14", Some(wrong)).is_err(), "{wrong}");
        }
    }
}
