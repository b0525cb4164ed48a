//! Automated backups: RDS makes a DB snapshot by itself, during which the DB instance is `backing-up`.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Rds, clock, fault::Fault, instances, place::Place, snapshots, state::InstanceStatus};

/// RDS backs a new DB instance up as soon as its backup retention is above 0: a restored one goes from `available` to
/// `backing-up` and back, a created one is `backing-up` before it is `available` for the first time.
/// Source: RDS User Guide, USER_WorkingWithAutomatedBackups; that a restored one is `available` before is how it is
/// seen in production.
///
/// Unlike on AWS, this first backup leaves no automated DB snapshot: `begin` makes one where a test wants it.
pub fn first(rds: &Arc<Rds>, resource_id: &str, restored: bool) {
    let retention = {
        let state = rds.state();
        let instance = state.instances.get(resource_id);
        instance.and_then(|it| it.database.settings.get("BackupRetentionPeriod")?.parse::<u32>().ok())
    };
    if retention.unwrap_or_default() == 0 {
        return;
    }
    let change = |rds: &Rds, resource_id: &str, from, to| {
        // Whatever else it is doing comes first: RDS tries again in its backup window, which nobody waits for here.
        let mut state = rds.state();
        let instance = state.instances.get_mut(resource_id).filter(|it| it.status == from);
        instance.map(|instance| instance.status = to).is_some()
    };
    let (available, busy) = (InstanceStatus::Available, InstanceStatus::BackingUp);
    let begun = !restored && change(rds, resource_id, available, busy);
    let (rds, resource_id) = (Arc::clone(rds), resource_id.to_owned());
    tokio::spawn(async move {
        if restored {
            rds.clock.pass(clock::UNTIL_BACKUP).await;
        }
        if begun || change(&rds, &resource_id, available, busy) {
            rds.clock.pass(clock::AUTOMATED_BACKUP).await;
            change(&rds, &resource_id, busy, available);
        }
    });
}

/// Begins a backup of an available DB instance; answers the automated DB snapshot's identifier.
pub fn begin(rds: &Arc<Rds>, place: &Place, instance: &str) -> Result<String, Fault> {
    let mut state = rds.state();
    let instance = state.instance(place, instance)?;
    instances::must_be_available(rds, instance)?;
    // With seconds, unlike AWS: many may be made within a minute here.
    let at = Timestamp::now().strftime("%Y-%m-%d-%H-%M-%S");
    let name = format!("rds:{}-{at}", instance.identifier);
    let mut snapshot = snapshots::of_instance(rds, instance, name.clone())?;
    snapshot.automated = true;
    snapshot.progress = rds.clock.measure(clock::AUTOMATED_BACKUP);
    instance.status = InstanceStatus::BackingUp;
    let resource_id = instance.database.resource_id.clone();
    let serial = state.add_snapshot(snapshot);
    let rds = Arc::clone(rds);
    tokio::spawn(async move {
        snapshots::take(&rds, serial).await;
        if let Some(instance) = rds.state().instances.get_mut(&resource_id) {
            instance.status = InstanceStatus::Available;
        }
    });
    Ok(name)
}
