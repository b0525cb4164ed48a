//! DB snapshots of DB instances: how they are made, and their end.

use std::{collections::BTreeSet, sync::Arc};

use anyhow::Context;
use jiff::Timestamp;

use super::rds::Rds;
use crate::{
    place::Place,
    random_hex,
    rds::model::{
        clock::{self, Progress},
        events::Happening,
        instances::{Instance, InstanceStatus},
        quotas,
        refusal::Refusal,
        snapshots::{Snapshot, SnapshotStatus},
        state::State,
        tags::Tags,
    },
    servers::{directory::Directory, server::Server},
};

/// A DB snapshot to make.
pub struct NewSnapshot {
    /// Its identifier, checked.
    pub identifier: String,
    /// Its tags, besides those that it inherits.
    pub tags: Tags,
}

/// Begins a DB snapshot of the DB instance that is `given`; answers its serial number.
pub fn create(
    rds: &Arc<Rds>,
    state: &mut State,
    place: &Place,
    given: &str,
    new: NewSnapshot,
) -> Result<u64, Refusal> {
    let instance = state.instance(place, given)?;
    let resource_id = instance.database.resource_id.clone();
    let available = rds.must_be_available(instance);
    // A taken name is refused before a busy DB instance: so a repeated call learns that the first one worked.
    must_be_free(state, place, &new.identifier)?;
    available?;
    let serial = insert(rds, state, place, &resource_id, new)?;
    state.instance(place, given)?.status = InstanceStatus::BackingUp;
    tokio::spawn(back_up(Arc::clone(rds), resource_id, serial));
    Ok(serial)
}

/// Takes the snapshot of a DB instance that is `backing-up` meanwhile.
pub(super) async fn back_up(rds: Arc<Rds>, resource_id: String, serial: u64) {
    rds.tell(&resource_id, Happening::BACKUP_BEGUN);
    take(&rds, serial).await;
    rds.tell(&resource_id, Happening::BACKUP_ENDED);
    rds.end_operation(&resource_id);
}

/// Refuses the identifier of a DB snapshot that exists.
pub(super) fn must_be_free(state: &mut State, place: &Place, identifier: &str) -> Result<(), Refusal> {
    match state.own_snapshot(place, identifier) {
        Ok(_) => Err(Refusal::DbSnapshotAlreadyExists(identifier.to_owned())),
        Err(_) => Ok(()),
    }
}

/// Checks and adds a snapshot that still has no data.
pub(super) fn insert(
    rds: &Rds,
    state: &mut State,
    place: &Place,
    resource_id: &str,
    new: NewSnapshot,
) -> Result<u64, Refusal> {
    must_be_free(state, place, &new.identifier)?;
    quotas::one_more_snapshot(state, place)?;
    let Some(instance) = state.instances.get(resource_id) else {
        return Err(Refusal::DbInstanceNotFound(resource_id.to_owned()));
    };
    let inherited = match instance.database.settings.is_on("CopyTagsToSnapshot") {
        true => instance.tags.clone(),
        false => Tags::default(),
    };
    let mut snapshot = of_instance(rds, instance, new.identifier)?;
    snapshot.tags = inherited.with(new.tags)?;
    Ok(state.add_snapshot(snapshot))
}

/// A snapshot of the DB instance that still has no data.
pub(super) fn of_instance(rds: &Rds, instance: &Instance, identifier: String) -> Result<Snapshot, Refusal> {
    Ok(Snapshot {
        automated: false,
        place: instance.place.clone(),
        identifier,
        instance_identifier: instance.identifier.clone(),
        database: instance.database.clone(),
        port: instance.port(),
        status: SnapshotStatus::Creating,
        progress: rds.clock.measure(clock::SNAPSHOT),
        created_at: None,
        originally_created_at: None,
        source: None,
        tags: Tags::default(),
        instance_tags: instance.tags.clone(),
        shared_with: BTreeSet::new(),
        directory: new_directory(rds)?,
        full_size: None,
    })
}

