//! The settings of a DB instance that are only kept and shown: one table says how.

use std::collections::BTreeMap;

use super::{fault::Fault, parameters::Parameters, xml::Element};

enum Kind {
    Text,
    Integer,
    Boolean,
}

/// When ModifyDBInstance applies a setting.
#[derive(PartialEq)]
enum Applies {
    AtOnce,
    /// In the maintenance window, unless ApplyImmediately is given; until then it is in PendingModifiedValues.
    Later,
}

/// What RestoreDBInstanceFromDBSnapshot does with a setting that is not given.
#[derive(PartialEq)]
enum Restored {
    FromSnapshot,
    ToDefault,
}

struct Setting {
    parameter: &'static str,
    element: &'static str,
    kind: Kind,
    default: Option<&'static str>,
    applies: Applies,
    restored: Restored,
}

const fn setting(
    parameter: &'static str,
    element: &'static str,
    kind: Kind,
    default: Option<&'static str>,
    applies: Applies,
    restored: Restored,
) -> Setting {
    Setting { parameter, element, kind, default, applies, restored }
}

use Applies::{AtOnce, Later};
use Kind::{Boolean, Integer, Text};
use Restored::{FromSnapshot, ToDefault};

/// Source: RDS API, ModifyDBInstance and RestoreDBInstanceFromDBSnapshot.
#[rustfmt::skip]
const SETTINGS: &[Setting] = &[
    setting("DBInstanceClass", "DBInstanceClass", Text, None, Later, FromSnapshot),
    setting("AllocatedStorage", "AllocatedStorage", Integer, Some("20"), Later, FromSnapshot),
    setting("StorageType", "StorageType", Text, Some("gp2"), Later, FromSnapshot),
    setting("Iops", "Iops", Integer, None, Later, FromSnapshot),
    setting("StorageThroughput", "StorageThroughput", Integer, None, Later, FromSnapshot),
    setting("LicenseModel", "LicenseModel", Text, Some("postgresql-license"), Later, FromSnapshot),
    setting("MultiAZ", "MultiAZ", Boolean, Some("false"), Later, ToDefault),
    setting("CACertificateIdentifier", "CACertificateIdentifier", Text, Some("rds-ca-rsa2048-g1"), Later, ToDefault),
    setting("EnableIAMDatabaseAuthentication", "IAMDatabaseAuthenticationEnabled", Boolean, Some("false"), Later, ToDefault),
    setting("BackupRetentionPeriod", "BackupRetentionPeriod", Integer, Some("1"), AtOnce, FromSnapshot),
    setting("PreferredBackupWindow", "PreferredBackupWindow", Text, Some("03:00-03:30"), AtOnce, FromSnapshot),
    setting("PreferredMaintenanceWindow", "PreferredMaintenanceWindow", Text, Some("sun:04:00-sun:04:30"), AtOnce, ToDefault),
    setting("AutoMinorVersionUpgrade", "AutoMinorVersionUpgrade", Boolean, Some("true"), AtOnce, ToDefault),
    setting("CopyTagsToSnapshot", "CopyTagsToSnapshot", Boolean, Some("false"), AtOnce, ToDefault),
    setting("DeletionProtection", "DeletionProtection", Boolean, Some("false"), AtOnce, ToDefault),
    setting("PubliclyAccessible", "PubliclyAccessible", Boolean, Some("false"), AtOnce, ToDefault),
    setting("MaxAllocatedStorage", "MaxAllocatedStorage", Integer, None, AtOnce, ToDefault),
    setting("MonitoringInterval", "MonitoringInterval", Integer, Some("0"), AtOnce, ToDefault),
    setting("MonitoringRoleArn", "MonitoringRoleArn", Text, None, AtOnce, ToDefault),
    setting("DatabaseInsightsMode", "DatabaseInsightsMode", Text, Some("standard"), AtOnce, ToDefault),
    setting("EnablePerformanceInsights", "PerformanceInsightsEnabled", Boolean, Some("false"), AtOnce, ToDefault),
    setting("PerformanceInsightsKMSKeyId", "PerformanceInsightsKMSKeyId", Text, None, AtOnce, ToDefault),
    setting("PerformanceInsightsRetentionPeriod", "PerformanceInsightsRetentionPeriod", Integer, None, AtOnce, ToDefault),
    setting("NetworkType", "NetworkType", Text, Some("IPV4"), AtOnce, ToDefault),
    setting("BackupTarget", "BackupTarget", Text, Some("region"), AtOnce, ToDefault),
    setting("DedicatedLogVolume", "DedicatedLogVolume", Boolean, Some("false"), AtOnce, ToDefault),
    setting("EngineLifecycleSupport", "EngineLifecycleSupport", Text, Some("open-source-rds-extended-support"), AtOnce, ToDefault),
    setting("AvailabilityZone", "AvailabilityZone", Text, None, AtOnce, ToDefault),
    setting("PromotionTier", "PromotionTier", Integer, None, AtOnce, ToDefault),
    setting("EnableCustomerOwnedIp", "CustomerOwnedIpEnabled", Boolean, Some("false"), AtOnce, ToDefault),
    // These three are shown elsewhere, by `instances`.
    setting("Port", "", Integer, None, Later, FromSnapshot),
    setting("DBParameterGroupName", "", Text, None, AtOnce, ToDefault),
    // The snapshot's, which a copy in another account or Region loses.
    setting("OptionGroupName", "", Text, None, Later, FromSnapshot),
];

/// Values by parameter name, as text.
pub type Changes = BTreeMap<&'static str, String>;

