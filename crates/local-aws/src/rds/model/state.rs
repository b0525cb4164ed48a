//! What exists: DB instances, DB snapshots and groups of all accounts and Regions, and how each is found.

use std::collections::BTreeMap;

use super::{
    arn::Arn,
    events::Events,
    groups::{GroupKind, Groups},
    instances::Instance,
    proxies::Proxy,
    refusal::Refusal,
    snapshots::Snapshot,
    subnet_groups::SubnetGroups,
    tags::Tags,
};
use crate::place::Place;

/// Everything that exists. One lock protects it; it is never held across an await.
#[derive(Default)]
pub struct State {
    /// By resource id, which a rename does not change.
    pub instances: BTreeMap<String, Instance>,
    /// By serial number: an identifier may be used again after a deletion.
    pub snapshots: BTreeMap<u64, Snapshot>,
    /// Proxies, by id.
    pub proxies: BTreeMap<String, Proxy>,
    /// DB subnet groups that were made.
    pub subnet_groups: SubnetGroups,
    /// Parameter groups and option groups that were made.
    pub groups: Groups,
    /// What happened.
    pub events: Events,
    last_serial: u64,
}

impl State {
    /// Adds a snapshot; the number is its key.
    pub fn add_snapshot(&mut self, snapshot: Snapshot) -> u64 {
        self.last_serial += 1;
        self.snapshots.insert(self.last_serial, snapshot);
        self.last_serial
    }

    /// The DB instance with this identifier or ARN.
    pub fn instance(&mut self, place: &Place, given: &str) -> Result<&mut Instance, Refusal> {
        let name =
            name_in(place, given, "db").ok_or_else(|| Refusal::DbInstanceNotFound(given.to_owned()))?;
        let found = self.instances.values_mut().find(|it| it.place == *place && it.identifier == name);
        found.ok_or(Refusal::DbInstanceNotFound(name))
    }

    /// Is there a DB instance with this identifier?
    pub fn has_instance(&self, place: &Place, identifier: &str) -> bool {
        self.instances.values().any(|it| it.place == *place && it.identifier == identifier)
    }

    /// The account's own DB snapshot with this identifier or ARN.
    pub fn own_snapshot(&mut self, place: &Place, given: &str) -> Result<(u64, &mut Snapshot), Refusal> {
        let name =
            name_in(place, given, "snapshot").ok_or_else(|| Refusal::DbSnapshotNotFound(given.to_owned()))?;
        let found = self.snapshots.iter_mut().find(|(_, it)| it.place == *place && it.identifier == name);
        found.map(|(serial, it)| (*serial, it)).ok_or(Refusal::DbSnapshotNotFound(name))
    }

    /// The tags of the resource with this ARN, if there is one.
    pub fn tags_of(&mut self, arn: &Arn) -> Option<&mut Tags> {
        let Arn { place, kind, name } = arn;
        match kind.as_str() {
            "db" => self.instance(place, name).ok().map(|it| &mut it.tags),
            "snapshot" => self.own_snapshot(place, name).ok().map(|(_, it)| &mut it.tags),
            "subgrp" => self.subnet_groups.get_mut(&(place.clone(), name.clone())).map(|it| &mut it.tags),
            "db-proxy" => self.proxies.get_mut(name).filter(|it| it.place == *place).map(|it| &mut it.tags),
            "target-group" => {
                let mut own = self.proxies.values_mut().filter(|it| it.place == *place);
                own.find(|it| it.group_id() == *name).map(|it| &mut it.tags)
            }
            other => {
                let kind = GroupKind::in_arn(other)?;
                self.groups.get_mut(&(place.clone(), kind, name.clone())).map(|it| &mut it.tags)
            }
        }
    }

    /// The tags of a resource of `place`, for a request that names it by its ARN.
    pub fn tags_in(&mut self, place: &Place, given: &str) -> Result<&mut Tags, Refusal> {
        let arn = Arn::parse(given)?;
        match arn.kind.as_str() {
            "db" => Ok(&mut self.instance(place, given)?.tags),
            "snapshot" => Ok(&mut self.own_snapshot(place, given)?.1.tags),
            "subgrp" if arn.place == *place => {
                self.tags_of(&arn).ok_or(Refusal::DbSubnetGroupNotFound(arn.name))
            }
            "pg" | "og" if arn.place == *place => {
                let message = format!("There is no group with the resource name: {given}");
                self.tags_of(&arn).ok_or(Refusal::InvalidParameterValue(message))
            }
            _ => Err(Refusal::InvalidParameterValue(format!("Invalid resource name: {given}"))),
        }
    }

    /// A DB snapshot that the account may copy: its own by identifier or ARN, others' by ARN, in any Region.
    pub fn source_snapshot(&self, place: &Place, given: &str) -> Result<&Snapshot, Refusal> {
        let arn = match given.starts_with("arn:") {
            true => Arn::parse(given)?,
            false => Arn { place: place.clone(), kind: "snapshot".to_owned(), name: given.to_lowercase() },
        };
        let mut snapshots = self.snapshots.values();
        let found =
            snapshots.find(|it| arn.kind == "snapshot" && it.place == arn.place && it.identifier == arn.name);
        found
            .filter(|it| it.is_visible_to(&place.account_id))
            .ok_or_else(|| Refusal::DbSnapshotNotFound(given.to_owned()))
    }
}

/// The lower-cased name of something in `place`, given by name or ARN; nothing when the ARN leads elsewhere.
fn name_in(place: &Place, given: &str, kind: &str) -> Option<String> {
    if !given.starts_with("arn:") {
        return Some(given.to_lowercase());
    }
    let arn = Arn::parse(given).ok()?;
    (arn.place == *place && arn.kind == kind).then_some(arn.name)
}
