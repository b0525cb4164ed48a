//! What can be ordered: DB instance classes, storage types, certificates, and numbers within their bounds.

use super::{bring_up, fault::Fault, parameters::Parameters, state::Database};

/// RestoreDBInstanceFromDBSnapshot has no such parameters: a DB instance is given them by ModifyDBInstance. The real
/// SDKs cannot send them; somebody who can expects an effect that RDS does not have.
/// Source: botocore's model, RestoreDBInstanceFromDBSnapshotMessage, beside ModifyDBInstanceMessage.
pub const NOT_FOR_A_RESTORE: [&str; 17] = [
    "MasterUsername",
    "MasterUserPassword",
    "KmsKeyId",
    "StorageEncrypted",
    "EngineVersion",
    "MaxAllocatedStorage",
    "MonitoringInterval",
    "MonitoringRoleArn",
    "DatabaseInsightsMode",
    "EnablePerformanceInsights",
    "PerformanceInsightsKMSKeyId",
    "PerformanceInsightsRetentionPeriod",
    "PreferredMaintenanceWindow",
    "PromotionTier",
    "MultiTenant",
    "ApplyImmediately",
    "DBName",
];

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

/// Refuses what RDS does not sell.
pub fn check(parameters: &Parameters, database: &Database) -> Result<(), Fault> {
    if let Some(class) = parameters.get("DBInstanceClass") {
        orderable(class, database)?;
    }
    if let Some(kind) = parameters.get("StorageType").filter(|it| !STORAGE_TYPES.contains(it)) {
        return Err(Fault::InvalidParameterValue(format!("Invalid storage type: {kind}")));
    }
    if let Some(name) = parameters.get("CACertificateIdentifier").filter(|it| !CERTIFICATES.contains(it)) {
        return Err(Fault::CertificateNotFound(format!("Certificate not found: {name}")));
    }
    for (name, least, most) in BOUNDS {
        if let Some(value) = parameters.integer(name)?
            && !(least..=most).contains(&value)
        {
            let message = format!("Invalid value {value} for {name}. Must be between {least} and {most}.");
            return Err(Fault::InvalidParameterValue(message));
        }
    }
    if parameters.flag("MultiAZ")? && parameters.get("AvailabilityZone").is_some() {
        let message = "Requesting a specific availability zone is not valid for Multi-AZ instances.";
        return Err(Fault::InvalidParameterCombination(message.to_owned()));
    }
    Ok(())
}

fn orderable(class: &str, database: &Database) -> Result<(), Fault> {
    let words: Vec<&str> = class.split('.').collect();
    let ["db", generation, size, ..] = words[..] else {
        return Err(Fault::InvalidParameterValue(format!("Invalid DB Instance class: {class}")));
    };
    if generation.is_empty() || size.is_empty() {
        return Err(Fault::InvalidParameterValue(format!("Invalid DB Instance class: {class}")));
    }
    if TOO_OLD.contains(&generation) && bring_up::major(&database.engine_version) != "12" {
        return Err(Fault::InvalidParameterCombination(format!(
            "RDS does not support creating a DB instance with the following combination: DBInstanceClass={class}, \
             Engine={}, EngineVersion={}, LicenseModel=postgresql-license. For supported combinations of instance \
             class and database engine version, see the documentation.",
            database.engine, database.engine_version
        )));
    }
    Ok(())
}