/// A folder's name for a snapshot's data.
fn new_directory(rds: &Rds) -> Result<Arc<Directory>, Refusal> {
    let random = random_hex(13).map_err(|error| Refusal::InternalFailure(error.to_string()))?;
    Ok(Arc::new(Directory::own(rds.data(&format!("snapshot-{random}")))))
}

/// Takes the data of the snapshot, which lasts at least as long as RDS needs.
pub(super) async fn take(rds: &Rds, serial: u64) {
    let Some(snapshot) = rds.state().snapshots.get(&serial).cloned() else { return };
    let takes = if snapshot.automated { clock::AUTOMATED_BACKUP } else { clock::SNAPSHOT };
    let (begins, ends) = match snapshot.automated {
        true => (Happening::AUTOMATED_BEGUN, Happening::AUTOMATED_MADE),
        false => (Happening::SNAPSHOT_BEGUN, Happening::SNAPSHOT_MADE),
    };
    rds.state().events.of_snapshot(&snapshot, begins);
    let fails =
        (!snapshot.automated).then(|| rds.misbehaviours().snapshot_fails(&snapshot.instance_identifier));
    if let Some(percent) = fails.flatten() {
        rds.clock.pass(clock::SNAPSHOT.mul_f64(f64::from(percent) / 100.0)).await;
        return end(rds, serial, SnapshotStatus::Failed, percent);
    }
    let backed_up = async {
        back_up_server(rds, &snapshot)?.await?;
        if let Some(snapshot) = rds.state().snapshots.get_mut(&serial) {
            let now = Timestamp::now();
            (snapshot.created_at, snapshot.originally_created_at) = (Some(now), Some(now));
            snapshot.full_size = snapshot.directory.size().ok();
        }
        anyhow::Ok(())
    };
    let (backed_up, ()) = tokio::join!(backed_up, rds.clock.pass(takes));
    match backed_up {
        Ok(()) => {
            rds.state().events.of_snapshot(&snapshot, ends);
            end(rds, serial, SnapshotStatus::Available, 100);
        }
        Err(error) => {
            tracing::error!("{} failed: {error:#}", snapshot.arn());
            end(rds, serial, SnapshotStatus::Failed, 0);
        }
    }
}

/// Takes the data of the snapshot from the server of its DB instance.
fn back_up_server(
    rds: &Rds,
    snapshot: &Snapshot,
) -> anyhow::Result<impl Future<Output = anyhow::Result<()>> + use<>> {
    let state = rds.state();
    let instance = state.instances.get(&snapshot.database.resource_id);
    let server: Option<&Server> = instance.and_then(|it| it.server.as_ref());
    Ok(server.context("the DB instance has no server")?.back_up(snapshot.directory.path()))
}

/// Gives a snapshot its last status, unless it was deleted meanwhile.
pub(super) fn end(rds: &Rds, serial: u64, status: SnapshotStatus, percent: u8) {
    if let Some(snapshot) = rds.state().snapshots.get_mut(&serial) {
        snapshot.status = status;
        snapshot.progress = Progress::At(percent);
    }
}

/// Deletes the account's DB snapshot that is `given`. A copy under way ends with it; a snapshot under way cannot be
/// deleted.
pub fn delete(state: &mut State, place: &Place, given: &str) -> Result<Snapshot, Refusal> {
    let (serial, snapshot) = state.own_snapshot(place, given)?;
    if snapshot.status == SnapshotStatus::Creating && !snapshot.is_being_copied() {
        return Err(snapshot.is_not_available("Snapshot"));
    }
    if snapshot.automated {
        let message = "automated snapshots cannot be deleted.";
        return Err(Refusal::InvalidDbSnapshotState(message.to_owned()));
    }
    snapshot.status = SnapshotStatus::Deleted;
    let deleted = snapshot.clone();
    state.snapshots.remove(&serial);
    Ok(deleted)
}
