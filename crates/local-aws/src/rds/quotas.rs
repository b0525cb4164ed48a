//! Quotas, per account and Region.
//! Source: RDS User Guide, CHAP_Limits; the texts are those seen in production.

use std::sync::Arc;

use super::{Outcome, Rds, fault::Fault, place::Place, state::State, xml::Element};

/// How many DB instances there may be.
pub const DB_INSTANCES: usize = 40;
/// How many manual DB snapshots there may be.
pub const MANUAL_SNAPSHOTS: usize = 100;
const COPIES_IN_PROGRESS: usize = 20;

/// With how many accounts one DB snapshot may be shared.
pub const SHARED_ACCOUNTS: usize = 20;

fn instances(state: &State, place: &Place) -> usize {
    state.instances.values().filter(|it| it.place == *place).count()
}

fn manual_snapshots(state: &State, place: &Place) -> usize {
    state.snapshots.values().filter(|it| it.place == *place && !it.automated).count()
}

/// DescribeAccountAttributes, as far as these quotas.
pub fn describe(rds: &Arc<Rds>, place: &Place) -> Outcome {
    let state = rds.state();
    let quotas = [
        ("DBInstances", instances(&state, place), DB_INSTANCES),
        ("ManualSnapshots", manual_snapshots(&state, place), MANUAL_SNAPSHOTS),
    ];
    let quotas = quotas.map(|(name, used, most)| {
        Element::new("AccountQuota").text("AccountQuotaName", name).text("Used", used).text("Max", most)
    });
    Ok(vec![quotas.into_iter().fold(Element::new("AccountQuotas"), Element::child)])
}

/// Room for one more DB instance?
pub fn one_more_instance(state: &State, place: &Place) -> Result<(), Fault> {
    if instances(state, place) < DB_INSTANCES {
        return Ok(());
    }
    Err(Fault::InstanceQuotaExceeded(format!("DB Instance quota exceeded. The limit is {DB_INSTANCES}.")))
}

/// Room for one more manual DB snapshot? Copies count too.
pub fn one_more_snapshot(state: &State, place: &Place) -> Result<(), Fault> {
    if manual_snapshots(state, place) < MANUAL_SNAPSHOTS {
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
