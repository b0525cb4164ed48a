//! The settings of one copy, merged once: what the target's settings say, else what the source has, else the stack's own.

use crate::application_secret::ApplicationSecret;
use crate::checks;
use crate::db_instance_settings::DbInstanceSettings;
use crate::handoff::Handoff;
use crate::placement::Placement;
use crate::reach::Reach;
use crate::retention::TargetRetention;
use crate::settings::TargetSettings;
use crate::storage;
use crate::verification::Verification;
use serde::Serialize;
use step::{Deadline, InvalidRequest};

/// What a target stack has for every replication that has none of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackDefaults {
    /// The secret that applications read.
    pub application_secret_arn: String,
    /// The key that copies are encrypted under.
    pub kms_key_id: String,
}

/// The settings of one copy: nothing in them is open any more. `Receive` merges them, and the target execution carries
/// them in its input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CopySettings {
    /// The secret that applications read.
    pub application_secret_arn: String,
    /// What applications find in it.
    pub application_secret: ApplicationSecret,
    /// The key that the copy is encrypted under.
    pub kms_key_id: String,
    /// The copy's DB instance. `deletionProtection` is always said.
    pub db_instance: DbInstanceSettings,
    /// Where the copy lives.
    pub placement: Placement,
    /// How the copy is proven before it goes live.
    pub verification: Verification,
    /// The way by which applications of other networks reach the live copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reach: Option<Reach>,
    /// What is kept.
    pub retention: TargetRetention,
    /// How long a stage may wait in all, in seconds.
    pub stage_deadline_seconds: Deadline,
}

impl TargetSettings {
    /// The settings of the copy of this hand-off. Settings that cannot work for it are refused.
    pub fn for_copy_of(
        self,
        handoff: &Handoff,
        stack: StackDefaults,
    ) -> Result<CopySettings, InvalidRequest> {
        let mut db_instance = db_instance(&self.db_instance, handoff)?;
        db_instance.deletion_protection.get_or_insert(false);
        Ok(CopySettings {
            application_secret_arn: self.application_secret_arn.unwrap_or(stack.application_secret_arn),
            application_secret: self.application_secret,
            kms_key_id: self.kms_key_id.unwrap_or(stack.kms_key_id),
            db_instance,
            placement: self.placement,
            verification: self.verification,
            reach: self.reach,
            retention: self.retention,
            stage_deadline_seconds: self.stage_deadline_seconds,
        })
    }
}

