//! What the target account decides for itself: one JSON document a replication, in the SSM parameter
//! `/snapferry/replications/<replication>`.

use crate::application_secret::ApplicationSecret;
use crate::checks;
use crate::db_instance_settings::DbInstanceSettings;
use crate::placement::Placement;
use crate::reach::Reach;
use crate::replication_name::ReplicationName;
use crate::retention::TargetRetention;
use crate::verification::Verification;
use serde::{Deserialize, Serialize};
use step::{AccountId, Deadline, ErrorName, InvalidRequest, parse, stage_deadline};

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
    /// The user and the database of applications, and the other keys of their secret.
    #[serde(default)]
    pub application_secret: ApplicationSecret,
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
    /// The way by which applications of other networks reach the live copy; none unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reach: Option<Reach>,
    /// What is kept.
    #[serde(default)]
    pub retention: TargetRetention,
    /// How long a stage may wait in all, in seconds; 24 h unless said.
    #[serde(default = "stage_deadline")]
    pub stage_deadline_seconds: Deadline,
}

impl TargetSettings {
    /// What makes these settings useless, whatever the source: the path, and what is wrong there.
    pub fn contradiction(&self) -> Option<InvalidRequest> {
        self.check().err()
    }

    fn check(&self) -> Result<(), InvalidRequest> {
        checks::of_source(&self.source.region, &self.source.db_instance_identifier)?;
        checks::of_key(self.kms_key_id.as_deref())?;
        checks::of_instance(&self.db_instance)?;
        checks::of_placement(&self.placement)?;
        checks::of_monitoring(&self.db_instance, &self.placement)?;
        self.reach.as_ref().map_or(Ok(()), Reach::check)?;
        let secret = self.application_secret.contradiction(self.verification.logins);
        match secret.or_else(|| self.verification.contradiction()) {
            Some((path, problem)) => checks::refuse(path, problem),
            None => Ok(()),
        }
    }

    /// Reads the settings of a replication from the text of its SSM parameter, with every default filled in. `text` is
    /// `None` when there is no such parameter.
    pub fn read(replication: &ReplicationName, text: Option<&str>) -> Result<Self, UnusableSettings> {
        let Some(text) = text else {
            let parameter = replication.settings_parameter();
            return Err(UnusableSettings::Missing { replication: replication.clone(), parameter });
        };
        Self::from_json(text).map_err(|source| UnusableSettings::of(replication, source))
    }

    /// Reads the settings of one replication, and refuses those that cannot work.
    pub fn from_json(text: &str) -> Result<Self, InvalidRequest> {
        let invalid = |path: &str, message: String| InvalidRequest { path: path.to_owned(), message };
        let json = serde_json::from_str(text).map_err(|error| invalid("(not JSON)", error.to_string()))?;
        let settings: Self = parse(json)?;
        settings.check()?;
        Ok(settings)
    }
}

/// Why a replication has no settings to go by.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message says it")]
pub enum UnusableSettings {
    #[error("replication {replication} has no settings: put them in SSM parameter {parameter}")]
    Missing { replication: ReplicationName, parameter: String },
    #[error("the settings in SSM parameter {parameter} cannot be used")]
    Invalid {
        parameter: String,
        #[source]
        source: InvalidRequest,
    },
}

impl UnusableSettings {
    /// The settings of this replication, with what is wrong in them.
    pub fn of(replication: &ReplicationName, source: InvalidRequest) -> Self {
        Self::Invalid { parameter: replication.settings_parameter(), source }
    }

