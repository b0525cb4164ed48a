//! DescribeDBInstances, and how a DB instance looks on the wire.

use std::sync::Arc;

use super::{
    Outcome, Rds, bring_up,
    fault::Fault,
    groups, pages,
    parameters::Parameters,
    place::Place,
    settings, snapshots,
    state::{Instance, InstanceStatus, State},
    subnet_groups,
    xml::Element,
};

/// DescribeDBInstances.
pub fn describe(rds: &Arc<Rds>, place: &Place, parameters: &Parameters) -> Outcome {
    let filters = parameters.filters()?;
    let mut state = rds.state();
    let wanted = match parameters.get("DBInstanceIdentifier").filter(|it| !it.is_empty()) {
        Some(given) => Some(state.instance(place, given)?.identifier.clone()),
        None => None,
    };
    let mut all = Vec::new();
    for instance in state.instances.values().filter(|it| it.place == *place) {
        let named = wanted.as_ref().is_none_or(|wanted| *wanted == instance.identifier);
        if named && passes(instance, &filters)? {
            all.push((instance.identifier.clone(), seen(rds, &state, instance)));
        }
    }
    let (instances, marker) = pages::page(all, parameters)?;
    let list = instances.fold(Element::new("DBInstances"), Element::child);
    Ok(marker.map(|marker| Element::of_text("Marker", marker)).into_iter().chain([list]).collect())
}

/// What a look at the DB instance shows; sometimes RDS shows less.
fn seen(rds: &Rds, state: &State, instance: &Instance) -> Element {
    if instance.status != InstanceStatus::Available {
        return to_element(state, instance);
    }
    let status = rds.misbehaviours.shown_status(&instance.identifier).unwrap_or(instance.status);
    let port = instance.port.filter(|_| !rds.misbehaviours.endpoint_is_missing(&instance.identifier));
    show(state, instance, status, port)
}

fn passes(instance: &Instance, filters: &[(String, Vec<String>)]) -> Result<bool, Fault> {
    for (name, values) in filters {
        let passes = match name.as_str() {
            "db-instance-id" => {
                values.iter().any(|it| it.eq_ignore_ascii_case(&instance.identifier) || *it == instance.arn())
            }
            "dbi-resource-id" => values.contains(&instance.database.resource_id),
            "engine" => values.iter().any(|it| it == instance.database.engine),
            "db-cluster-id" | "domain" => false,
            _ => return Err(Fault::InvalidParameterValue(format!("Unrecognized filter name: {name}"))),
        };
        if !passes {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Refuses unless the DB instance is available, also when it only pretends not to be.
pub fn must_be_available(rds: &Rds, instance: &Instance) -> Result<(), Fault> {
    if rds.misbehaviours.status(&instance.identifier).is_some() {
        let message = format!("Instance {} is not currently in the available state.", instance.identifier);
        return Err(Fault::InvalidDbInstanceState(message));
    }
    must_be(instance, InstanceStatus::Available)
}

/// Refuses unless the DB instance has this status.
pub fn must_be(instance: &Instance, status: InstanceStatus) -> Result<(), Fault> {
    if instance.status == status {
        return Ok(());
    }
    let (identifier, status) = (&instance.identifier, status.as_str());
    Err(Fault::InvalidDbInstanceState(format!(
        "Instance {identifier} is not currently in the {status} state."
    )))
}

/// A DB instance in an answer.
pub fn to_element(state: &State, instance: &Instance) -> Element {
    show(state, instance, instance.status, instance.port)
}

fn show(state: &State, instance: &Instance, status: InstanceStatus, port: Option<u16>) -> Element {
    let Instance { place, database, .. } = instance;
    let settings = &database.settings;
    let mut element = Element::new("DBInstance")
        .text("DBInstanceIdentifier", &instance.identifier)
        .text("Engine", database.engine)
        .text("EngineVersion", &database.engine_version)
        .text("DBInstanceStatus", status.as_str())
        .text("MasterUsername", &database.master_username)
        .maybe("DBName", database.db_name.as_deref())
        .maybe("InstanceCreateTime", database.created_at.map(snapshots::timestamp));
    // There is no endpoint before there is a server that answers.
    if let Some(port) = port {
        element = element.child(Element::new("Endpoint").text("Address", "127.0.0.1").text("Port", port));
    }
    element = settings.elements().fold(element, Element::child);
    if settings.get("AvailabilityZone").is_none() {
        element = element.text("AvailabilityZone", format!("{}a", place.region));
    }

    let default_groups = [place.invented("sg")];
    let groups = match settings.security_group_ids.is_empty() {
        true => &default_groups[..],
        false => &settings.security_group_ids,
    };
    let groups = groups.iter().map(|id| {
        Element::new("VpcSecurityGroupMembership").text("VpcSecurityGroupId", id).text("Status", "active")
    });
    let major = bring_up::major(&database.engine_version);
    let parameter_group = settings.get("DBParameterGroupName").map(str::to_owned);
    let option_group = settings.get("OptionGroupName").map(str::to_owned);
    element
        .list("DBSecurityGroups", [])
        .list("VpcSecurityGroups", groups)
        .list(
            "DBParameterGroups",
            [Element::new("DBParameterGroup")
                .text(
                    "DBParameterGroupName",
                    parameter_group.unwrap_or_else(|| groups::default_parameter_group(major)),
                )
                .text("ParameterApplyStatus", "in-sync")],
        )
        .list(
            "OptionGroupMemberships",
            [Element::new("OptionGroupMembership")
                .text("OptionGroupName", option_group.unwrap_or_else(|| groups::default_option_group(major)))
                .text("Status", "in-sync")],
        )
        .child(subnet_groups::of_instance(state, place, instance.subnet_group.as_deref()))
        .child(pending(instance))
        .list("ReadReplicaDBInstanceIdentifiers", [])
        // The port that was asked for. The endpoint tells the one that the local server really listens on.
        .text("DbInstancePort", settings.get("Port").unwrap_or("5432"))
        .text("StorageEncrypted", database.is_encrypted())
        .text("StorageEncryptionType", snapshots::encryption_type(database))
        .maybe("KmsKeyId", database.kms_key_id.as_deref())
        .text("DbiResourceId", &database.resource_id)
        .list("DomainMemberships", [])
        .text("DBInstanceArn", instance.arn())
        .list(
            "EnabledCloudwatchLogsExports",
            settings.log_exports.iter().map(|it| Element::of_text("member", it)),
        )
        .list("AssociatedRoles", [])
        .list("TagList", instance.tags.elements())
        .text("ActivityStreamStatus", "stopped")
}

fn pending(instance: &Instance) -> Element {
    let pending = &instance.pending;
    let element =
        settings::elements(&pending.settings).fold(Element::new("PendingModifiedValues"), Element::child);
    element
        .maybe("MasterUserPassword", pending.password.then_some("****"))
        .maybe("DBInstanceIdentifier", pending.identifier.as_deref())
}
