//! What a look saw of a database.

use crate::identity::Database;
use crate::status::Condition;
use aws_sdk_rds::types::{self, DbInstance};
use jiff::Timestamp;
use lambda_support::tags;
use replication::{DbInstanceSettings, ProcessorFeature};
use step::{Bounded, Tags};

/// What RDS said of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseSeen {
    /// Which one it is.
    pub database: Database,
    /// The cluster that a DB instance is a member of.
    pub member_of: Option<String>,
    /// Its ARN.
    pub arn: String,
    /// RDS's word for its status.
    pub status: String,
    /// Where it answers, once RDS says so.
    pub endpoint: Option<Endpoint>,
    /// RDS's name of the engine.
    pub engine: String,
    /// Its engine version.
    pub engine_version: String,
    /// The master user's name.
    pub master_username: String,
    /// The database that it was created with, where RDS knows one.
    pub db_name: Option<String>,
    /// Whether a change of the master password is not applied yet.
    pub password_pending: bool,
    /// Its parameter group.
    pub parameter_group: ParameterGroup,
    /// The security groups that are attached or being attached.
    pub vpc_security_group_ids: Vec<String>,
    /// Whether security groups are being attached or detached.
    pub security_groups_changing: bool,
    /// The DB instance whose read replica it is: its ARN when that is in another Region.
    pub read_replica_source: Option<String>,
    /// RDS's word for how the replication into it goes: `replicating`, `error`, `stopped`, `terminated`, …
    pub replication_status: Option<String>,
    /// The VPC of its DB subnet group.
    pub vpc_id: Option<String>,
    /// The subnets of its DB subnet group.
    pub subnet_ids: Vec<String>,
    /// When it was created, once it was.
    pub created_at: Option<Timestamp>,
    /// Its settings.
    pub settings: DbInstanceSettings,
    /// Its tags.
    pub tags: Tags,
}

/// The DB parameter group of a database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParameterGroup {
    /// Its name.
    pub name: String,
    /// RDS's word for how far its parameters are applied: `in-sync`, `applying`, `pending-reboot`.
    pub apply_status: String,
}

/// Where a database answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The address.
    pub address: String,
    /// The port.
    pub port: u16,
}

impl DatabaseSeen {
    /// A database of which nothing is known yet but what it is called.
    pub fn named(database: Database) -> Self {
        Self {
            database,
            member_of: None,
            arn: String::new(),
            status: String::new(),
            endpoint: None,
            engine: String::new(),
            engine_version: String::new(),
            master_username: String::new(),
            db_name: None,
            password_pending: false,
            parameter_group: ParameterGroup::default(),
            vpc_security_group_ids: Vec::new(),
            security_groups_changing: false,
            read_replica_source: None,
            replication_status: None,
            vpc_id: None,
            subnet_ids: Vec::new(),
            created_at: None,
            settings: DbInstanceSettings::default(),
            tags: Tags::new(),
        }
    }

    /// What its status means.
    pub fn condition(&self) -> Condition {
        Condition::of(&self.status)
    }

    /// Whether RDS refuses to delete it.
    pub fn is_protected(&self) -> bool {
        self.settings.deletion_protection.unwrap_or_default()
    }
}

