//! Decides what the hand-off says of the snapshot and its source; sees only its arguments.

use crate::{Error, Request};
use database::{DatabaseSeen, SnapshotSeen};
use replication::{DbInstanceSettings, Handoff, storage};
use step::{Bounded, MESSAGE_VERSION};

/// What the target account is told. It follows from the snapshot and its DB instance alone, so a repeated step publishes
/// the same hand-off.
pub fn handoff(
    request: &Request,
    snapshot: SnapshotSeen,
    instance: Option<DatabaseSeen>,
) -> Result<Handoff, Error> {
    let arn = &request.db_snapshot_arn;
    let incomplete = |field| Error::SnapshotIncomplete { arn: arn.to_string(), field };
    let need = |value: Option<String>, field| value.ok_or_else(|| incomplete(field));
    let db_instance =
        defaults(instance.as_ref().map(|it| it.settings.clone()).unwrap_or_default(), &snapshot);
    Ok(Handoff {
        version: MESSAGE_VERSION,
        replication: request.replication.clone(),
        run: request.run.clone(),
        source_account_id: arn.account_id.clone(),
        source_region: arn.region.clone(),
        db_instance_identifier: need(snapshot.db_instance_identifier, "DBInstanceIdentifier")?,
        db_snapshot_arn: arn.clone(),
        engine: need(snapshot.engine, "Engine")?,
        engine_version: need(snapshot.engine_version, "EngineVersion")?,
        kms_key_id: snapshot.kms_key_id,
        allocated_storage: snapshot.allocated_storage,
        data_current_at: snapshot.data_current_at.ok_or_else(|| incomplete("SnapshotCreateTime"))?,
        master_username: need(snapshot.master_username, "MasterUsername")?,
        db_name: instance.as_ref().and_then(|it| it.db_name.clone()),
        db_instance,
    })
}

/// Performance Insights keeps data this many days for free. The target pays for more only if its settings say so.
const FREE_PERFORMANCE_INSIGHTS_DAYS: i32 = 7;

/// The source's settings that mean the same in another account.
fn defaults(source: DbInstanceSettings, snapshot: &SnapshotSeen) -> DbInstanceSettings {
    let fits = |ceiling: &Bounded<_, _>| storage::fits(ceiling.as_i32(), snapshot.allocated_storage);
    let free_days = Bounded::new(FREE_PERFORMANCE_INSIGHTS_DAYS);
    // The copy comes from the snapshot's storage: that of the DB instance may have changed since.
    let (storage_type, iops, storage_throughput) = match snapshot.storage_type.clone() {
        Some(kind) => {
            let throughput = snapshot.storage_throughput.and_then(Bounded::new);
            (Some(kind), snapshot.iops.and_then(Bounded::new), throughput)
        }
        None => (source.storage_type, source.iops, source.storage_throughput),
    };
    DbInstanceSettings {
        storage_type,
        iops,
        storage_throughput,
        // A copy is as large as its snapshot, unless the target wants it larger.
        allocated_storage: None,
        max_allocated_storage: source.max_allocated_storage.filter(fits),
        performance_insights_retention_period: source.performance_insights_retention_period.and(free_days),
        // The target's subnet group decides it.
        network_type: None,
        // RDS keeps the log groups of every copy for ever.
        enable_cloudwatch_logs_exports: None,
        // Each account and Region has a default of its own, and an old authority can no longer be chosen.
        ca_certificate_identifier: None,
        ..source
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// What is handed off of a source with these settings, beside `storage`, the snapshot's.
    fn check(source: Value, storage: (i32, &str, Option<i32>, Option<i32>), expected: Value) {
        let (allocated_storage, storage_type, iops, storage_throughput) = storage;
        let snapshot = SnapshotSeen {
            allocated_storage,
            storage_type: Some(storage_type.to_owned()),
            iops,
            storage_throughput,
            ..SnapshotSeen::default()
        };
        let got = defaults(serde_json::from_value(source.clone()).unwrap(), &snapshot);
        assert_eq!(serde_json::to_value(got).unwrap(), expected, "{source}");
    }

    #[test]
    fn the_storage_of_the_snapshot_is_handed_off_but_not_its_size() {
        let source = json!({"allocatedStorage": 500, "storageType": "io2", "iops": 9000});
        let expected = json!({"storageType": "gp3", "iops": 12000, "storageThroughput": 500});
        check(source.clone(), (400, "gp3", Some(12_000), Some(500)), expected);
        check(source, (400, "gp2", None, None), json!({"storageType": "gp2"}));
    }

    #[test]
    fn a_ceiling_is_handed_off_only_if_it_fits_the_grown_size() {
        let gp2 = |size| (size, "gp2", None, None);
        let expected = json!({"storageType": "gp2", "maxAllocatedStorage": 110});
        check(json!({"maxAllocatedStorage": 110}), gp2(100), expected);
        check(json!({"maxAllocatedStorage": 110}), gp2(101), json!({"storageType": "gp2"}));
    }

    #[test]
    fn what_means_something_in_one_place_or_costs_money_there_is_not_handed_off() {
        let source = json!({
            "networkType": "DUAL", "enableCloudwatchLogsExports": ["postgresql"],
            "caCertificateIdentifier": "rds-ca-2019", "multiAz": true,
            "enablePerformanceInsights": true, "performanceInsightsRetentionPeriod": 731,
        });
        let expected = json!({
            "storageType": "gp2", "multiAz": true,
            "enablePerformanceInsights": true, "performanceInsightsRetentionPeriod": 7,
        });
        check(source, (100, "gp2", None, None), expected);
    }
}
