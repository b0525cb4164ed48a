//! The settings of a DB instance that mean the same in every account.

use serde::{Deserialize, Serialize};
use step::Bounded;

/// The days that automated backups are kept; 0 turns them off.
pub type BackupRetentionPeriod = Bounded<0, 35>;

macro_rules! settings {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields, default)]
        pub struct $name {
            $(
                $(#[$field_meta])*
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $field: Option<$type>,
            )*
        }

        impl $name {
            /// These settings, and the defaults where nothing is said.
            pub fn or(self, defaults: Self) -> Self {
                Self { $($field: self.$field.or(defaults.$field),)* }
            }
        }
    };
}

settings! {
    /// Settings of a DB instance that mean the same in every account; words and units are RDS's own.
    ///
    /// Source: RDS API, RestoreDBInstanceFromDBSnapshot and ModifyDBInstance.
    pub struct DbInstanceSettings {
        /// `db.t4g.medium`, …
        db_instance_class: String,
        /// A standby in another zone.
        multi_az: bool,
        /// The port.
        port: Bounded<1150, 65535>,
        /// `gp3`, `io2`, …
        storage_type: String,
        /// Allocated storage, in GiB; it can only grow.
        allocated_storage: Bounded<5, 65536>,
        /// Provisioned IOPS; 0 turns them off.
        iops: Bounded<0, 256000>,
        /// Throughput of `gp3`, in MiB/s.
        storage_throughput: Bounded<125, 4000>,
        /// A volume of its own for the database's logs, beside `io1` and `io2`.
        dedicated_log_volume: bool,
        /// Cores and threads of the class, such as `coreCount`.
        processor_features: Vec<ProcessorFeature>,
        /// The class's own cores and threads, whatever the snapshot had.
        use_default_processor_features: bool,
        /// The ceiling of storage autoscaling, in GiB; applied after the restore.
        max_allocated_storage: Bounded<5, 65536>,
        /// IAM authentication.
        enable_iam_database_authentication: bool,
        /// Log types sent to CloudWatch Logs.
        enable_cloudwatch_logs_exports: Vec<String>,
        /// The certificate authority of the server's certificate.
        ca_certificate_identifier: String,
        /// Automated backups are kept this many days; 0 turns them off.
        backup_retention_period: BackupRetentionPeriod,
        /// `hh24:mi-hh24:mi`, UTC.
        preferred_backup_window: String,
        /// `ddd:hh24:mi-ddd:hh24:mi`, UTC; applied after the restore.
        preferred_maintenance_window: String,
        /// Minor versions are applied in the maintenance window.
        auto_minor_version_upgrade: bool,
        /// `open-source-rds-extended-support` (paid, RDS's default) or `open-source-rds-extended-support-disabled`.
        engine_lifecycle_support: String,
        /// `license-included`, `bring-your-own-license`, …
        license_model: String,
        /// Refuse deletion; applied when the copy goes live.
        deletion_protection: bool,
        /// Snapshots of the instance inherit its tags.
        copy_tags_to_snapshot: bool,
        /// `IPV4` or `DUAL`.
        network_type: String,
        /// Seconds between Enhanced Monitoring samples; 0 turns it off; applied after the restore.
        monitoring_interval: Bounded<0, 60>,
        /// Performance Insights; applied after the restore.
        enable_performance_insights: bool,
        /// Days that Performance Insights keeps; applied after the restore.
        performance_insights_retention_period: Bounded<7, 731>,
    }
}

/// One processor feature of a DB instance.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProcessorFeature {
    /// `coreCount` or `threadsPerCore`.
    pub name: String,
    /// A number.
    pub value: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    // R13: the copy loses the source's settings.
    #[test]
    fn the_target_wins_and_the_source_fills_in() {
        let target = DbInstanceSettings { multi_az: Some(false), ..Default::default() };
        let source = DbInstanceSettings {
            multi_az: Some(true),
            storage_type: Some("gp3".to_owned()),
            ..Default::default()
        };
        let merged = target.or(source);
        assert_eq!(
            (merged.multi_az, merged.storage_type.as_deref(), merged.iops),
            (Some(false), Some("gp3"), None)
        );
    }
}
