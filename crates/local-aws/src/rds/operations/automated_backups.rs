//! Automated backups: RDS makes a DB snapshot by itself, during which the DB instance is `backing-up`.

use std::sync::Arc;

use jiff::Timestamp;

use super::{rds::Rds, snapshots};
use crate::{
    place::Place,
    rds::model::{clock, instances::InstanceStatus, refusal::Refusal},
};

/// RDS backs a new DB instance up as soon as its backup retention is above 0: a restored one goes from `available` to
/// `backing-up` and back, a created one is `backing-up` before it is `available` for the first time.
/// Source: RDS User Guide, USER_WorkingWithAutomatedBackups; that a restored one is `available` before is how it is
/// seen in production.
///
/// Unlike on AWS, this first backup leaves no automated DB snapshot: `begin` makes one where a test wants it.
pub(super) fn first(rds: &Arc<Rds>, resource_id: &str, restored: bool) {
    let retention = {
        let state = rds.state();
        let instance = state.instances.get(resource_id);
        instance.and_then(|it| it.database.settings.get("BackupRetentionPeriod")?.parse::<u32>().ok())
    };
    if retention.unwrap_or_default() == 0 {
        return;
    }
    let (available, busy) = (InstanceStatus::Available, InstanceStatus::BackingUp);
    let begun = !restored && turn(rds, resource_id, available, busy);
    let (rds, resource_id) = (Arc::clone(rds), resource_id.to_owned());
    tokio::spawn(async move {
        if restored {
            rds.clock.pass(clock::UNTIL_BACKUP).await;
        }
        if begun || turn(&rds, &resource_id, available, busy) {
            rds.clock.pass(clock::AUTOMATED_BACKUP).await;
            turn(&rds, &resource_id, busy, available);
        }
    });
}

/// Changes a DB instance's status, unless it is busy with something else; false then. RDS would try again in its backup
/// window; the local AWS does not.
fn turn(rds: &Rds, resource_id: &str, from: InstanceStatus, to: InstanceStatus) -> bool {
    let mut state = rds.state();
    let instance = state.instances.get_mut(resource_id).filter(|it| it.status == from);
    instance.map(|instance| instance.status = to).is_some()
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
