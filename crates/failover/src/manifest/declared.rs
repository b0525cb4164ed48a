//! The resources as a manifest declares them.

use crate::group_name::ResourceName;
use crate::reference::Reference;
use crate::region::Region;
use replication::Assertion;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

/// A resource of the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Declared {
    /// A DB instance in one Region, and its read replica in the other one.
    RdsReadReplica(DeclaredReplica),
    /// The secret that applications read. It stands in both Regions under the same name.
    Secret(DeclaredSecret),
}

/// A DB instance in one Region, and its read replica in the other one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeclaredReplica {
    /// What it is called in the group.
    pub name: ResourceName,
    /// The DB instance in each Region. Which of them is the primary, RDS says.
    pub db_instance: BTreeMap<Region, Reference>,
    /// The name of the secret with the master user's password, the same in both Regions.
    pub master_secret_id: String,
    /// What must be so in the new primary before applications are led to it; at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assertions: Vec<Assertion>,
    /// In each Region, how a new replica is made there.
    pub rebuild: BTreeMap<Region, Rebuild>,
}

/// How a new replica is made in a Region. The rest it has from its source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rebuild {
    /// Its DB subnet group.
    pub db_subnet_group_name: Reference,
    /// Its security groups.
    pub vpc_security_group_ids: Vec<Reference>,
    /// The key of this Region that it is encrypted under.
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<Reference>,
    /// Its DB instance class.
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    pub db_instance_class: Option<Reference>,
    /// Its DB parameter group.
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    pub db_parameter_group_name: Option<Reference>,
}

/// The secret that applications read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeclaredSecret {
    /// What it is called in the group.
    pub name: ResourceName,
    /// Its name in Secrets Manager, the same in both Regions.
    pub secret_id: String,
    /// The resource of the group that it leads to.
    pub follows: ResourceName,
}

/// A field may be left out, but null is no value.
fn some<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Reference>, D::Error> {
    Reference::deserialize(deserializer).map(Some)
}

impl Declared {
    /// What it is called in the group.
    pub fn name(&self) -> &ResourceName {
        match self {
            Self::RdsReadReplica(it) => &it.name,
            Self::Secret(it) => &it.name,
        }
    }

    /// Shows every value to `see`, with the Region that it is for.
    pub(super) fn visit(&mut self, see: &mut dyn FnMut(&Region, &mut Reference)) {
        let Self::RdsReadReplica(it) = self else { return };
        for (region, identifier) in &mut it.db_instance {
            see(region, identifier);
        }
        for (region, rebuild) in &mut it.rebuild {
            see(region, &mut rebuild.db_subnet_group_name);
            rebuild.vpc_security_group_ids.iter_mut().for_each(|id| see(region, id));
            let Rebuild { kms_key_id, db_instance_class, db_parameter_group_name, .. } = rebuild;
            [kms_key_id, db_instance_class, db_parameter_group_name]
                .into_iter()
                .flatten()
                .for_each(|value| see(region, value));
        }
    }
}