/// The settings of one DB instance.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    values: Changes,
    /// The VPC security groups.
    pub security_group_ids: Vec<String>,
    /// The logs that go to CloudWatch.
    pub log_exports: Vec<String>,
}

/// The settings that the parameters give, checked for their kind.
pub fn given(parameters: &Parameters) -> Result<Changes, Fault> {
    let mut changes = Changes::new();
    for setting in SETTINGS {
        let Some(value) = parameters.get(setting.parameter) else { continue };
        match setting.kind {
            Text => {}
            Boolean => drop(parameters.flag(setting.parameter)?),
            Integer => drop(parameters.integer(setting.parameter)?),
        }
        // Names are kept in lower case.
        let is_name = setting.parameter.ends_with("GroupName");
        let value = if is_name { value.to_lowercase() } else { value.to_owned() };
        changes.insert(setting.parameter, value);
    }
    if let Some(port) = parameters.get("DBPortNumber") {
        changes.insert("Port", port.to_owned());
    }
    Ok(changes)
}

/// Splits changes into those that apply at once and those that wait for the maintenance window.
pub fn split(changes: Changes) -> (Changes, Changes) {
    let later = |name: &str| SETTINGS.iter().any(|it| it.parameter == name && it.applies == Later);
    changes.into_iter().partition(|(name, _)| !later(name))
}

/// Changes as elements, for DBInstance and for PendingModifiedValues.
pub fn elements(changes: &Changes) -> impl Iterator<Item = Element> {
    let shown = SETTINGS.iter().filter(|it| !it.element.is_empty());
    shown.filter_map(|it| Some(Element::of_text(it.element, changes.get(it.parameter)?)))
}

impl Settings {
    /// A new DB instance's: what is given, else the defaults.
    pub fn new(parameters: &Parameters) -> Result<Self, Fault> {
        let defaults = SETTINGS.iter().filter_map(|it| Some((it.parameter, it.default?.to_owned())));
        let mut settings = Self { values: defaults.collect(), ..Self::default() };
        settings.apply(given(parameters)?);
        settings.apply_lists(parameters);
        Ok(settings)
    }

    /// A restored DB instance's: what is given, else the snapshot's where RDS keeps it, else the defaults.
    pub fn restored(parameters: &Parameters, snapshot: &Self) -> Result<Self, Fault> {
        let mut settings = Self::new(parameters)?;
        let given = given(parameters)?;
        for kept in
            SETTINGS.iter().filter(|it| it.restored == FromSnapshot && !given.contains_key(it.parameter))
        {
            match snapshot.values.get(kept.parameter) {
                Some(value) => drop(settings.values.insert(kept.parameter, value.clone())),
                None => drop(settings.values.remove(kept.parameter)),
            }
        }
        Ok(settings)
    }

    /// Changes values.
    pub fn apply(&mut self, changes: Changes) {
        self.values.extend(changes);
    }

    /// Changes the lists that the parameters give; says whether they gave any.
    pub fn apply_lists(&mut self, parameters: &Parameters) -> bool {
        let groups = parameters.list("VpcSecurityGroupIds", "VpcSecurityGroupId");
        let exports = parameters.list("EnableCloudwatchLogsExports", "member");
        let enabled = parameters.list("CloudwatchLogsExportConfiguration.EnableLogTypes", "member");
        let disabled = parameters.list("CloudwatchLogsExportConfiguration.DisableLogTypes", "member");
        let any = [&groups, &exports, &enabled, &disabled].into_iter().any(Option::is_some);
        if let Some(groups) = groups {
            self.security_group_ids = groups;
        }
        if let Some(exports) = exports {
            self.log_exports = exports;
        }
        self.log_exports.extend(enabled.unwrap_or_default());
        let disabled = disabled.unwrap_or_default();
        self.log_exports.retain(|log| !disabled.contains(log));
        self.log_exports.sort();
        self.log_exports.dedup();
        any
    }

    /// Forgets one value, by parameter name.
    pub fn remove(&mut self, parameter: &str) {
        self.values.remove(parameter);
    }

    /// One value, by parameter name.
    pub fn get(&self, parameter: &str) -> Option<&str> {
        self.values.get(parameter).map(String::as_str)
    }

    /// One boolean, by parameter name.
    pub fn is_on(&self, parameter: &str) -> bool {
        self.get(parameter) == Some("true")
    }

    /// All values as elements of DBInstance.
    pub fn elements(&self) -> impl Iterator<Item = Element> {
        elements(&self.values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restore_keeps_size_and_drops_protection() {
        let source = Parameters::parse(
            None,
            b"DBInstanceClass=db.r6g.large&AllocatedStorage=50&DeletionProtection=true",
        );
        let source = Settings::new(&source).unwrap();
        let restored = Settings::restored(&Parameters::parse(None, b"MultiAZ=true"), &source).unwrap();
        assert_eq!(restored.get("DBInstanceClass"), Some("db.r6g.large"));
        assert_eq!(restored.get("AllocatedStorage"), Some("50"));
        assert!(restored.is_on("MultiAZ") && !restored.is_on("DeletionProtection"));
    }

    #[test]
    fn class_waits_for_the_window_and_protection_does_not() {
        let changes = given(&Parameters::parse(None, b"DBInstanceClass=x&DeletionProtection=false")).unwrap();
        let (at_once, later) = split(changes);
        assert_eq!(at_once.keys().collect::<Vec<_>>(), [&"DeletionProtection"]);
        assert_eq!(later.keys().collect::<Vec<_>>(), [&"DBInstanceClass"]);
    }
}
