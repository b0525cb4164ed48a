//! The settings of one copy, merged once: what the target's settings say, else what the source has, else the stack's own.

use crate::application_secret::ApplicationSecret;
use crate::db_instance_settings::DbInstanceSettings;
use crate::placement::Placement;
use crate::retention::TargetRetention;
use crate::settings::TargetSettings;
use crate::verification::Verification;
use serde::Serialize;
use step::Deadline;

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
    /// What is kept.
    pub retention: TargetRetention,
    /// How long a stage may wait in all, in seconds.
    pub stage_deadline_seconds: Deadline,
}

impl TargetSettings {
    /// The settings of a copy of this source.
    pub fn for_copy_of(self, source: &DbInstanceSettings, stack: StackDefaults) -> CopySettings {
        let mut db_instance = db_instance(&self.db_instance, source.clone());
        db_instance.deletion_protection.get_or_insert(false);
        CopySettings {
            application_secret_arn: self.application_secret_arn.unwrap_or(stack.application_secret_arn),
            application_secret: self.application_secret,
            kms_key_id: self.kms_key_id.unwrap_or(stack.kms_key_id),
            db_instance,
            placement: self.placement,
            verification: self.verification,
            retention: self.retention,
            stage_deadline_seconds: self.stage_deadline_seconds,
        }
    }
}

/// How the copy's DB instance is set: as the target says, else as the source is.
fn db_instance(target: &DbInstanceSettings, mut source: DbInstanceSettings) -> DbInstanceSettings {
    if target.storage_type.is_some() {
        // One storage type takes values that another refuses.
        (source.iops, source.storage_throughput) = (None, None);
    }
    if target.db_instance_class.is_some() {
        // Small classes have no Performance Insights: a larger source is no reason to fail.
        source.enable_performance_insights = None;
    }
    if target.allocated_storage.is_some() {
        // A ceiling must be higher than the allocated storage.
        source.max_allocated_storage = None;
    }
    target.clone().or(source)
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

    #[test]
    fn what_belongs_together_is_not_taken_from_both_sides() {
        let mut all = json!({
            "storageType": "io2", "iops": 9000, "enablePerformanceInsights": true, "maxAllocatedStorage": 1000,
            "multiAz": true, "deletionProtection": true,
        });
        let source: DbInstanceSettings = serde_json::from_value(all.clone()).unwrap();
        let check = |target: Value, expected: Value| {
            let merged = settings(target).for_copy_of(&source, stack());
            assert_eq!(serde_json::to_value(merged.db_instance).unwrap(), expected);
        };
        check(json!({}), all.clone());
        let without = |key: &str, target: Value| {
            let mut expected = all.clone();
            expected.as_object_mut().unwrap().remove(key);
            expected.as_object_mut().unwrap().extend(target.as_object().unwrap().clone());
            check(target, expected);
        };
        without("iops", json!({"storageType": "gp3"}));
        without("enablePerformanceInsights", json!({"dbInstanceClass": "db.t4g.micro"}));
        without("maxAllocatedStorage", json!({"allocatedStorage": 2000}));
        all["multiAz"] = json!(false);
        check(json!({"multiAz": false}), all);
    }

    #[test]
    fn the_settings_win_over_the_stack_and_deletion_protection_is_always_said() {
        let own = settings(json!({}));
        let merged = own.clone().for_copy_of(&DbInstanceSettings::default(), stack());
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
        let merged = own.for_copy_of(&DbInstanceSettings::default(), stack());
        assert_eq!((merged.application_secret_arn, merged.kms_key_id), ("own".to_owned(), "key".to_owned()));
    }
}