impl From<DbInstance> for DatabaseSeen {
    fn from(it: DbInstance) -> Self {
        let settings = settings(&it);
        let pending = it.pending_modified_values;
        let groups = it.vpc_security_groups.unwrap_or_default();
        let (vpc_id, subnets) = it.db_subnet_group.map(|it| (it.vpc_id, it.subnets)).unwrap_or_default();
        Self {
            database: Database::Instance(it.db_instance_identifier.unwrap_or_default()),
            member_of: it.db_cluster_identifier,
            arn: it.db_instance_arn.unwrap_or_default(),
            status: it.db_instance_status.unwrap_or_default(),
            endpoint: it
                .endpoint
                .and_then(|it| Some(Endpoint { address: it.address?, port: u16::try_from(it.port?).ok()? })),
            engine: it.engine.unwrap_or_default(),
            engine_version: it.engine_version.unwrap_or_default(),
            master_username: it.master_username.unwrap_or_default(),
            db_name: it.db_name,
            password_pending: pending.is_some_and(|it| it.master_user_password.is_some()),
            parameter_group: parameter_group(it.db_parameter_groups),
            security_groups_changing: groups
                .iter()
                .any(|it| it.status.as_deref().is_some_and(|it| it != "active")),
            read_replica_source: it.read_replica_source_db_instance_identifier.filter(|it| !it.is_empty()),
            replication_status: it
                .status_infos
                .unwrap_or_default()
                .into_iter()
                .find(|it| it.status_type.as_deref() == Some("read replication"))
                .and_then(|it| it.status),
            vpc_security_group_ids: groups.into_iter().filter_map(|it| it.vpc_security_group_id).collect(),
            vpc_id,
            subnet_ids: subnets
                .unwrap_or_default()
                .into_iter()
                .filter_map(|it| it.subnet_identifier)
                .collect(),
            created_at: it.instance_create_time.and_then(|at| Timestamp::new(at.secs(), 0).ok()),
            settings,
            tags: tags(it.tag_list, |it| (it.key, it.value)),
        }
    }
}

/// A DB instance has one parameter group.
fn parameter_group(groups: Option<Vec<types::DbParameterGroupStatus>>) -> ParameterGroup {
    let group = groups.and_then(|it| it.into_iter().next());
    group.map_or_else(ParameterGroup::default, |it| ParameterGroup {
        name: it.db_parameter_group_name.unwrap_or_default(),
        apply_status: it.parameter_apply_status.unwrap_or_default(),
    })
}

/// Every setting as RDS says it. Values that no setting takes are left out.
fn settings(it: &DbInstance) -> DbInstanceSettings {
    DbInstanceSettings {
        db_instance_class: it.db_instance_class.clone(),
        multi_az: it.multi_az,
        port: it.endpoint.as_ref().and_then(|endpoint| endpoint.port).and_then(Bounded::new),
        storage_type: it.storage_type.clone(),
        allocated_storage: it.allocated_storage.and_then(Bounded::new),
        iops: it.iops.and_then(Bounded::new),
        storage_throughput: it.storage_throughput.and_then(Bounded::new),
        dedicated_log_volume: it.dedicated_log_volume,
        processor_features: it.processor_features.as_deref().map(features).filter(|it| !it.is_empty()),
        use_default_processor_features: None,
        max_allocated_storage: it.max_allocated_storage.and_then(Bounded::new),
        enable_iam_database_authentication: it.iam_database_authentication_enabled,
        enable_cloudwatch_logs_exports: it
            .enabled_cloudwatch_logs_exports
            .clone()
            .filter(|it| !it.is_empty()),
        ca_certificate_identifier: it.ca_certificate_identifier.clone(),
        backup_retention_period: it.backup_retention_period.and_then(Bounded::new),
        preferred_backup_window: it.preferred_backup_window.clone(),
        preferred_maintenance_window: it.preferred_maintenance_window.clone(),
        auto_minor_version_upgrade: it.auto_minor_version_upgrade,
        engine_lifecycle_support: it.engine_lifecycle_support.clone(),
        license_model: it.license_model.clone(),
        deletion_protection: it.deletion_protection,
        copy_tags_to_snapshot: it.copy_tags_to_snapshot,
        network_type: it.network_type.clone(),
        monitoring_interval: it.monitoring_interval.and_then(Bounded::new),
        enable_performance_insights: it.performance_insights_enabled,
        performance_insights_retention_period: it
            .performance_insights_retention_period
            .and_then(Bounded::new),
    }
}

fn features(all: &[types::ProcessorFeature]) -> Vec<ProcessorFeature> {
    let feature = |it: &types::ProcessorFeature| {
        Some(ProcessorFeature { name: it.name.clone()?, value: it.value.clone()? })
    };
    all.iter().filter_map(feature).collect()
}
