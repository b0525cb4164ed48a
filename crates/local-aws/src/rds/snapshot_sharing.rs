//! ModifyDBSnapshotAttribute and DescribeDBSnapshotAttributes: which accounts may copy and restore a DB snapshot.

use std::sync::Arc;

use super::{
    Outcome, Rds,
    fault::Fault,
    parameters::Parameters,
    place::Place,
    quotas,
    state::{Snapshot, SnapshotStatus},
    xml::Element,
};

/// ModifyDBSnapshotAttribute.
pub fn modify(rds: &Arc<Rds>, place: &Place, parameters: &Parameters) -> Outcome {
    let given = parameters.required("DBSnapshotIdentifier")?;
    let attribute = parameters.required("AttributeName")?;
    if attribute != "restore" {
        return Err(Fault::InvalidParameterValue(format!("Invalid snapshot attribute: {attribute}")));
    }
    let added = parameters.list("ValuesToAdd", "AttributeValue").unwrap_or_default();
    let removed = parameters.list("ValuesToRemove", "AttributeValue").unwrap_or_default();
    let is_account = |value: &str| value.len() == 12 && value.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(wrong) = added.iter().chain(&removed).find(|value| *value != "all" && !is_account(value)) {
        return Err(Fault::InvalidParameterValue(format!("Invalid account: {wrong}")));
    }

    let mut state = rds.state();
    let (_, snapshot) = state.own_snapshot(place, given)?;
    if snapshot.status != SnapshotStatus::Available {
        let message = format!("Snapshot {} is not in the available state.", snapshot.identifier);
        return Err(Fault::InvalidDbSnapshotState(message));
    }
    if snapshot.automated {
        let message = "Automated snapshots cannot be shared. Copy it to a manual snapshot, and share that.";
        return Err(Fault::InvalidDbSnapshotState(message.to_owned()));
    }
    if snapshot.database.is_encrypted() && !added.is_empty() {
        // The wire code of the first is not documented; nor is it that AWS owned keys are like it.
        let key = snapshot.database.kms_key_id.as_deref();
        if key.is_none_or(|key| key == place.managed_key_arn("aws/rds")) {
            let message =
                "A snapshot encrypted with the default key aws/rds or a key of AWS cannot be shared.";
            return Err(Fault::InvalidParameterValue(message.to_owned()));
        }
        if added.iter().any(|value| value == "all") {
            return Err(Fault::InvalidParameterValue("An encrypted snapshot cannot be public.".to_owned()));
        }
    }
    let mut shared_with = snapshot.shared_with.clone();
    shared_with.extend(added);
    shared_with.retain(|value| !removed.contains(value));
    if shared_with.iter().filter(|value| *value != "all").count() > quotas::SHARED_ACCOUNTS {
        let message = format!("Cannot share a snapshot with more than {} accounts.", quotas::SHARED_ACCOUNTS);
        return Err(Fault::SharedSnapshotQuotaExceeded(message));
    }
    snapshot.shared_with = shared_with;
    Ok(vec![to_element(snapshot)])
}

/// DescribeDBSnapshotAttributes, for the owner.
pub fn describe(rds: &Arc<Rds>, place: &Place, parameters: &Parameters) -> Outcome {
    let given = parameters.required("DBSnapshotIdentifier")?;
    Ok(vec![to_element(rds.state().own_snapshot(place, given)?.1)])
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
