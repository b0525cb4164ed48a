//! CopyDBSnapshot: within an account, from another account, from another Region, under the same or another key.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;

use super::{
    Outcome, Rds, clock,
    fault::Fault,
    identifiers,
    parameters::Parameters,
    place::{Arn, Place},
    quotas, snapshots,
    snapshots::can_be_copied_between,
    state::{Database, Snapshot, SnapshotStatus},
    tags::Tags,
};

/// CopyDBSnapshot, called in the target's account and Region.
pub async fn copy(rds: &Arc<Rds>, place: &Place, parameters: &Parameters) -> Outcome {
    let given = parameters.required("SourceDBSnapshotIdentifier")?;
    let identifier = identifiers::new_snapshot(parameters, "TargetDBSnapshotIdentifier")?;
    let copy_tags = parameters.flag("CopyTags")?;
    let tags = parameters.tags()?.unwrap_or_default();
    if rds.state().own_snapshot(place, &identifier).is_ok() {
        return Err(Fault::DbSnapshotAlreadyExists(identifier));
    }
    let source = rds.state().source_snapshot(place, given)?.clone();
    if !can_be_copied_between(&source.place, place) {
        let message = format!("{given} cannot be copied to {}.", place.region);
        return Err(Fault::InvalidParameterValue(message));
    }
    must_be_available(&source)?;
    let kms_key_id = key(rds, place, parameters.get("KmsKeyId"), &source).await?;

    let own = source.place.account_id == place.account_id;
    // Across accounts the source's tags are not visible, so there is nothing to copy.
    let inherited = if copy_tags && own { source.tags.clone() } else { Tags::default() };
    let now = Timestamp::now();
    let copy = Snapshot {
        place: place.clone(),
        identifier: identifier.clone(),
        database: Database { kms_key_id, ..source.database.clone() },
        status: match source.place == *place {
            true => SnapshotStatus::Creating,
            false => SnapshotStatus::Copying,
        },
        progress: rds.clock.measure(clock::COPY),
        created_at: Some(now),
        source: Some(Arn {
            place: source.place.clone(),
            kind: "snapshot".to_owned(),
            name: source.identifier.clone(),
        }),
        tags: inherited.with(tags)?,
        instance_tags: if own { source.instance_tags.clone() } else { Tags::default() },
        shared_with: BTreeSet::new(),
        directory: snapshots::new_directory(rds)?,
        ..source.clone()
    };

    let mut state = rds.state();
    // Again: another copy may have taken the name, or the quota, while KMS was asked.
    if state.own_snapshot(place, &identifier).is_ok() {
        return Err(Fault::DbSnapshotAlreadyExists(identifier));
    }
    quotas::one_more_snapshot(&state, place)?;
    quotas::one_more_copy(&state, place)?;
    let element = snapshots::to_element(&copy, place);
    let target = Arc::clone(&copy.directory);
    let serial = state.add_snapshot(copy);

    let rds = Arc::clone(rds);
    tokio::spawn(async move {
        let copied = rds.postgres.copy(source.directory.path(), target.path());
        let (copied, ()) = tokio::join!(copied, rds.clock.pass(clock::COPY));
        match copied {
            Ok(()) => snapshots::end(&rds, serial, SnapshotStatus::Available, 100),
            Err(error) => {
                tracing::error!("copy of {} failed: {error:#}", source.arn());
                snapshots::end(&rds, serial, SnapshotStatus::Failed, 0);
            }
        }
    });
    Ok(vec![element])
}

fn must_be_available(source: &Snapshot) -> Result<(), Fault> {
    if source.status == SnapshotStatus::Available {
        return Ok(());
    }
    let message = format!("Source snapshot {} is not in the available state.", source.identifier);
    Err(Fault::InvalidDbSnapshotState(message))
}

/// The copy's key. An encrypted snapshot never becomes an unencrypted one; an unencrypted one may become encrypted.
/// Source: RDS API, CopyDBSnapshot, `KmsKeyId`.
async fn key(
    rds: &Rds,
    place: &Place,
    given: Option<&str>,
    source: &Snapshot,
) -> Result<Option<String>, Fault> {
    if let (Some(source_key), None) = (&source.database.kms_key_id, given) {
        if source.place.account_id != place.account_id {
            let message = "The target KMS key [None] does not exist, is not enabled or you do not have permissions \
                           to access it.";
            return Err(Fault::KmsKeyNotAccessible(message.to_owned()));
        }
        if source.place.region != place.region {
            let message = "Must specify new KMS key for cross region encrypted snapshot copy.";
            return Err(Fault::InvalidParameterValue(message.to_owned()));
        }
        rds.kms.check_source_key(source_key).await?;
        return Ok(Some(source_key.clone()));
    }
    if let Some(source_key) = &source.database.kms_key_id {
        rds.kms.check_source_key(source_key).await?;
    }
    match given {
        Some(given) => rds.kms.target_key(place, given, "target").await.map(Some),
        None => Ok(None),
    }
}
