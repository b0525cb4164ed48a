//! The manifest of a group: its databases in layers, in two Regions, for both directions.

mod checks;
mod declared;
mod unusable;

pub use declared::{Declared, DeclaredReplica, DeclaredSecret, Rebuild};
pub use unusable::UnusableManifest;

use crate::group_name::GroupName;
use crate::reference::{Reference, Values};
use crate::region::Region;
use crate::resource::{self, ResourceLayer};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use step::{Bounded, Deadline, InvalidRequest, parse};

/// The databases of one application, and what belongs to them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// Always 1.
    pub version: u32,
    /// The name of the group.
    pub group: GroupName,
    /// The two Regions. Either may be the active one.
    pub regions: Vec<Region>,
    /// How long things may take, and how much may be lost.
    #[serde(default)]
    pub limits: Limits,
    /// Which failovers need an approval.
    #[serde(default)]
    pub approval: Approval,
    /// In each Region, the security group that lets no application in.
    pub quarantine_security_group_ids: BTreeMap<Region, Reference>,
    /// They fail over one after another, in the order of their numbers.
    pub layers: Vec<Layer>,
}

/// How long things may take, and how much may be lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// How many seconds of writes an unplanned failover may lose.
    pub unplanned_loss_seconds: Bounded<0, 604_800>,
    /// How long a planned failover waits until a replica has everything, in seconds.
    pub drain_seconds: Deadline,
}

impl Default for Limits {
    fn default() -> Self {
        Self { unplanned_loss_seconds: Bounded::constant::<60>(), drain_seconds: Deadline::constant::<900>() }
    }
}

/// Which failovers need an approval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Approval {
    /// Only unplanned ones.
    #[default]
    Unplanned,
    /// All.
    Always,
}

/// Resources that fail over at the same time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Layer {
    /// Its number: the layer with the lowest one comes first.
    pub layer: u32,
    /// What is in it.
    pub resources: Vec<Declared>,
}

impl Manifest {
    /// Reads the manifest of a group from the text of its SSM parameter. `text` is `None` when there is no such
    /// parameter.
    pub fn read(group: &GroupName, text: Option<&str>) -> Result<Self, UnusableManifest> {
        let parameter = group.manifest_parameter();
        let Some(text) = text else {
            return Err(UnusableManifest::Missing { group: group.clone(), parameter });
        };
        let invalid = |source| UnusableManifest::Invalid { parameter: parameter.clone(), source };
        let manifest = Self::from_json(text).map_err(invalid)?;
        if manifest.group != *group {
            let message = format!("is {}, but the parameter is of group {group}", manifest.group);
            return Err(invalid(InvalidRequest { path: "group".to_owned(), message }));
        }
        Ok(manifest)
    }

    /// Reads a manifest, puts its layers in the order of their numbers, and refuses one that cannot work.
    pub fn from_json(text: &str) -> Result<Self, InvalidRequest> {
        let invalid = |path: &str, message: String| InvalidRequest { path: path.to_owned(), message };
        let json: Value =
            serde_json::from_str(text).map_err(|error| invalid("(not JSON)", error.to_string()))?;
        if let Some(payload) = json.get("StatePayload") {
            return Err(invalid("StatePayload", unusable::of_the_sample(payload)));
        }
        checks::of_kinds(&json)?;
        let mut manifest: Self = parse(json)?;
        checks::of_manifest(&manifest)?;
        manifest.layers.sort_by_key(|it| it.layer);
        Ok(manifest)
    }

    /// The Region that is not this one; `None` when the group is not in this one.
    pub fn other_region(&self, region: &Region) -> Option<&Region> {
        self.regions.contains(region).then(|| self.regions.iter().find(|it| *it != region))?
    }

    /// Every reference that must be read, with the Region that the value is for.
    pub fn references(&self) -> BTreeSet<(Region, Reference)> {
        let mut found = BTreeSet::new();
        self.clone().visit(&mut |region, reference| {
            if !matches!(reference, Reference::Value(_)) {
                found.insert((region.clone(), reference.clone()));
            }
        });
        found
    }

    /// The same manifest with the value of every reference. What is missing is told all at once.
    pub fn resolved(&self, values: &Values) -> Result<Self, UnusableManifest> {
        let (mut manifest, mut missing) = (self.clone(), BTreeSet::new());
        manifest.visit(&mut |region, reference| match reference.value(region, values) {
            Some(value) => *reference = Reference::Value(value),
            None => drop(missing.insert(format!("{reference} in {}", reference.read_in(region)))),
        });
        if !missing.is_empty() {
            let missing = missing.into_iter().collect::<Vec<_>>().join(", ");
            return Err(UnusableManifest::NotFound { group: self.group.clone(), missing });
        }
        let parameter = self.group.manifest_parameter();
        checks::of_values(&manifest).map_err(|source| UnusableManifest::Invalid { parameter, source })?;
        Ok(manifest)
    }

    /// The resources in the order in which they fail over to a Region. The manifest must be [`Self::resolved`].
    pub fn directed(&self, to: &Region) -> Option<Vec<ResourceLayer>> {
        resource::directed(self, self.other_region(to)?, to)
    }

    /// Shows every value to `see`, with the Region that it is for.
    fn visit(&mut self, see: &mut dyn FnMut(&Region, &mut Reference)) {
        for (region, id) in &mut self.quarantine_security_group_ids {
            see(region, id);
        }
        for declared in self.layers.iter_mut().flat_map(|it| &mut it.resources) {
            declared.visit(see);
        }
    }
}

#[cfg(test)]
mod tests;
