//! DB subnet groups, so that a restore can name one. The subnets in them are invented.

use std::collections::BTreeMap;

use super::{identifiers, refusal::Refusal, tags::Tags};
use crate::place::Place;

/// A DB subnet group.
#[derive(Debug, Clone)]
pub struct SubnetGroup {
    /// What its maker says about it.
    pub description: String,
    /// The VPC of its subnets.
    pub vpc_id: String,
    /// Its subnets.
    pub subnet_ids: Vec<String>,
    /// Its tags.
    pub tags: Tags,
}

/// The DB subnet groups that were made, by place and name.
pub type SubnetGroups = BTreeMap<(Place, String), SubnetGroup>;

/// The group of a DB instance that names none.
pub const DEFAULT: &str = "default";

/// The DB subnet group that a new DB instance gets: the named one, which must exist, or none for the default one.
pub fn chosen(groups: &SubnetGroups, place: &Place, named: Option<&str>) -> Result<Option<String>, Refusal> {
    let name = named.map(|it| identifiers::subnet_group("DBSubnetGroupName", it)).transpose()?;
    let Some(name) = name.filter(|it| it != DEFAULT) else { return Ok(None) };
    match groups.contains_key(&(place.clone(), name.clone())) {
        true => Ok(Some(name)),
        false => Err(Refusal::DbSubnetGroupNotFound(name)),
    }
}

/// A DB instance moves only to a group of another VPC, and here all groups of a place are in one VPC.
pub fn check_move(groups: &SubnetGroups, place: &Place, instance: &str, named: &str) -> Result<(), Refusal> {
    chosen(groups, place, Some(named))?;
    Err(Refusal::InvalidVpcNetworkState(format!(
        "You cannot move DB instance {instance} to subnet group {named}. The specified DB subnet group and DB instance \
         are in the same VPC. Choose a DB subnet group in different VPC than the specified DB instance and try again."
    )))
}
