//! Where a copy lives in the target account.

use serde::{Deserialize, Serialize};
use step::Tags;

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
    /// The DB parameter group until the copy goes live, which takes a reboot more; the same as above when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quarantine_db_parameter_group_name: Option<String>,
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
    /// The directory of AWS Managed Microsoft AD that the copy joins; none when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// The role in whose name RDS calls the directory; with a domain alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain_iam_role_name: Option<String>,
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

    /// The DB parameter group of a copy that is not live yet, and the setting that names it.
    pub fn restore_db_parameter_group_name(&self) -> (&'static str, Option<&str>) {
        match &self.quarantine_db_parameter_group_name {
            Some(quarantine) => ("placement.quarantineDbParameterGroupName", Some(quarantine)),
            None => ("placement.dbParameterGroupName", self.db_parameter_group_name.as_deref()),
        }
    }

    /// The DB parameter group that replaces that of the quarantine.
    pub fn opening_db_parameter_group_name(&self) -> Option<&str> {
        self.quarantine_db_parameter_group_name.as_ref().and(self.db_parameter_group_name.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // P0-9: the source's password works in the copy.
    #[test]
    fn quarantine_comes_before_the_applications_groups() {
        let mut placement =
            Placement { vpc_security_group_ids: vec!["sg-app".to_owned()], ..Placement::default() };
        assert_eq!(placement.restore_security_group_ids(), ["sg-app"]);
        placement.quarantine_security_group_ids = vec!["sg-quarantine".to_owned()];
        assert_eq!(placement.restore_security_group_ids(), ["sg-quarantine"]);

        placement.db_parameter_group_name = Some("ours".to_owned());
        assert_eq!(placement.restore_db_parameter_group_name().1, Some("ours"));
        assert_eq!(placement.opening_db_parameter_group_name(), None, "it has it from the restore");
        placement.quarantine_db_parameter_group_name = Some("quarantine".to_owned());
        assert_eq!(placement.restore_db_parameter_group_name().1, Some("quarantine"));
        assert_eq!(placement.opening_db_parameter_group_name(), Some("ours"));
    }
}
