//! What of a database can be changed while it is there.

use aws_sdk_rds::operation::modify_db_instance::builders::ModifyDBInstanceFluentBuilder;

/// Changes of settings; what is `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// The security groups, instead of those that are attached.
    pub vpc_security_group_ids: Option<Vec<String>>,
    /// Whether RDS refuses a deletion.
    pub deletion_protection: Option<bool>,
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

    pub(crate) fn put_into(self, modify: ModifyDBInstanceFluentBuilder) -> ModifyDBInstanceFluentBuilder {
        let (interval, role) = self.monitoring.map(|it| (it.interval, it.role_arn)).unzip();
        let insights = self.performance_insights;
        modify
            .set_vpc_security_group_ids(self.vpc_security_group_ids)
            .set_deletion_protection(self.deletion_protection)
            .set_max_allocated_storage(self.max_allocated_storage)
            .set_preferred_maintenance_window(self.preferred_maintenance_window)
            .set_monitoring_interval(interval)
            .set_monitoring_role_arn(role.flatten())
            .set_enable_performance_insights(insights.as_ref().map(|it| it.enabled))
            .set_performance_insights_retention_period(insights.as_ref().and_then(|it| it.retention_period))
            .set_performance_insights_kms_key_id(insights.and_then(|it| it.kms_key_id))
    }
}