/// How the copy's DB instance is set: as the target says, else as the source is.
fn db_instance(target: &DbInstanceSettings, handoff: &Handoff) -> Result<DbInstanceSettings, InvalidRequest> {
    let mut source = handoff.db_instance.clone();
    if target.db_instance_class.is_some() {
        // Small classes have no Performance Insights: a larger source is no reason to fail.
        source.enable_performance_insights = None;
        source.performance_insights_retention_period = None;
    }
    let says_processor =
        target.processor_features.is_some() || target.use_default_processor_features.is_some();
    if target.db_instance_class.is_some() || says_processor {
        // Another class has other cores.
        source.processor_features = None;
        source.use_default_processor_features = None;
    }
    let storage = storage::for_copy(&handoff.engine, target, &source, handoff.allocated_storage)?;
    let merged = DbInstanceSettings {
        storage_type: storage.storage_type,
        allocated_storage: storage.allocated_storage,
        iops: storage.iops,
        storage_throughput: storage.storage_throughput,
        max_allocated_storage: storage.max_allocated_storage,
        dedicated_log_volume: storage.dedicated_log_volume,
        ..target.clone().or(source)
    };
    checks::of_merged(&handoff.engine, target, &merged)?;
    Ok(merged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn settings(dbinstance: Value) -> TargetSettings {
        let source =
            json!({"accountId": "111111111111", "region": "eu-central-1", "dbInstanceIdentifier": "orders"});
        serde_json::from_value(json!({"source": source, "dbInstance": dbinstance})).unwrap()
    }

    fn stack() -> StackDefaults {
        StackDefaults {
            application_secret_arn: "stack's secret".to_owned(),
            kms_key_id: "stack's key".to_owned(),
        }
    }

    /// A hand-off of a source with these settings, of 100 GiB.
    fn handoff(engine: &str, db_instance: Value) -> Handoff {
        serde_json::from_value(json!({
            "version": 1, "replication": "orders", "run": "20261120t160812z-3f9a",
            "sourceAccountId": "111111111111", "sourceRegion": "eu-central-1", "dbInstanceIdentifier": "orders",
            "dbSnapshotArn": "arn:aws:rds:eu-central-1:111111111111:snapshot:orders-20261120t160812z-3f9a",
            "engine": engine, "engineVersion": "16.14", "allocatedStorage": 100,
            "dataCurrentAt": "2026-11-20T16:08:12Z", "masterUsername": "app", "dbInstance": db_instance,
        }))
        .unwrap()
    }

    #[test]
    fn what_belongs_together_is_not_taken_from_both_sides() {
        let all = json!({
            "storageType": "gp2", "enablePerformanceInsights": true, "performanceInsightsRetentionPeriod": 7,
            "maxAllocatedStorage": 1000, "multiAz": true, "deletionProtection": true,
            "processorFeatures": [{"name": "coreCount", "value": "4"}],
        });
        let source = handoff("postgres", all.clone());
        let check = |target: Value, without: &[&str]| {
            let mut expected = all.clone();
            for key in without {
                expected.as_object_mut().unwrap().remove(*key);
            }
            expected.as_object_mut().unwrap().extend(target.as_object().unwrap().clone());
            let merged = settings(target).for_copy_of(&source, stack()).unwrap();
            assert_eq!(serde_json::to_value(merged.db_instance).unwrap(), expected);
        };
        check(json!({}), &[]);
        check(json!({"multiAz": false}), &[]);
        let insights =
            ["enablePerformanceInsights", "performanceInsightsRetentionPeriod", "processorFeatures"];
        check(json!({"dbInstanceClass": "db.t4g.micro"}), &insights);
        check(json!({"allocatedStorage": 950}), &["maxAllocatedStorage"]);
        check(json!({"useDefaultProcessorFeatures": true}), &["processorFeatures"]);
    }

    #[test]
    fn what_cannot_work_for_this_source_is_refused_with_its_path() {
        for (engine, source, target, field) in [
            ("postgres", json!({}), json!({"licenseModel": "license-included"}), "licenseModel"),
            ("oracle-ee", json!({}), json!({"licenseModel": "license-included"}), ""),
            (
                "postgres",
                json!({}),
                json!({"enableCloudwatchLogsExports": ["error"]}),
                "enableCloudwatchLogsExports",
            ),
            ("mysql", json!({}), json!({"enableCloudwatchLogsExports": ["error"]}), ""),
            ("of-next-year", json!({}), json!({"enableCloudwatchLogsExports": ["error"]}), ""),
            (
                "postgres",
                json!({"preferredBackupWindow": "03:00-04:00"}),
                json!({"preferredMaintenanceWindow": "sun:03:30-sun:04:30"}),
                "preferredMaintenanceWindow",
            ),
            (
                "postgres",
                json!({"preferredMaintenanceWindow": "sun:03:30-sun:04:30"}),
                json!({"preferredBackupWindow": "03:00-04:00"}),
                "preferredBackupWindow",
            ),
            (
                "postgres",
                json!({"preferredBackupWindow": "03:00-04:00", "preferredMaintenanceWindow": "sun:03:30-sun:04:30"}),
                json!({}),
                "",
            ),
            (
                "postgres",
                json!({}),
                json!({"performanceInsightsRetentionPeriod": 7}),
                "performanceInsightsRetentionPeriod",
            ),
            (
                "postgres",
                json!({"enablePerformanceInsights": true}),
                json!({"performanceInsightsRetentionPeriod": 7}),
                "",
            ),
            ("postgres", json!({}), json!({"maxAllocatedStorage": 109}), "maxAllocatedStorage"),
            (
                "sqlserver-se",
                json!({"storageType": "io1", "iops": 2000}),
                json!({"dedicatedLogVolume": true}),
                "dedicatedLogVolume",
            ),
        ] {
            let case = format!("{engine} {source} {target}");
            let refused = settings(target).for_copy_of(&handoff(engine, source), stack()).err();
            let expected = (!field.is_empty()).then(|| format!("dbInstance.{field}"));
            assert_eq!(refused.map(|it| it.path), expected, "{case}");
        }
    }

    #[test]
    fn the_settings_win_over_the_stack_and_deletion_protection_is_always_said() {
        let own = settings(json!({}));
        let merged = own.clone().for_copy_of(&handoff("postgres", json!({})), stack()).unwrap();
        assert_eq!(
            (merged.application_secret_arn, merged.kms_key_id),
            ("stack's secret".to_owned(), "stack's key".to_owned())
        );
        assert_eq!(merged.db_instance.deletion_protection, Some(false));
        let own = TargetSettings {
            application_secret_arn: Some("own".to_owned()),
            kms_key_id: Some("key".to_owned()),
            ..own
        };
        let merged = own.for_copy_of(&handoff("postgres", json!({})), stack()).unwrap();
        assert_eq!((merged.application_secret_arn, merged.kms_key_id), ("own".to_owned(), "key".to_owned()));
    }
}
