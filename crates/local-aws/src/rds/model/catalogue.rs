//! What RDS sells: engine versions, DB instance classes, storage types, certificates, and numbers within their bounds.

use super::{
    database::Database,
    refusal::Refusal,
    settings::{Changes, integer},
};

/// The engine of every DB instance.
pub const ENGINE: &str = "postgres";

/// Classes of generations that PostgreSQL 13 and later do not run on.
/// Source: RDS User Guide, Concepts.DBInstanceClass.Support.
const TOO_OLD: [&str; 9] = ["t1", "t2", "m1", "m2", "m3", "m4", "r3", "r4", "x1"];
/// Source: RDS User Guide, UsingWithRDS.SSL.
const CERTIFICATES: [&str; 4] = ["rds-ca-2019", "rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1"];
const STORAGE_TYPES: [&str; 5] = ["standard", "gp2", "gp3", "io1", "io2"];
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
        orderable(class, database)?;
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

fn orderable(class: &str, database: &Database) -> Result<(), Refusal> {
    let words: Vec<&str> = class.split('.').collect();
    let ["db", generation, size, ..] = words[..] else {
        return Err(Refusal::InvalidParameterValue(format!("Invalid DB Instance class: {class}")));
    };
    if generation.is_empty() || size.is_empty() {
        return Err(Refusal::InvalidParameterValue(format!("Invalid DB Instance class: {class}")));
    }
    if TOO_OLD.contains(&generation) && major(&database.engine_version) != "12" {
        return Err(Refusal::InvalidParameterCombination(format!(
            "RDS does not support creating a DB instance with the following combination: DBInstanceClass={class}, \
             Engine={}, EngineVersion={}, LicenseModel=postgresql-license. For supported combinations of instance \
             class and database engine version, see the documentation.",
            database.engine, database.engine_version
        )));
    }
    Ok(())
}

/// The major version of PostgreSQL: `16` of `16.14`.
pub fn major(version: &str) -> &str {
    version.split('.').next().unwrap_or_default()
}

/// The version asked for, if the PostgreSQL that we have can pass for it.
pub fn engine_version(ours: &str, given: Option<&str>) -> Result<String, Refusal> {
    match given {
        None => Ok(ours.to_owned()),
        Some(given) if given == major(ours) => Ok(ours.to_owned()),
        Some(given) if major(given) == major(ours) => Ok(given.to_owned()),
        Some(given) => {
            Err(Refusal::InvalidParameterCombination(format!("Cannot find version {given} for postgres")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_shown_as_asked_within_the_major_version() {
        assert_eq!(engine_version("16.14", None), Ok("16.14".into()));
        assert_eq!(engine_version("16.14", Some("16")), Ok("16.14".into()));
        assert_eq!(engine_version("16.14", Some("16.4")), Ok("16.4".into()));
        assert!(engine_version("16.14", Some("17.2")).is_err());
    }
}
