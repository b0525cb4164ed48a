//! ModifyDBSnapshotAttribute and DescribeDBSnapshotAttributes: which accounts may copy and restore a DB snapshot.

use std::sync::Arc;

use super::protocol::{answer::Outcome, request::Request, xml::Element};
use crate::rds::{
    model::{
        identifiers,
        refusal::Refusal,
        sharing::{EVERYBODY, share},
        snapshots::Snapshot,
    },
    operations::rds::Rds,
};

/// ModifyDBSnapshotAttribute.
pub fn modify(rds: &Arc<Rds>, request: &Request<'_>) -> Outcome {
    let Request { place, parameters, .. } = *request;
    // That of an automated snapshot is no identifier here. Source: github.com/aws/aws-cli#8296, seen on AWS.
    let given = parameters.snapshot("DBSnapshotIdentifier")?;
    let attribute = parameters.required("AttributeName")?;
    if attribute != "restore" {
        return Err(Refusal::InvalidParameterValue(format!("Invalid snapshot attribute: {attribute}")));
    }
    let added = parameters.list("ValuesToAdd", "AttributeValue").unwrap_or_default();
    let removed = parameters.list("ValuesToRemove", "AttributeValue").unwrap_or_default();
    let is_account = |value: &str| value.len() == 12 && value.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(wrong) = added.iter().chain(&removed).find(|value| *value != EVERYBODY && !is_account(value))
    {
        return Err(Refusal::InvalidParameterValue(format!("Invalid account: {wrong}")));
    }

    let mut state = rds.state();
    let (_, snapshot) = state.own_snapshot(place, &given)?;
    share(snapshot, added, &removed)?;
    Ok(vec![to_element(snapshot)])
}

/// DescribeDBSnapshotAttributes, for the owner.
pub fn describe(rds: &Arc<Rds>, request: &Request<'_>) -> Outcome {
    let Request { place, parameters, .. } = *request;
    let name = "DBSnapshotIdentifier";
    let given = identifiers::any_snapshot(name, parameters.required(name)?)?;
    Ok(vec![to_element(rds.state().own_snapshot(place, &given)?.1)])
}

/// A snapshot that was never shared has the attribute with an empty list.
fn to_element(snapshot: &Snapshot) -> Element {
    let values = snapshot.shared_with.iter().map(|value| Element::of_text("AttributeValue", value));
    let attribute =
        Element::new("DBSnapshotAttribute").text("AttributeName", "restore").list("AttributeValues", values);
    Element::new("DBSnapshotAttributesResult")
        .text("DBSnapshotIdentifier", &snapshot.identifier)
        .list("DBSnapshotAttributes", [attribute])
}
