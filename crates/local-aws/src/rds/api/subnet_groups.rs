//! The operations on DB subnet groups, and how one looks on the wire.

use std::sync::Arc;

use super::protocol::{
    answer::Outcome, filters::Filters, pages, parameters::Parameters, request::Request, xml::Element,
};
use crate::{
    place::Place,
    rds::{
        model::{refusal::Refusal, state::State, subnet_groups::SubnetGroup},
        operations::rds::Rds,
    },
};

/// CreateDBSubnetGroup.
pub fn create(rds: &Arc<Rds>, request: &Request<'_>) -> Outcome {
    let Request { place, parameters, .. } = *request;
    let name = parameters.required("DBSubnetGroupName")?.to_lowercase();
    let valid = |c: char| c.is_ascii_alphanumeric() || " ._-".contains(c);
    if name == "default" || name.len() > 255 || !name.chars().all(valid) {
        return Err(Refusal::InvalidParameterValue(format!("Invalid DBSubnetGroupName: {name}")));
    }
    let group = SubnetGroup {
        description: parameters.required("DBSubnetGroupDescription")?.to_owned(),
        subnet_ids: subnet_ids(parameters)?,
        tags: parameters.tags()?.unwrap_or_default(),
    };
    let mut state = rds.state();
    let key = (place.clone(), name.clone());
    if state.subnet_groups.contains_key(&key) {
        return Err(Refusal::DbSubnetGroupAlreadyExists(name));
    }
    let element = to_element(place, &name, Some(&group));
    state.subnet_groups.insert(key, group);
    Ok(vec![element])
}

/// DescribeDBSubnetGroups.
pub fn describe(rds: &Arc<Rds>, request: &Request<'_>) -> Outcome {
    let Request { place, parameters, .. } = *request;
    Filters::of(parameters, &[])?;
    let wanted = parameters.name("DBSubnetGroupName");
    let state = rds.state();
    let groups = state
        .subnet_groups
        .iter()
        .filter(|((owner, name), _)| owner == place && wanted.as_ref().is_none_or(|wanted| wanted == name));
    let all: Vec<_> =
        groups.map(|((_, name), group)| (name.clone(), to_element(place, name, Some(group)))).collect();
    if let (Some(name), true) = (wanted, all.is_empty()) {
        return Err(Refusal::DbSubnetGroupNotFound(name));
    }
    pages::listed("DBSubnetGroups", all, parameters)
}

/// ModifyDBSubnetGroup.
pub fn modify(rds: &Arc<Rds>, request: &Request<'_>) -> Outcome {
    let Request { place, parameters, .. } = *request;
    let name = parameters.required("DBSubnetGroupName")?.to_lowercase();
    let subnet_ids = subnet_ids(parameters)?;
    let mut state = rds.state();
    let Some(group) = state.subnet_groups.get_mut(&(place.clone(), name.clone())) else {
        return Err(Refusal::DbSubnetGroupNotFound(name));
    };
    group.subnet_ids = subnet_ids;
    if let Some(description) = parameters.get("DBSubnetGroupDescription") {
        group.description = description.to_owned();
    }
    Ok(vec![to_element(place, &name, Some(group))])
}

/// DeleteDBSubnetGroup.
pub fn delete(rds: &Arc<Rds>, request: &Request<'_>) -> Outcome {
    let Request { place, parameters, .. } = *request;
    let name = parameters.required("DBSubnetGroupName")?.to_lowercase();
    let mut state = rds.state();
    let mut instances = state.instances.values();
    if instances.any(|it| it.place == *place && it.subnet_group.as_deref() == Some(name.as_str())) {
        let message = format!(
            "Cannot delete the subnet group '{name}' because at least one database instance uses it."
        );
        return Err(Refusal::InvalidDbSubnetGroupState(message));
    }
    match state.subnet_groups.remove(&(place.clone(), name.clone())) {
        Some(_) => Ok(vec![]),
        None => Err(Refusal::DbSubnetGroupNotFound(name)),
    }
}

/// The DBSubnetGroup of a DB instance.
pub fn of_instance(state: &State, place: &Place, name: Option<&str>) -> Element {
    let group = name.and_then(|name| state.subnet_groups.get(&(place.clone(), name.to_owned())));
    to_element(place, name.unwrap_or("default"), group)
}

fn to_element(place: &Place, name: &str, group: Option<&SubnetGroup>) -> Element {
    let default = [place.invented("subnet")];
    let subnet_ids = group.map_or(&default[..], |group| &group.subnet_ids);
    let subnets = subnet_ids.iter().zip(["a", "b", "c"].iter().cycle()).map(|(id, zone)| {
        Element::new("Subnet")
            .text("SubnetIdentifier", id)
            .child(Element::new("SubnetAvailabilityZone").text("Name", format!("{}{zone}", place.region)))
            .child(Element::new("SubnetOutpost"))
            .text("SubnetStatus", "Active")
    });
    Element::new("DBSubnetGroup")
        .text("DBSubnetGroupName", name)
        .text("DBSubnetGroupDescription", group.map_or("default", |group| &group.description))
        .text("VpcId", place.invented("vpc"))
        .text("SubnetGroupStatus", "Complete")
        .list("Subnets", subnets)
        .text("DBSubnetGroupArn", place.arn("subgrp", name))
        .list("SupportedNetworkTypes", [Element::of_text("member", "IPV4")])
}

fn subnet_ids(parameters: &Parameters) -> Result<Vec<String>, Refusal> {
    let ids = parameters.list("SubnetIds", "SubnetIdentifier").unwrap_or_default();
    match ids.len() {
        0 => Err(Refusal::MissingParameter("SubnetIds".to_owned())),
        1 => Err(Refusal::DbSubnetGroupDoesNotCoverEnoughAZs(
            "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Add subnets to cover at \
             least 2 AZs."
                .to_owned(),
        )),
        _ => Ok(ids),
    }
}
