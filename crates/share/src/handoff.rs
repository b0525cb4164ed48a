//! Decides what the hand-off says of the snapshot and its source; sees only its arguments.

use crate::{Error, Request};
use aws_sdk_rds::types::{DbInstance, DbSnapshot};
use jiff::Timestamp;
use replication::{Bounded, DbInstanceSettings, Handoff, MESSAGE_VERSION};

/// What the target account is told. It follows from the snapshot and its instance alone, so that a repeated step
/// publishes the same hand-off.
pub fn handoff(
    request: &Request,
    snapshot: &DbSnapshot,
    instance: Option<DbInstance>,
) -> Result<Handoff, Error> {
    let arn = &request.db_snapshot_arn;
    let need = |value: Option<&str>, field| {
        value.map(str::to_owned).ok_or_else(|| Error::SnapshotIncomplete { arn: arn.to_string(), field })
    };
    // `SnapshotCreateTime` changes on copy, the other two do not.
    let current = snapshot
        .snapshot_database_time()
        .or(snapshot.original_snapshot_create_time())
        .or(snapshot.snapshot_create_time())
        .and_then(|at| Timestamp::new(at.secs(), 0).ok())
        .ok_or_else(|| Error::SnapshotIncomplete { arn: arn.to_string(), field: "SnapshotCreateTime" })?;
    Ok(Handoff {
        version: MESSAGE_VERSION,
        replication: request.replication.clone(),
        run: request.run.clone(),
        source_account_id: arn.account_id.clone(),
        source_region: arn.region.clone(),
        db_instance_identifier: need(snapshot.db_instance_identifier(), "DBInstanceIdentifier")?,
        db_snapshot_arn: arn.clone(),
        engine: need(snapshot.engine(), "Engine")?,
        engine_version: need(snapshot.engine_version(), "EngineVersion")?,
        kms_key_id: snapshot.kms_key_id().map(str::to_owned),
        allocated_storage: snapshot.allocated_storage().unwrap_or_default(),
        data_current_at: current,
        master_username: need(snapshot.master_username(), "MasterUsername")?,
        db_name: instance.as_ref().and_then(|it| it.db_name.clone()),
        db_instance: instance.map(defaults).unwrap_or_default(),
    })
}

/// What every gp3 volume has. RDS reports it, but refuses to be given it for a small volume: "You can't specify IOPS or
/// storage throughput". Source: RDS User Guide, "Amazon RDS DB instance storage", gp3.
const GP3_BASELINE_IOPS: i32 = 3_000;
/// The same, in MiB/s.
const GP3_BASELINE_THROUGHPUT: i32 = 125;

/// The source's settings that mean the same in another account.
fn defaults(it: DbInstance) -> DbInstanceSettings {
    let gp3 = it.storage_type.as_deref() == Some("gp3");
    DbInstanceSettings {
        port: it.endpoint.and_then(|endpoint| endpoint.port).and_then(Bounded::new),
        db_instance_class: it.db_instance_class,
        multi_az: it.multi_az,
        storage_type: it.storage_type,
        iops: it.iops.filter(|it| !gp3 || *it > GP3_BASELINE_IOPS).and_then(Bounded::new),
        storage_throughput: it
            .storage_throughput
            .filter(|it| *it > GP3_BASELINE_THROUGHPUT)
            .and_then(Bounded::new),
        // A copy is as large as its snapshot, unless the target wants it larger.
        allocated_storage: None,
        max_allocated_storage: it.max_allocated_storage.and_then(Bounded::new),
        enable_iam_database_authentication: it.iam_database_authentication_enabled,
        enable_cloudwatch_logs_exports: it.enabled_cloudwatch_logs_exports.filter(|list| !list.is_empty()),
        ca_certificate_identifier: it.ca_certificate_identifier,
        backup_retention_period: it.backup_retention_period.and_then(Bounded::new),
        preferred_backup_window: it.preferred_backup_window,
        preferred_maintenance_window: it.preferred_maintenance_window,
        auto_minor_version_upgrade: it.auto_minor_version_upgrade,
        engine_lifecycle_support: it.engine_lifecycle_support,
        license_model: it.license_model,
        deletion_protection: it.deletion_protection,
        copy_tags_to_snapshot: it.copy_tags_to_snapshot,
        network_type: it.network_type,
        monitoring_interval: it.monitoring_interval.and_then(Bounded::new),
        enable_performance_insights: it.performance_insights_enabled,
        performance_insights_retention_period: it
            .performance_insights_retention_period
            .and_then(Bounded::new),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_gp3_volume_has_is_not_handed_off() {
        let check = |storage: &str, given: [i32; 2], expected: [Option<i32>; 2]| {
            let [iops, throughput] = given;
            let instance = DbInstance::builder().storage_type(storage);
            let got = defaults(instance.iops(iops).storage_throughput(throughput).build());
            let expected = expected.map(|it| it.map(i64::from));
            let got = [serde_json::to_value(got.iops), serde_json::to_value(got.storage_throughput)];
            assert_eq!(got.map(|it| it.unwrap().as_i64()), expected, "{storage} {given:?}");
        };
        check("gp3", [3_000, 125], [None, None]);
        check("gp3", [12_000, 125], [Some(12_000), None]);
        check("gp3", [12_000, 500], [Some(12_000), Some(500)]);
        check("io1", [3_000, 0], [Some(3_000), None]);
    }
}
