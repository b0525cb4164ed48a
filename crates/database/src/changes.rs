//! What of a database can be changed while it is there.

use aws_sdk_rds::operation::modify_db_instance::builders::ModifyDBInstanceFluentBuilder;

/// Changes of settings; what is `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// The security groups, instead of those that are attached.
    pub vpc_security_group_ids: Option<Vec<String>>,
    /// Whether RDS refuses a deletion.
    pub deletion_protection: Option<bool>,
    /// The days that automated backups are kept; from 0 to any other number, RDS restarts the database.
    pub backup_retention_period: Option<i32>,
    /// The DB parameter group; RDS takes its static parameters at the next reboot.
    pub db_parameter_group_name: Option<String>,
    /// `gp3`, `io2`, …
    pub storage_type: Option<String>,
    /// Allocated storage, in GiB.
    pub allocated_storage: Option<i32>,
    /// Provisioned IOPS.
    pub iops: Option<i32>,
    /// Throughput of `gp3`, in MiB/s.
    pub storage_throughput: Option<i32>,
    /// The ceiling of storage autoscaling, in GiB.
    pub max_allocated_storage: Option<i32>,
    /// `ddd:hh24:mi-ddd:hh24:mi`, UTC.
    pub preferred_maintenance_window: Option<String>,
    /// Enhanced Monitoring.
    pub monitoring: Option<Monitoring>,
    /// Performance Insights.
    pub performance_insights: Option<PerformanceInsights>,
}

/// How Enhanced Monitoring is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Monitoring {
    /// Seconds between samples; 0 turns it off.
    pub interval: i32,
    /// The role that takes the samples; needed unless the interval is 0.
    pub role_arn: Option<String>,
}

/// How Performance Insights is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PerformanceInsights {
    /// Whether it is on.
    pub enabled: bool,
    /// Days that its data is kept.
    pub retention_period: Option<i32>,
    /// The key of its data.
    pub kms_key_id: Option<String>,
}

impl Changes {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// RDS's names of what changes.
    pub fn names(&self) -> Vec<&'static str> {
        let all = [
            ("VpcSecurityGroupIds", self.vpc_security_group_ids.is_some()),
            ("DeletionProtection", self.deletion_protection.is_some()),
            ("BackupRetentionPeriod", self.backup_retention_period.is_some()),
            ("DBParameterGroupName", self.db_parameter_group_name.is_some()),
            ("StorageType", self.storage_type.is_some()),
            ("AllocatedStorage", self.allocated_storage.is_some()),
            ("Iops", self.iops.is_some()),
            ("StorageThroughput", self.storage_throughput.is_some()),
            ("MaxAllocatedStorage", self.max_allocated_storage.is_some()),
            ("PreferredMaintenanceWindow", self.preferred_maintenance_window.is_some()),
            ("MonitoringInterval", self.monitoring.is_some()),
            ("EnablePerformanceInsights", self.performance_insights.is_some()),
        ];
        all.into_iter().filter_map(|(name, changes)| changes.then_some(name)).collect()
    }

    /// Whether RDS would keep them for the maintenance window. All others apply at once.
    ///
    /// ApplyImmediately also applies whatever else is pending, such as another class, and restarts the database. So only
    /// changes that need it bring it.
    /// Source: RDS User Guide, USER_ModifyInstance.Settings; RDS API, ModifyDBInstance, ApplyImmediately.
    fn wait_for_the_window(&self) -> bool {
        self.backup_retention_period.is_some()
            || self.storage_type.is_some()
            || self.allocated_storage.is_some()
            || self.iops.is_some()
            || self.storage_throughput.is_some()
    }

    pub(crate) fn put_into(self, modify: ModifyDBInstanceFluentBuilder) -> ModifyDBInstanceFluentBuilder {
        let waits = self.wait_for_the_window();
        let (interval, role) = self.monitoring.map(|it| (it.interval, it.role_arn)).unzip();
        let insights = self.performance_insights;
        modify
            .set_apply_immediately(waits.then_some(true))
            .set_backup_retention_period(self.backup_retention_period)
            .set_db_parameter_group_name(self.db_parameter_group_name)
            .set_vpc_security_group_ids(self.vpc_security_group_ids)
            .set_deletion_protection(self.deletion_protection)
            .set_storage_type(self.storage_type)
            .set_allocated_storage(self.allocated_storage)
            .set_iops(self.iops)
            .set_storage_throughput(self.storage_throughput)
            .set_max_allocated_storage(self.max_allocated_storage)
            .set_preferred_maintenance_window(self.preferred_maintenance_window)
            .set_monitoring_interval(interval)
            .set_monitoring_role_arn(role.flatten())
            .set_enable_performance_insights(insights.as_ref().map(|it| it.enabled))
            .set_performance_insights_retention_period(insights.as_ref().and_then(|it| it.retention_period))
            .set_performance_insights_kms_key_id(insights.and_then(|it| it.kms_key_id))
    }
}
