//! What the target account decides for itself: one JSON document a replication, in the SSM parameter
//! `/snapferry/replications/<replication>`.

use crate::arn::AccountId;
use crate::bounded::Bounded;
use crate::handoff::{DbInstanceSettings, Handoff};
use crate::ownership::Tags;
use crate::stage::{Deadline, stage_deadline};
use crate::verification::Verification;
use serde::{Deserialize, Serialize};

/// The target's settings of one replication. They win over the hand-off's defaults; the source never decides how the
/// target restores.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TargetSettings {
    /// The one source that hand-offs of this replication may come from.
    pub source: ExpectedSource,
    /// The secret that applications read; the stack's own unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application_secret_arn: Option<String>,
    /// The key that copies are encrypted under; the stack's own unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    /// Settings of the copy, before the source's own.
    #[serde(default)]
    pub db_instance: DbInstanceSettings,
    /// Where the copy lives: names that exist only in this account.
    #[serde(default)]
    pub placement: Placement,
    /// How the copy is proven before it goes live.
    #[serde(default)]
    pub verification: Verification,
    /// What is kept.
    #[serde(default)]
    pub retention: TargetRetention,
    /// How long a stage may wait in all, in seconds; 24 h unless said.
    #[serde(default = "stage_deadline")]
    pub stage_deadline_seconds: Deadline,
}

impl TargetSettings {
    /// What no single field shows: settings that contradict each other. Answers the path and what is wrong there.
    pub fn contradiction(&self) -> Option<(&'static str, &'static str)> {
        let placement = &self.placement;
        if !placement.quarantine_security_group_ids.is_empty() && placement.vpc_security_group_ids.is_empty()
        {
            let problem = "must name the security groups that replace those of the quarantine";
            return Some(("placement.vpcSecurityGroupIds", problem));
        }
        if placement.tags.keys().any(|key| key.starts_with("snapferry:") || key.starts_with("aws:")) {
            return Some((
                "placement.tags",
                "cannot hold tags of Snapferry's or AWS's own: their keys are reserved",
            ));
        }
        if placement.copy_option_group && placement.option_group_name.is_some() {
            return Some(("placement.copyOptionGroup", "cannot be true while optionGroupName names a group"));
        }
        self.verification.contradiction()
    }

    /// How the copy's DB instance is set: as the target says, else as the source is.
    pub fn db_instance(&self, handoff: &Handoff) -> DbInstanceSettings {
        let mut source = handoff.db_instance.clone();
        if self.db_instance.storage_type.is_some() {
            // What one storage type takes, another refuses.
            (source.iops, source.storage_throughput) = (None, None);
        }
        if self.db_instance.db_instance_class.is_some() {
            // Small classes have no Performance Insights: what a larger source does is no reason to fail.
            source.enable_performance_insights = None;
        }
        if self.db_instance.allocated_storage.is_some() {
            // A ceiling must be higher than what is allocated.
            source.max_allocated_storage = None;
        }
        self.db_instance.clone().or(source)
    }
}

/// The one source that a replication accepts.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExpectedSource {
    /// The source account.
    pub account_id: AccountId,
    /// The Region that the snapshot is shared in.
    pub region: String,
    /// The source DB instance.
    pub db_instance_identifier: String,
}

/// Where a copy lives in the target account.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Placement {
    /// The DB subnet group; the default VPC's when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub db_subnet_group_name: Option<String>,
    /// The security groups that applications come through, attached when the copy goes live.
    pub vpc_security_group_ids: Vec<String>,
    /// The security groups until then; the same as above when empty.
    pub quarantine_security_group_ids: Vec<String>,
    /// The DB parameter group; the engine's default when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub db_parameter_group_name: Option<String>,
    /// The option group; the engine's default when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub option_group_name: Option<String>,
    /// Whether the copy gets a public address; it does not unless said.
    pub publicly_accessible: bool,
    /// In the target account, copy the source's option group with the snapshot; not with a name above.
    pub copy_option_group: bool,
    /// The key of Performance Insights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub performance_insights_kms_key_id: Option<String>,
    /// The role of Enhanced Monitoring.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monitoring_role_arn: Option<String>,
    /// Tags on the copy's snapshot and DB instance, beside Snapferry's own.
    pub tags: Tags,
}

