//! What the target account decides for itself: one JSON document a replication, in the SSM parameter
//! `/snapferry/replications/<replication>`.

use crate::application_secret::ApplicationSecret;
use crate::db_instance_settings::DbInstanceSettings;
use crate::placement::Placement;
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
        let application_secret = self.application_secret.contradiction(self.verification.logins);
        application_secret.or_else(|| self.verification.contradiction())
    }

    /// Reads the settings of a replication from the text of its SSM parameter, with every default filled in. `text` is
    /// `None` when there is no such parameter.
    pub fn read(replication: &ReplicationName, text: Option<&str>) -> Result<Self, UnusableSettings> {
        let parameter = replication.settings_parameter();
        let Some(text) = text else {
            return Err(UnusableSettings::Missing { replication: replication.clone(), parameter });
        };
        Self::from_json(text).map_err(|source| UnusableSettings::Invalid { parameter, source })
    }

    /// Reads the settings of one replication, and refuses those that contradict each other.
    pub fn from_json(text: &str) -> Result<Self, InvalidRequest> {
        let invalid = |path: &str, message: String| InvalidRequest { path: path.to_owned(), message };
        let json = serde_json::from_str(text).map_err(|error| invalid("(not JSON)", error.to_string()))?;
        let settings: Self = parse(json)?;
        match settings.contradiction() {
            None => Ok(settings),
            Some((path, problem)) => Err(invalid(path, problem.to_owned())),
        }
    }
}

/// Why a replication has no settings to go by.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message says it")]
pub enum UnusableSettings {
    #[error("replication {replication} has no settings: put them in SSM parameter {parameter}")]
    Missing { replication: ReplicationName, parameter: String },
    #[error("the settings in SSM parameter {parameter} cannot be read")]
    Invalid {
        parameter: String,
        #[source]
        source: InvalidRequest,
    },
}

impl UnusableSettings {
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
        check(json!({"copyOptionGroup": true}), None);
        check(json!({"optionGroupName": "og"}), None);
    }
}
