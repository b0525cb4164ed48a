//! Quotas, per account and Region.
//! Source: RDS User Guide, CHAP_Limits; the texts are those seen in production.

use super::{groups::GroupKind, refusal::Refusal, state::State};
use crate::place::Place;

/// How many DB instances there may be.
const DB_INSTANCES: usize = 40;
/// How many manual DB snapshots there may be.
const MANUAL_SNAPSHOTS: usize = 100;
const COPIES_IN_PROGRESS: usize = 20;
const SHARED_ACCOUNTS: usize = 20;

/// How many DB instances there are.
fn instances(state: &State, place: &Place) -> usize {
    state.instances.values().filter(|it| it.place == *place).count()
}

/// How many manual DB snapshots there are.
fn manual_snapshots(state: &State, place: &Place) -> usize {
    state.snapshots.values().filter(|it| it.place == *place && !it.automated).count()
}

/// Each quota of RDS that an account has in a Region: its name, how much of it is used, and the most.
pub fn all(state: &State, place: &Place) -> [(&'static str, usize, usize); 10] {
    let groups = |kind| state.groups.keys().filter(|(owner, of, _)| owner == place && *of == kind).count();
    let subnet_groups = || state.subnet_groups.iter().filter(|((owner, _), _)| owner == place);
    let own = state.instances.values().filter(|it| it.place == *place);
    let storage = own.filter_map(|it| it.database.settings.get("AllocatedStorage")?.parse::<usize>().ok());
    [
        ("DBInstances", instances(state, place), DB_INSTANCES),
        ("ReservedDBInstances", 0, 40),
        ("AllocatedStorage", storage.sum(), 100_000),
        ("DBParameterGroups", groups(GroupKind::Parameters), 50),
        ("ManualSnapshots", manual_snapshots(state, place), MANUAL_SNAPSHOTS),
        ("EventSubscriptions", 0, 20),
        ("DBSubnetGroups", subnet_groups().count(), 50),
        ("OptionGroups", groups(GroupKind::Options), 20),
        (
            "SubnetsPerDBSubnetGroup",
            subnet_groups().map(|(_, it)| it.subnet_ids.len()).max().unwrap_or_default(),
            20,
        ),
        ("ReadReplicasPerMaster", 0, 15),
    ]
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
