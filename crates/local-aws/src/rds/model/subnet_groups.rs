//! DB subnet groups, so that a restore can name one. The subnets in them are invented.

use std::collections::BTreeMap;

use super::{refusal::Refusal, tags::Tags};
use crate::place::Place;

/// A DB subnet group.
#[derive(Debug, Clone)]
pub struct SubnetGroup {
    /// What its maker says about it.
    pub description: String,
    /// Its subnets.
    pub subnet_ids: Vec<String>,
    /// Its tags.
    pub tags: Tags,
}

/// The DB subnet groups that were made, by place and name.
pub type SubnetGroups = BTreeMap<(Place, String), SubnetGroup>;

/// The DB subnet group that a new DB instance gets: the named one, which must exist, or none for the default one.
pub fn chosen(groups: &SubnetGroups, place: &Place, named: Option<&str>) -> Result<Option<String>, Refusal> {
    let Some(name) = named.map(str::to_lowercase).filter(|it| it != "default") else { return Ok(None) };
    match groups.contains_key(&(place.clone(), name.clone())) {
        true => Ok(Some(name)),
        false => Err(Refusal::DbSubnetGroupNotFound(name)),
    }
}
