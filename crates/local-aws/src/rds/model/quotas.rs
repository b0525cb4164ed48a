//! Quotas, per account and Region.
//! Source: RDS User Guide, CHAP_Limits; the texts are those seen in production.

use super::{refusal::Refusal, state::State};
use crate::place::Place;

/// How many DB instances there may be.
pub const DB_INSTANCES: usize = 40;
/// How many manual DB snapshots there may be.
pub const MANUAL_SNAPSHOTS: usize = 100;
const COPIES_IN_PROGRESS: usize = 20;
const SHARED_ACCOUNTS: usize = 20;

/// How many DB instances there are.
pub fn instances(state: &State, place: &Place) -> usize {
    state.instances.values().filter(|it| it.place == *place).count()
}

/// How many manual DB snapshots there are.
pub fn manual_snapshots(state: &State, place: &Place) -> usize {
    state.snapshots.values().filter(|it| it.place == *place && !it.automated).count()
}

/// Room for one more DB instance?
pub fn one_more_instance(state: &State, place: &Place) -> Result<(), Refusal> {
    if instances(state, place) < DB_INSTANCES {
        return Ok(());
    }
    Err(Refusal::InstanceQuotaExceeded(format!("DB Instance quota exceeded. The limit is {DB_INSTANCES}.")))
}

/// Room for one more manual DB snapshot? Copies count too.
pub fn one_more_snapshot(state: &State, place: &Place) -> Result<(), Refusal> {
    if manual_snapshots(state, place) < MANUAL_SNAPSHOTS {
        return Ok(());
    }
    Err(Refusal::SnapshotQuotaExceeded(format!(
        "Cannot create more than {MANUAL_SNAPSHOTS} manual snapshots"
    )))
}

/// Room for one more copy at the same time?
pub fn one_more_copy(state: &State, place: &Place) -> Result<(), Refusal> {
    let count = state.snapshots.values().filter(|it| it.place == *place && it.is_being_copied()).count();
    if count < COPIES_IN_PROGRESS {
        return Ok(());
    }
    let message = format!("Cannot copy more than {COPIES_IN_PROGRESS} snapshots across regions");
    Err(Refusal::SnapshotQuotaExceeded(message))
}

/// May one DB snapshot be shared with this many accounts?
pub fn shared_accounts(count: usize) -> Result<(), Refusal> {
    if count <= SHARED_ACCOUNTS {
        return Ok(());
    }
    let message = format!("Cannot share a snapshot with more than {SHARED_ACCOUNTS} accounts.");
    Err(Refusal::SharedSnapshotQuotaExceeded(message))
}
