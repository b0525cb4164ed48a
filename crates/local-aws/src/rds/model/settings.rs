//! The settings of a DB instance that are only kept and shown: one table says how.

use std::collections::BTreeMap;

use super::refusal::Refusal;

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Integer,
    Boolean,
}

/// A setting. If its row says nothing else, it is a text, ModifyDBInstance changes it at once, and a restore resets it.
#[derive(Clone, Copy)]
struct Setting {
    parameter: &'static str,
    /// Its element in an answer; none if it has no element of its own.
    element: Option<&'static str>,
    kind: Kind,
    default: Option<&'static str>,
    /// It waits for the maintenance window, and PendingModifiedValues shows it, unless ApplyImmediately is given.
    later: bool,
    /// A restore that does not give it takes it from the snapshot.
    kept: bool,
}

const fn setting(parameter: &'static str) -> Setting {
    let (kind, element) = (Kind::Text, Some(parameter));
    Setting { parameter, element, kind, default: None, later: false, kept: false }
}

impl Setting {
    const fn shown_as(self, element: &'static str) -> Self {
        Self { element: Some(element), ..self }
    }

    const fn hidden(self) -> Self {
        Self { element: None, ..self }
    }

    const fn integer(self) -> Self {
        Self { kind: Kind::Integer, ..self }
    }

    const fn boolean(self) -> Self {
        Self { kind: Kind::Boolean, ..self }
    }

    const fn default(self, value: &'static str) -> Self {
        Self { default: Some(value), ..self }
    }

    const fn later(self) -> Self {
        Self { later: true, ..self }
    }

    const fn kept(self) -> Self {
        Self { kept: true, ..self }
    }
}

/// Source: RDS API, ModifyDBInstance and RestoreDBInstanceFromDBSnapshot.
#[rustfmt::skip]
const SETTINGS: &[Setting] = &[
    setting("DBInstanceClass").later().kept(),
    setting("AllocatedStorage").integer().default("20").later().kept(),
    setting("StorageType").default("gp2").later().kept(),
    setting("Iops").integer().later().kept(),
    setting("StorageThroughput").integer().later().kept(),
    setting("LicenseModel").later().kept(),
    setting("MultiAZ").boolean().default("false").later(),
    setting("CACertificateIdentifier").default("rds-ca-rsa2048-g1").later(),
    setting("EnableIAMDatabaseAuthentication").shown_as("IAMDatabaseAuthenticationEnabled").boolean().default("false").later(),
    setting("BackupRetentionPeriod").integer().default("1").kept(),
    setting("PreferredBackupWindow").default("03:00-03:30").kept(),
    setting("PreferredMaintenanceWindow").default("sun:04:00-sun:04:30"),
    setting("AutoMinorVersionUpgrade").boolean().default("true"),
    setting("CopyTagsToSnapshot").boolean().default("false"),
    setting("DeletionProtection").boolean().default("false"),
    setting("PubliclyAccessible").boolean().default("false"),
    setting("MaxAllocatedStorage").integer(),
    setting("MonitoringInterval").integer().default("0"),
    setting("MonitoringRoleArn"),
    setting("DatabaseInsightsMode").default("standard"),
    setting("EnablePerformanceInsights").shown_as("PerformanceInsightsEnabled").boolean().default("false"),
    setting("PerformanceInsightsKMSKeyId"),
    setting("PerformanceInsightsRetentionPeriod").integer(),
    setting("NetworkType").default("IPV4"),
    setting("BackupTarget").default("region"),
    setting("DedicatedLogVolume").boolean().default("false"),
    setting("EngineLifecycleSupport").default("open-source-rds-extended-support"),
    setting("AvailabilityZone"),
    setting("PromotionTier").integer(),
    setting("EnableCustomerOwnedIp").shown_as("CustomerOwnedIpEnabled").boolean().default("false"),
    // The rest is shown elsewhere in an answer.
    setting("Domain").hidden(),
    setting("DomainIAMRoleName").hidden(),
    setting("Port").hidden().integer().later().kept(),
    setting("DBParameterGroupName").hidden(),
    // A copy of a snapshot in another account or Region loses it.
    setting("OptionGroupName").hidden().later().kept(),
];

/// Values by parameter name, as text.
pub type Changes = BTreeMap<&'static str, String>;

/// Changes of a DB instance's lists. A list that is not given stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListChanges {
    /// The VPC security groups.
    pub security_group_ids: Option<Vec<String>>,
    /// The logs that go to CloudWatch.
    pub log_exports: Option<Vec<String>>,
    /// Logs to add.
    pub enabled_logs: Option<Vec<String>>,
    /// Logs to remove.
    pub disabled_logs: Option<Vec<String>>,
}

/// The settings of one DB instance.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    values: Changes,
    /// The VPC security groups.
    pub security_group_ids: Vec<String>,
    /// The logs that go to CloudWatch.
    pub log_exports: Vec<String>,
}

/// The settings that `get` finds by parameter name, checked for their kind.
pub fn given<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Result<Changes, Refusal> {
    let mut changes = Changes::new();
    for setting in SETTINGS {
        let Some(value) = get(setting.parameter) else { continue };
        match setting.kind {
            Kind::Text => {}
            Kind::Boolean => drop(boolean(setting.parameter, value)?),
            Kind::Integer => drop(integer(setting.parameter, value)?),
        }
        // Names are kept in lower case.
        let is_name = setting.parameter.ends_with("GroupName");
        let value = if is_name { value.to_lowercase() } else { value.to_owned() };
        changes.insert(setting.parameter, value);
    }
    Ok(changes)
}

