//! Quotas, per account and Region.
//! Source: RDS User Guide, CHAP_Limits; the texts are those seen in production.

use super::{fault::Fault, place::Place, state::State};

const DB_INSTANCES: usize = 40;
const MANUAL_SNAPSHOTS: usize = 100;
const COPIES_IN_PROGRESS: usize = 20;

/// With how many accounts one DB snapshot may be shared.
pub const SHARED_ACCOUNTS: usize = 20;

/// Room for one more DB instance?
pub fn one_more_instance(state: &State, place: &Place) -> Result<(), Fault> {
    let count = state.instances.values().filter(|it| it.place == *place).count();
    if count < DB_INSTANCES {
        return Ok(());
    }
    Err(Fault::InstanceQuotaExceeded(format!("DB Instance quota exceeded. The limit is {DB_INSTANCES}.")))
}

/// Room for one more manual DB snapshot? Copies count too.
pub fn one_more_snapshot(state: &State, place: &Place) -> Result<(), Fault> {
    let count = state.snapshots.values().filter(|it| it.place == *place).count();
    if count < MANUAL_SNAPSHOTS {
        return Ok(());
    }
    Err(Fault::SnapshotQuotaExceeded(format!("Cannot create more than {MANUAL_SNAPSHOTS} manual snapshots")))
}

/// Room for one more copy at the same time?
pub fn one_more_copy(state: &State, place: &Place) -> Result<(), Fault> {
    let count = state.snapshots.values().filter(|it| it.place == *place && it.is_being_copied()).count();
    if count < COPIES_IN_PROGRESS {
        return Ok(());
    }
    let message = format!("Cannot copy more than {COPIES_IN_PROGRESS} snapshots across regions");
    Err(Fault::SnapshotQuotaExceeded(message))
}
