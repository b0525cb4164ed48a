//! The values of settings that RDS takes only from a list.
//!
//! Source: RDS API, CreateDBInstance, ModifyDBInstance and RestoreDBInstanceFromDBSnapshot.

use crate::engine;

pub const STORAGE_TYPES: &[&str] = &["standard", "gp2", "gp3", "io1", "io2"];
pub const NETWORK_TYPES: &[&str] = &["IPV4", "DUAL"];
pub const LIFECYCLE_SUPPORT: &[&str] =
    &["open-source-rds-extended-support", "open-source-rds-extended-support-disabled"];
pub const MONITORING_INTERVALS: &[&str] = &["0", "1", "5", "10", "15", "30", "60"];
pub const PROCESSOR_FEATURES: &[&str] = &["coreCount", "threadsPerCore"];

/// The licences of an engine; all of them if the engine is not known.
pub fn licence_models(engine: &str) -> &'static [&'static str] {
    match engine::family(engine) {
        "postgres" => &["postgresql-license"],
        "mysql" | "mariadb" => &["general-public-license"],
        "oracle" => &["license-included", "bring-your-own-license"],
        "sqlserver" => &["license-included", "bring-your-own-media"],
        "db2" => &["bring-your-own-license", "marketplace-license"],
        _ => &[
            "postgresql-license",
            "general-public-license",
            "license-included",
            "bring-your-own-license",
            "bring-your-own-media",
            "marketplace-license",
        ],
    }
}

/// The logs that an engine sends to CloudWatch Logs; none if the engine is not known.
pub fn log_types(engine: &str) -> Option<&'static [&'static str]> {
    Some(match engine::family(engine) {
        "postgres" => &["postgresql", "upgrade", "iam-db-auth-error"],
        "mysql" | "mariadb" => &["audit", "error", "general", "slowquery", "iam-db-auth-error"],
        "oracle" => &["alert", "audit", "listener", "trace", "oemagent"],
        "sqlserver" => &["agent", "error"],
        "db2" => &["diag.log", "notify.log", "iam-db-auth-error"],
        _ => return None,
    })
}

/// Whether Performance Insights can keep data for so many days: a week, whole months of 31 days, or two years.
pub fn is_insights_retention(days: i32) -> bool {
    days == 7 || days == 731 || days % 31 == 0
}
