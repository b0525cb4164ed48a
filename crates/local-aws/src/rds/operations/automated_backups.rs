//! Automated backups: RDS makes a DB snapshot by itself, during which the DB instance is `backing-up`.

use std::sync::Arc;

use jiff::Timestamp;

use super::{rds::Rds, snapshots};
use crate::{
    place::Place,
    rds::model::{clock, instances::InstanceStatus, refusal::Refusal},
};

/// What the first automated backup of a DB instance comes after.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// It was created, and holds nothing yet.
    Creation,
    /// It was restored.
    Restore,
    /// Its automated backups were turned on.
    TurningOn,
}

/// RDS backs a DB instance up as soon as its backup retention is above 0: a restored one works for a moment, goes to
/// `backing-up` and back; a created one is `backing-up` before it is `available` for the first time. It lasts by size.
/// Source: RDS User Guide, USER_WorkingWithAutomatedBackups; that a restored one is `available` before is how it is
/// seen in production.
///
/// Unlike on AWS, this first backup leaves no automated DB snapshot: `begin` makes one where a test wants it.
pub(super) fn first(rds: &Arc<Rds>, resource_id: &str, after: After) {
    let size = {
        let state = rds.state();
        let Some(instance) = state.instances.get(resource_id).filter(|it| it.is_backed_up()) else { return };
        instance.allocated_storage()
    };
    let takes = match after {
        After::Creation => clock::AUTOMATED_BACKUP,
        After::Restore | After::TurningOn => clock::AUTOMATED_BACKUP + clock::FIRST_BACKUP_PER_GIB * size,
    };
    let begun = after != After::Restore && begins(rds, resource_id);
    let (rds, resource_id) = (Arc::clone(rds), resource_id.to_owned());
    tokio::spawn(async move {
        if after == After::Restore {
            rds.clock.pass(clock::UNTIL_BACKUP).await;
        }
        if begun || begins(&rds, &resource_id) {
            rds.clock.pass(takes).await;
            rds.change(&resource_id, |it| {
                if it.status == InstanceStatus::BackingUp {
                    it.status = it.status_at_rest();
                }
            });
        }
    });
}

/// Begins the first backup, unless the DB instance is busy with something else; false then. RDS would try again in its
/// backup window; the local AWS does not.
fn begins(rds: &Rds, resource_id: &str) -> bool {
    let mut state = rds.state();
    let instance = state.instances.get_mut(resource_id).filter(|it| it.is_at_rest());
    instance.map(|instance| instance.status = InstanceStatus::BackingUp).is_some()
}

/// Begins a backup of an available DB instance; answers the automated DB snapshot's identifier.
pub fn begin(rds: &Arc<Rds>, place: &Place, given: &str) -> Result<String, Refusal> {
    let mut state = rds.state();
    let instance = state.instance(place, given)?;
    rds.must_be_available(instance)?;
    // With seconds, unlike AWS: many may be made within a minute here.
    let at = Timestamp::now().strftime("%Y-%m-%d-%H-%M-%S");
    let name = format!("rds:{}-{at}", instance.identifier);
    let mut snapshot = snapshots::of_instance(rds, instance, name.clone())?;
    snapshot.automated = true;
    snapshot.progress = rds.clock.measure(clock::AUTOMATED_BACKUP);
    instance.status = InstanceStatus::BackingUp;
    let resource_id = instance.database.resource_id.clone();
    let serial = state.add_snapshot(snapshot);
    tokio::spawn(snapshots::back_up(Arc::clone(rds), resource_id, serial));
    Ok(name)
}
