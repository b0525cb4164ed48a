//! The operations on DB subnet groups, and how one looks on the wire.

use std::sync::Arc;

use super::protocol::{
    answer::Outcome, filters::Filters, pages, parameters::Parameters, request::Request, xml::Element,
};
use crate::{
    ministack::{Client, elements},
    place::Place,
    rds::{
        model::{
            identifiers,
            refusal::Refusal,
            state::State,
            subnet_groups::{DEFAULT, SubnetGroup},
        },
        operations::rds::Rds,
    },
};

const NAME: &str = "DBSubnetGroupName";

/// CreateDBSubnetGroup.
pub async fn create(rds: &Arc<Rds>, ministack: &Client, request: &Request<'_>) -> Outcome {
    let Request { place, parameters, .. } = *request;
    let name = changeable(parameters)?;
    let subnet_ids = subnet_ids(parameters)?;
    let group = SubnetGroup {
        description: parameters.required("DBSubnetGroupDescription")?.to_owned(),
        vpc_id: vpc_of(ministack, place, &subnet_ids).await,
        subnet_ids,
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

/// The VPC of the first subnet; an invented one where EC2 does not know the subnet.
pub(super) async fn vpc_of(ministack: &Client, place: &Place, subnet_ids: &[String]) -> String {
    let Place { account_id, region } = place;
    let first = subnet_ids.first().map(String::as_str).unwrap_or_default();
    let answer =
        ministack.query(account_id, region, "ec2", "DescribeSubnets", &[("SubnetId.1", first)]).await;
    let known = answer.ok().and_then(|xml| elements(&xml, "vpcId").next().map(str::to_owned));
    known.unwrap_or_else(|| place.invented("vpc"))
}

/// DescribeDBSubnetGroups.
pub fn describe(rds: &Arc<Rds>, request: &Request<'_>) -> Outcome {
    let Request { place, parameters, .. } = *request;
    Filters::of(parameters, &[])?;
    let wanted = parameters.get(NAME).map(|_| name(parameters)).transpose()?;
    let state = rds.state();
    let made = state.subnet_groups.iter().filter(|((owner, _), _)| owner == place);
    let made = made.map(|((_, name), group)| (name.as_str(), Some(group)));
    let all =
        made.chain([(DEFAULT, None)]).filter(|(name, _)| wanted.as_ref().is_none_or(|wanted| wanted == name));
    let all: Vec<_> = all.map(|(name, group)| (name.to_owned(), to_element(place, name, group))).collect();
    if let (Some(name), true) = (wanted, all.is_empty()) {
        return Err(Refusal::DbSubnetGroupNotFound(name));
    }
    pages::listed("DBSubnetGroups", all, parameters)
}

/// ModifyDBSubnetGroup.
pub fn modify(rds: &Arc<Rds>, request: &Request<'_>) -> Outcome {
    let Request { place, parameters, .. } = *request;
    let name = changeable(parameters)?;
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
    let name = changeable(parameters)?;
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

fn name(parameters: &Parameters) -> Result<String, Refusal> {
    identifiers::subnet_group(NAME, parameters.required(NAME)?)
}

/// The name of a group to make, change or delete, which the default one must not be.
/// Source: RDS API, CreateDBSubnetGroup, ModifyDBSubnetGroup and DeleteDBSubnetGroup, `DBSubnetGroupName`.
fn changeable(parameters: &Parameters) -> Result<String, Refusal> {
    let name = name(parameters)?;
    match name == DEFAULT {
        true => Err(Refusal::InvalidParameterValue(format!("{NAME} must not be {DEFAULT}."))),
        false => Ok(name),
    }
}

/// The DBSubnetGroup of a DB instance.
pub fn of_instance(state: &State, place: &Place, name: Option<&str>) -> Element {
    let group = name.and_then(|name| state.subnet_groups.get(&(place.clone(), name.to_owned())));
    to_element(place, name.unwrap_or(DEFAULT), group)
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
        .text("VpcId", group.map_or_else(|| place.invented("vpc"), |group| group.vpc_id.clone()))
        .text("SubnetGroupStatus", "Complete")
        .list("Subnets", subnets)
        .text("DBSubnetGroupArn", place.arn("subgrp", name))
        .list("SupportedNetworkTypes", [Element::of_text("member", "IPV4")])
}

fn subnet_ids(parameters: &Parameters) -> Result<Vec<String>, Refusal> {
    let ids = parameters.list("SubnetIds", "SubnetIdentifier").unwrap_or_default();
    match ids.len() {
        // Seen on AWS: github.com/terraform-aws-modules/terraform-aws-rds#326.
        0 => Err(Refusal::InvalidSubnet("Subnet IDs are required.".to_owned())),
        1 => Err(Refusal::DbSubnetGroupDoesNotCoverEnoughAZs(
            "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Add subnets to cover at \
             least 2 AZs."
                .to_owned(),
        )),
        _ => Ok(ids),
    }
}