    /// The name that the state machine matches on.
    pub fn name(&self) -> ErrorName {
        ErrorName::InvalidSettings
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn the_shortest_settings_name_only_the_source() {
        let settings: TargetSettings = serde_json::from_value(json!({
            "source": {"accountId": "111111111111", "region": "us-east-1", "dbInstanceIdentifier": "orders-prod"}
        }))
        .unwrap();
        assert!(!settings.placement.publicly_accessible);
        assert_eq!(
            serde_json::to_value(&settings.retention).unwrap(),
            json!({"copies": 1, "cutoverGraceHours": 24, "failedCopyHours": 72})
        );
    }

    /// Settings with these fields of `dbInstance` and `placement`, and what refuses them.
    fn refused(db_instance: Value, placement: Value) -> Option<String> {
        let source =
            json!({"accountId": "111111111111", "region": "us-east-1", "dbInstanceIdentifier": "orders"});
        let settings = json!({"source": source, "dbInstance": db_instance, "placement": placement});
        TargetSettings::from_json(&settings.to_string()).err().map(|it| it.path)
    }

    #[test]
    fn what_cannot_work_in_an_instance_is_refused_with_its_path() {
        let of = |field: &str, value: Value| refused(json!({ field: value }), json!({}));
        for (field, value) in [
            ("dbInstanceClass", json!("t4g.micro")),
            ("storageType", json!("gp5")),
            ("networkType", json!("IPV6")),
            ("engineLifecycleSupport", json!("disabled")),
            ("licenseModel", json!("free")),
            ("caCertificateIdentifier", json!("rds ca")),
            ("processorFeatures", json!([{"name": "cores", "value": "4"}])),
            ("processorFeatures", json!([{"name": "coreCount", "value": "four"}])),
            ("preferredBackupWindow", json!("03:00-03:29")),
            ("preferredBackupWindow", json!("3:00-4:00")),
            ("preferredMaintenanceWindow", json!("sun:05:00-sun:05:29")),
            ("preferredMaintenanceWindow", json!("05:00-05:30")),
            ("monitoringInterval", json!(2)),
            ("performanceInsightsRetentionPeriod", json!(30)),
            ("iops", json!(-1)),
            ("backupRetentionPeriod", json!(36)),
        ] {
            assert_eq!(of(field, value.clone()), Some(format!("dbInstance.{field}")), "{value}");
        }
        for (field, value) in [
            ("iops", json!(0)),
            ("monitoringInterval", json!(0)),
            ("processorFeatures", json!([{"name": "coreCount", "value": "4"}])),
            ("useDefaultProcessorFeatures", json!(true)),
            ("performanceInsightsRetentionPeriod", json!(31)),
            ("performanceInsightsRetentionPeriod", json!(731)),
            ("preferredBackupWindow", json!("23:45-00:15")),
            ("licenseModel", json!("bring-your-own-license")),
        ] {
            assert_eq!(of(field, value.clone()), None, "{field} {value}");
        }
        let both = json!({"useDefaultProcessorFeatures": true, "processorFeatures": [{"name": "coreCount", "value": "4"}]});
        assert_eq!(refused(both, json!({})).unwrap(), "dbInstance.useDefaultProcessorFeatures");
    }

    #[test]
    fn what_cannot_work_in_a_placement_is_refused_with_its_path() {
        let role = "arn:aws:iam::222222222222:role/rds-monitoring";
        let check = |placement: Value, field: &str| {
            let expected = (!field.is_empty()).then(|| format!("placement.{field}"));
            assert_eq!(refused(json!({}), placement.clone()), expected, "{placement}");
        };
        check(json!({}), "");
        check(json!({"dbSubnetGroupName": "private/a"}), "dbSubnetGroupName");
        check(json!({"dbParameterGroupName": "own_group"}), "dbParameterGroupName");
        check(json!({"dbParameterGroupName": "default.postgres16"}), "");
        check(json!({"optionGroupName": "own--group"}), "optionGroupName");
        check(json!({"vpcSecurityGroupIds": ["default"]}), "vpcSecurityGroupIds");
        check(json!({"performanceInsightsKmsKeyId": "a key"}), "performanceInsightsKmsKeyId");
        check(json!({"monitoringRoleArn": "rds-monitoring"}), "monitoringRoleArn");
        check(json!({ "monitoringRoleArn": role }), "");
        check(json!({"domain": "d-1234567890", "domainIamRoleName": "rds-directory"}), "");
        check(json!({"domain": "corp.example.com", "domainIamRoleName": "rds-directory"}), "domain");
        check(json!({"domain": "d-1234567890", "domainIamRoleName": role}), "domainIamRoleName");
        check(json!({"domain": "d-1234567890"}), "domainIamRoleName");
        check(json!({"domainIamRoleName": "rds-directory"}), "domain");
        check(json!({"quarantineSecurityGroupIds": ["sg-1"]}), "vpcSecurityGroupIds");
        check(
            json!({"quarantineSecurityGroupIds": ["sg-x"], "vpcSecurityGroupIds": ["sg-2"]}),
            "quarantineSecurityGroupIds",
        );
        check(json!({"quarantineSecurityGroupIds": ["sg-1"], "vpcSecurityGroupIds": ["sg-2"]}), "");
        check(json!({"quarantineDbParameterGroupName": "q"}), "dbParameterGroupName");
        let both = json!({"quarantineDbParameterGroupName": "a_b", "dbParameterGroupName": "ours"});
        check(both, "quarantineDbParameterGroupName");
        check(json!({"quarantineDbParameterGroupName": "q", "dbParameterGroupName": "ours"}), "");
        check(json!({"copyOptionGroup": true, "optionGroupName": "og"}), "copyOptionGroup");
        check(json!({"copyOptionGroup": true}), "");
        check(json!({"optionGroupName": "og"}), "");
        for key in ["snapferry:keep", "aws:team", "rds:team", "tea\tm", ""] {
            check(json!({"tags": {key: "x"}}), "tags");
        }
        check(json!({"tags": {"team": "orders/staging"}}), "");
    }

    #[test]
    fn a_monitoring_interval_and_its_role_go_together() {
        let role = json!({"monitoringRoleArn": "arn:aws:iam::222222222222:role/rds-monitoring"});
        let check = |interval: i32, placement: &Value, expected: Option<&str>| {
            let got = refused(json!({"monitoringInterval": interval}), placement.clone());
            assert_eq!(got.as_deref(), expected, "{interval} {placement}");
        };
        check(60, &role, None);
        check(60, &json!({}), Some("placement.monitoringRoleArn"));
        check(0, &role, Some("dbInstance.monitoringInterval"));
        check(0, &json!({}), None);
    }

    #[test]
    fn a_path_that_cannot_work_is_refused_with_its_path() {
        let source =
            json!({"accountId": "111111111111", "region": "us-east-1", "dbInstanceIdentifier": "orders"});
        let settings = json!({"source": source, "reach": {"networkLoadBalancer": {"lanes": []}}});
        let refused = TargetSettings::from_json(&settings.to_string()).unwrap_err();
        assert_eq!(refused.path, "reach.networkLoadBalancer.lanes");
    }

    #[test]
    fn names_that_no_source_and_no_key_has_are_refused() {
        let check = |field: &str, value: &str, path: &str| {
            let mut settings = json!({
                "source": {"accountId": "111111111111", "region": "us-east-1", "dbInstanceIdentifier": "orders"}
            });
            let at =
                if settings["source"][field].is_string() { &mut settings["source"] } else { &mut settings };
            at[field] = json!(value);
            let refused = TargetSettings::from_json(&settings.to_string()).unwrap_err();
            assert_eq!(refused.path, path, "{value}");
        };
        check("region", "Frankfurt", "source.region");
        check("dbInstanceIdentifier", "orders_prod", "source.dbInstanceIdentifier");
        check("kmsKeyId", "the key", "kmsKeyId");
    }
}
