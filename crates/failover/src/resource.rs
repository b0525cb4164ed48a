//! The resources of one failover: every reference read, and the direction known. They travel through the states.

use crate::group_name::ResourceName;
use crate::manifest::{Declared, DeclaredReplica, Manifest, Rebuild};
use crate::reference::Reference;
use crate::region::Region;
use replication::Assertion;
use serde::{Deserialize, Serialize};

/// Resources that fail over at the same time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResourceLayer {
    /// Its number.
    pub layer: u32,
    /// What is in it.
    pub resources: Vec<Resource>,
}

/// A resource of one failover.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Resource {
    /// A read replica that becomes the primary.
    RdsReadReplica(Box<ReadReplica>),
    /// A secret that is led to the new primary.
    Secret(PointedSecret),
}

/// A read replica that becomes the primary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReadReplica {
    /// What it is called in the group.
    pub name: ResourceName,
    /// The name of the secret with the master user's password, the same in both Regions.
    pub master_secret_id: String,
    /// What must be so in the new primary before applications are led to it.
    pub assertions: Vec<Assertion>,
    /// The primary that goes out of service.
    pub from: OldPrimary,
    /// The replica.
    pub to: DbInstanceAt,
    /// How a new replica is made in the old Region.
    pub rebuild: Rebuild,
}

/// The primary that goes out of service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OldPrimary {
    /// Where it is.
    pub region: Region,
    /// Its identifier.
    pub db_instance_identifier: String,
    /// The security group that lets no application in.
    pub quarantine_security_group_id: String,
}

/// A DB instance in a Region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DbInstanceAt {
    /// Where it is.
    pub region: Region,
    /// Its identifier.
    pub db_instance_identifier: String,
}

/// A secret that is led to the new primary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PointedSecret {
    /// What it is called in the group.
    pub name: ResourceName,
    /// Its name in Secrets Manager, the same in both Regions.
    pub secret_id: String,
    /// What it leads to.
    pub follows: Followed,
    /// The Region that goes out of service.
    pub from: SecretAt,
    /// The Region that becomes active.
    pub to: SecretAt,
}

/// The DB instances that a secret leads to, before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Followed {
    /// The old primary.
    pub from: DbInstanceAt,
    /// The new primary.
    pub to: DbInstanceAt,
}

/// A secret in a Region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretAt {
    /// Where it is.
    pub region: Region,
}

impl Resource {
    /// What it is called in the group.
    pub fn name(&self) -> &ResourceName {
        match self {
            Self::RdsReadReplica(it) => &it.name,
            Self::Secret(it) => &it.name,
        }
    }
}

/// The resources of a manifest in one direction; `None` when a reference of it was not read.
pub(crate) fn directed(manifest: &Manifest, from: &Region, to: &Region) -> Option<Vec<ResourceLayer>> {
    let written = |value: &Reference| match value {
        Reference::Value(text) => Some(text.clone()),
        _ => None,
    };
    let at = |replica: &DeclaredReplica, region: &Region| {
        let db_instance_identifier = written(replica.db_instance.get(region)?)?;
        Some(DbInstanceAt { region: region.clone(), db_instance_identifier })
    };
    let replica_named = |name: &ResourceName| {
        manifest.layers.iter().flat_map(|it| &it.resources).find_map(|it| match it {
            Declared::RdsReadReplica(replica) if replica.name == *name => Some(replica),
            _ => None,
        })
    };
    let resource = |declared: &Declared| {
        Some(match declared {
            Declared::RdsReadReplica(it) => Resource::RdsReadReplica(Box::new(ReadReplica {
                name: it.name.clone(),
                master_secret_id: it.master_secret_id.clone(),
                assertions: it.assertions.clone(),
                from: OldPrimary {
                    region: from.clone(),
                    db_instance_identifier: at(it, from)?.db_instance_identifier,
                    quarantine_security_group_id: written(manifest.quarantine_security_group_ids.get(from)?)?,
                },
                to: at(it, to)?,
                rebuild: it.rebuild.get(from)?.clone(),
            })),
            Declared::Secret(it) => {
                let followed = replica_named(&it.follows)?;
                Resource::Secret(PointedSecret {
                    name: it.name.clone(),
                    secret_id: it.secret_id.clone(),
                    follows: Followed { from: at(followed, from)?, to: at(followed, to)? },
                    from: SecretAt { region: from.clone() },
                    to: SecretAt { region: to.clone() },
                })
            }
        })
    };
    let layer = |it: &crate::manifest::Layer| {
        let resources = it.resources.iter().map(resource).collect::<Option<Vec<_>>>()?;
        Some(ResourceLayer { layer: it.layer, resources })
    };
    manifest.layers.iter().map(layer).collect()
}
