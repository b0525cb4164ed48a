//! Copies of DB snapshots: within an account, from another account, from another Region, under the same or another key.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{
    rds::Rds,
    snapshots::{end, must_be_free},
};
use crate::{
    place::Place,
    rds::model::{
        arn::Arn,
        clock::{self, Progress},
        database::Database,
        quotas,
        refusal::Refusal,
        snapshots::{Snapshot, SnapshotStatus, can_be_copied_between},
        state::State,
        tags::Tags,
    },
};

/// A copy to make in an account and Region.
pub struct NewCopy {
    /// The account and Region of the copy.
    pub place: Place,
    /// The copy's identifier, checked.
    pub identifier: String,
    /// The copy's key.
    pub kms_key_id: Option<String>,
    /// The copy's option group.
    pub option_group: Option<String>,
    /// The source's tags come along, unless the request gives tags.
    pub copies_tags: bool,
    /// The tags that the request gives.
    pub tags: Option<Tags>,
}

/// The DB snapshot that is `given`, if it can be copied to `place` under this identifier.
pub fn source(state: &mut State, place: &Place, given: &str, identifier: &str) -> Result<Snapshot, Refusal> {
    must_be_free(state, place, identifier)?;
    let source = state.source_snapshot(place, given)?.clone();
    if !can_be_copied_between(&source.place, place) {
        let message = format!("{given} cannot be copied to {}.", place.region);
        return Err(Refusal::InvalidParameterValue(message));
    }
    source.must_be_available("Source snapshot")?;
    Ok(source)
}

/// Begins to copy `source`; answers the copy's serial number.
pub fn begin(rds: &Arc<Rds>, state: &mut State, source: Snapshot, new: NewCopy) -> Result<u64, Refusal> {
    let copy = copy_of(rds, &source, new)?;
    // Checked again: another copy may have taken the name or the quota while KMS was asked.
    must_be_free(state, &copy.place, &copy.identifier)?;
    quotas::one_more_snapshot(state, &copy.place)?;
    quotas::one_more_copy(state, &copy.place)?;
    let identifier = copy.identifier.clone();
    let serial = state.add_snapshot(copy);
    tokio::spawn(carry_out(Arc::clone(rds), serial, source, identifier));
    Ok(serial)
}

fn copy_of(rds: &Rds, source: &Snapshot, new: NewCopy) -> Result<Snapshot, Refusal> {
    let NewCopy { place, identifier, kms_key_id, option_group, copies_tags, tags } = new;
    let own = source.place.account_id == place.account_id;
    // The tags of another account's snapshot are not visible, so there are none to copy. Nothing is merged.
    // Source: github.com/getmoto/moto#8320, seen on AWS.
    let inherited = || if copies_tags && own { source.tags.clone() } else { Tags::default() };
    let mut settings = source.database.settings.clone();
    settings.remove("OptionGroupName");
    settings.apply(option_group.map(|name| ("OptionGroupName", name)).into_iter().collect());
    Ok(Snapshot {
        identifier,
        automated: false,
        database: Database {
            aws_owned_key: source.database.aws_owned_key && kms_key_id.is_none(),
            kms_key_id,
            settings,
            ..source.database.clone()
        },
        status: match source.place == place {
            true => SnapshotStatus::Creating,
            false => SnapshotStatus::Copying,
        },
        place,
        progress: rds.clock.measure(clock::COPY),
        created_at: Some(Timestamp::now()),
        source: Some(Arn {
            place: source.place.clone(),
            kind: "snapshot".to_owned(),
            name: source.identifier.clone(),
        }),
        tags: tags.unwrap_or_else(inherited),
        instance_tags: if own { source.instance_tags.clone() } else { Tags::default() },
        shared_with: BTreeSet::new(),
        // A snapshot's data never changes, so copies share it. It is removed with the last of them.
        directory: Arc::clone(&source.directory),
        ..source.clone()
    })
}

/// Ends the copy after the time that RDS needs, as the planned misbehaviour wants it.
async fn carry_out(rds: Arc<Rds>, serial: u64, source: Snapshot, identifier: String) {
    if let Some(seconds) = rds.misbehaviours().copy_is_queued(&identifier) {
        set_progress(&rds, serial, Progress::At(0));
        rds.clock.pass(Duration::from_secs(seconds.into())).await;
        set_progress(&rds, serial, rds.clock.measure(clock::COPY));
    }
    if let Some(percent) = rds.misbehaviours().copy_fails(&identifier) {
        rds.clock.pass(clock::COPY.mul_f64(f64::from(percent) / 100.0)).await;
        return end(&rds, serial, SnapshotStatus::Failed, percent);
    }
    rds.clock.pass(clock::COPY).await;
    let place = rds.state().snapshots.get(&serial).map(|it| it.place.clone());
    let is_gone = place.is_some_and(|place| rds.state().source_snapshot(&place, &source.arn()).is_err());
    if is_gone && rds.misbehaviours().copy_needs_its_source(&identifier) {
        return end(&rds, serial, SnapshotStatus::Failed, 99);
    }
    end(&rds, serial, SnapshotStatus::Available, 100);
}

fn set_progress(rds: &Rds, serial: u64, progress: Progress) {
    if let Some(snapshot) = rds.state().snapshots.get_mut(&serial) {
        snapshot.progress = progress;
    }
}