impl Placement {
    /// The security groups of a copy that is not live yet.
    pub fn restore_security_group_ids(&self) -> &[String] {
        if self.quarantine_security_group_ids.is_empty() {
            &self.vpc_security_group_ids
        } else {
            &self.quarantine_security_group_ids
        }
    }
}

/// What the target account keeps.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TargetRetention {
    /// How many good copies to keep beside the live one.
    pub copies: Bounded<0, 10>,
    /// A copy that was live this many hours ago is kept whatever the count.
    pub cutover_grace_hours: Bounded<0, 8760>,
    /// What a failed run left is kept this many hours.
    pub failed_copy_hours: Bounded<1, 8760>,
}

impl Default for TargetRetention {
    fn default() -> Self {
        Self {
            copies: Bounded::constant::<2>(),
            cutover_grace_hours: Bounded::constant::<24>(),
            failed_copy_hours: Bounded::constant::<72>(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_shortest_settings_name_only_the_source() {
        let settings: TargetSettings = serde_json::from_value(json!({
            "source": {"accountId": "111111111111", "region": "us-east-1", "dbInstanceIdentifier": "orders-prod"}
        }))
        .unwrap();
        assert!(!settings.placement.publicly_accessible);
        assert_eq!(
            serde_json::to_value(&settings.retention).unwrap(),
            json!({"copies": 2, "cutoverGraceHours": 24, "failedCopyHours": 72})
        );
    }

    #[test]
    fn what_belongs_together_is_not_taken_from_both_sides() {
        let handoff: Handoff = serde_json::from_value(json!({
            "version": 1, "replication": "orders", "run": "20261120t160812z-3f9a", "sourceAccountId": "111111111111",
            "sourceRegion": "eu-central-1", "dbInstanceIdentifier": "orders-prod", "engine": "postgres",
            "dbSnapshotArn": "arn:aws:rds:eu-central-1:111111111111:snapshot:orders-20261120t160812z-3f9a",
            "engineVersion": "16.14", "allocatedStorage": 500, "dataCurrentAt": "2026-11-20T16:08:12Z",
            "masterUsername": "orders", "dbInstance": {
                "storageType": "io2", "iops": 9000, "enablePerformanceInsights": true, "maxAllocatedStorage": 1000,
                "multiAz": true,
            },
        }))
        .unwrap();
        let check = |target: serde_json::Value, expected: serde_json::Value| {
            let source = json!({"accountId": "111111111111", "region": "eu-central-1", "dbInstanceIdentifier": "orders"});
            let settings: TargetSettings =
                serde_json::from_value(json!({"source": source, "dbInstance": target})).unwrap();
            assert_eq!(serde_json::to_value(settings.db_instance(&handoff)).unwrap(), expected);
        };
        let mut all = serde_json::to_value(&handoff.db_instance).unwrap();
        check(json!({}), all.clone());
        let without = |key: &str, target: serde_json::Value| {
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
    fn quarantine_comes_before_the_applications_groups() {
        let mut placement =
            Placement { vpc_security_group_ids: vec!["sg-app".to_owned()], ..Placement::default() };
        assert_eq!(placement.restore_security_group_ids(), ["sg-app"]);
        placement.quarantine_security_group_ids = vec!["sg-quarantine".to_owned()];
        assert_eq!(placement.restore_security_group_ids(), ["sg-quarantine"]);
    }

    #[test]
    fn settings_that_contradict_each_other_are_told() {
        let check = |placement: serde_json::Value, path: Option<&str>| {
            let source =
                json!({"accountId": "111111111111", "region": "us-east-1", "dbInstanceIdentifier": "orders"});
            let settings: TargetSettings =
                serde_json::from_value(json!({"source": source, "placement": placement})).unwrap();
            assert_eq!(settings.contradiction().map(|it| it.0), path, "{placement}");
        };
        check(json!({}), None);
        check(json!({"quarantineSecurityGroupIds": ["sg-1"]}), Some("placement.vpcSecurityGroupIds"));
        check(json!({"quarantineSecurityGroupIds": ["sg-1"], "vpcSecurityGroupIds": ["sg-2"]}), None);
        check(json!({"tags": {"snapferry:keep": "x"}}), Some("placement.tags"));
        check(json!({"copyOptionGroup": true, "optionGroupName": "og"}), Some("placement.copyOptionGroup"));
    }
}