/// The boolean in a parameter.
pub fn boolean(parameter: &str, value: &str) -> Result<bool, Refusal> {
    let invalid = |_| Refusal::InvalidParameterValue(format!("Invalid value for {parameter}: {value}"));
    value.parse().map_err(invalid)
}

/// The integer in a parameter.
pub fn integer(parameter: &str, value: &str) -> Result<i64, Refusal> {
    let invalid = |_| Refusal::InvalidParameterValue(format!("{parameter} must be an integer"));
    value.parse().map_err(invalid)
}

/// Splits changes of `present` into those that apply at once and those that wait for the maintenance window. The days
/// that backups are kept wait only where backups are turned on or off.
/// Source: RDS User Guide, USER_ModifyInstance.Settings.
pub fn split(changes: Changes, present: &Settings) -> (Changes, Changes) {
    let is_off = |days: Option<&str>| days == Some("0");
    let later = |name: &str, value: &str| match name {
        "BackupRetentionPeriod" => is_off(Some(value)) != is_off(present.get(name)),
        _ => SETTINGS.iter().any(|it| it.parameter == name && it.later),
    };
    changes.into_iter().partition(|(name, value)| !later(name, value))
}

/// Do these changes restart the server, once they are applied?
/// Source: RDS User Guide, USER_ModifyInstance.Settings, the column on downtime.
pub fn restart(applied: &Changes) -> bool {
    ["DBInstanceClass", "Port", "BackupRetentionPeriod"].iter().any(|name| applied.contains_key(name))
}

/// Element and value of those changes that an answer shows, in RDS's order.
pub fn shown(changes: &Changes) -> impl Iterator<Item = (&'static str, &str)> {
    SETTINGS.iter().filter_map(|it| Some((it.element?, changes.get(it.parameter)?.as_str())))
}

impl ListChanges {
    /// Is no list given?
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Settings {
    /// A new DB instance's: what is given, else the defaults.
    pub fn new(given: Changes, lists: ListChanges) -> Self {
        let defaults = SETTINGS.iter().filter_map(|it| Some((it.parameter, it.default?.to_owned())));
        let mut settings = Self { values: defaults.collect(), ..Self::default() };
        settings.apply(given);
        settings.apply_lists(lists);
        settings
    }

    /// A restored DB instance's: what is given, else the snapshot's where RDS keeps it, else the defaults.
    pub fn restored(given: Changes, lists: ListChanges, snapshot: &Self) -> Self {
        let kept: Vec<_> =
            SETTINGS.iter().filter(|it| it.kept && !given.contains_key(it.parameter)).collect();
        let mut settings = Self::new(given, lists);
        for Setting { parameter, .. } in kept {
            match snapshot.values.get(parameter) {
                Some(value) => drop(settings.values.insert(parameter, value.clone())),
                None => drop(settings.values.remove(parameter)),
            }
        }
        settings
    }

    /// Changes values.
    pub fn apply(&mut self, changes: Changes) {
        self.values.extend(changes);
    }

    /// Changes the lists that are given.
    pub fn apply_lists(&mut self, changes: ListChanges) {
        if let Some(groups) = changes.security_group_ids {
            self.security_group_ids = groups;
        }
        if let Some(exports) = changes.log_exports {
            self.log_exports = exports;
        }
        self.log_exports.extend(changes.enabled_logs.unwrap_or_default());
        let disabled = changes.disabled_logs.unwrap_or_default();
        self.log_exports.retain(|log| !disabled.contains(log));
        self.log_exports.sort();
        self.log_exports.dedup();
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

    /// Element and value of those settings that an answer shows, in RDS's order.
    pub fn shown(&self) -> impl Iterator<Item = (&'static str, &str)> {
        shown(&self.values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(pairs: &[(&str, &'static str)]) -> Changes {
        given(|name| pairs.iter().find(|it| it.0 == name).map(|it| it.1)).unwrap()
    }

    #[test]
    fn restore_keeps_size_and_drops_protection() {
        let source =
            [("DBInstanceClass", "db.r6g.large"), ("AllocatedStorage", "50"), ("DeletionProtection", "true")];
        let source = Settings::new(changes(&source), ListChanges::default());
        let restored = Settings::restored(changes(&[("MultiAZ", "true")]), ListChanges::default(), &source);
        assert_eq!(restored.get("DBInstanceClass"), Some("db.r6g.large"));
        assert_eq!(restored.get("AllocatedStorage"), Some("50"));
        assert!(restored.is_on("MultiAZ") && !restored.is_on("DeletionProtection"));
    }

    #[test]
    fn class_waits_for_the_window_and_protection_does_not() {
        let (at_once, later) = split(
            changes(&[("DBInstanceClass", "x"), ("DeletionProtection", "false")]),
            &Settings::default(),
        );
        assert_eq!(at_once.keys().collect::<Vec<_>>(), [&"DeletionProtection"]);
        assert_eq!(later.keys().collect::<Vec<_>>(), [&"DBInstanceClass"]);
    }

    #[test]
    fn backups_wait_for_the_window_only_where_they_are_turned_on_or_off() {
        for (present, wanted, waits) in
            [("0", "7", true), ("7", "0", true), ("7", "1", false), ("0", "0", false)]
        {
            let present =
                Settings::new(changes(&[("BackupRetentionPeriod", present)]), ListChanges::default());
            let (_, later) = split(changes(&[("BackupRetentionPeriod", wanted)]), &present);
            assert_eq!(!later.is_empty(), waits, "{wanted}");
        }
    }
}
