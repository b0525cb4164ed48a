//! The settings of a DB instance in a request and in an answer.

use super::protocol::{parameters::Parameters, xml::Element};
use crate::rds::model::{
    catalogue::within_bounds,
    refusal::Refusal,
    settings::{self, Changes, ListChanges},
};

/// The settings that a request gives.
pub fn given(parameters: &Parameters) -> Result<Changes, Refusal> {
    let mut changes = settings::given(|name| parameters.get(name))?;
    // ModifyDBInstance has its own name for the port.
    if let Some(port) = parameters.get("DBPortNumber") {
        within_bounds("DBPortNumber", port)?;
        changes.insert("Port", port.to_owned());
    }
    Ok(changes)
}

/// The lists that a request gives.
pub fn lists(parameters: &Parameters) -> ListChanges {
    ListChanges {
        security_group_ids: parameters.list("VpcSecurityGroupIds", "VpcSecurityGroupId"),
        log_exports: parameters.list("EnableCloudwatchLogsExports", "member"),
        enabled_logs: parameters.list("CloudwatchLogsExportConfiguration.EnableLogTypes", "member"),
        disabled_logs: parameters.list("CloudwatchLogsExportConfiguration.DisableLogTypes", "member"),
    }
}

/// Settings as elements, for DBInstance and for PendingModifiedValues.
pub fn elements<'a>(shown: impl Iterator<Item = (&'static str, &'a str)>) -> impl Iterator<Item = Element> {
    shown.map(|(element, value)| Element::of_text(element, value))
}
