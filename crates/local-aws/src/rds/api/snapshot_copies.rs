//! CopyDBSnapshot, called in the target's account and Region.

use std::sync::Arc;

use super::{
    access::keys::{self, Need},
    protocol::{answer::Outcome, request::Request},
    snapshots::shown,
};
use crate::{
    kms::keys::Keys,
    rds::{
        model::{groups, identifiers, refusal::Refusal, settings::Changes, snapshots::Snapshot},
        operations::{
            rds::Rds,
            snapshot_copies::{NewCopy, begin, source},
        },
    },
};

/// CopyDBSnapshot.
pub async fn copy(rds: &Arc<Rds>, keys: &Keys, request: &Request<'_>) -> Outcome {
    let Request { place, parameters, .. } = *request;
    let given = parameters.required("SourceDBSnapshotIdentifier")?;
    identifiers::name_or_arn("SourceDBSnapshotIdentifier", given, "snapshot")?;
    let identifier = parameters.snapshot("TargetDBSnapshotIdentifier")?;
    let copies_tags = parameters.flag("CopyTags")?;
    let tags = parameters.tags()?;
    let source = source(&mut rds.state(), place, given, &identifier)?;
    let option_group = option_group(rds, request, &source)?;
    let kms_key_id = key(keys, request, &source).await?;
    let new = NewCopy { place: place.clone(), identifier, kms_key_id, option_group, copies_tags, tags };
    let mut state = rds.state();
    let serial = begin(rds, &mut state, source, new)?;
    Ok(shown(&state, serial, place))
}

/// The copy's option group: a named one must exist here, that of the source comes along within an account and Region
/// only, or by CopyOptionGroup, which is for copies across accounts.
/// Source: RDS API, CopyDBSnapshot, `OptionGroupName` and `CopyOptionGroup`; the wire codes are not documented.
fn option_group(rds: &Rds, request: &Request<'_>, source: &Snapshot) -> Result<Option<String>, Refusal> {
    let Request { place, parameters, .. } = *request;
    let copied = parameters.flag("CopyOptionGroup")?;
    if copied && source.place.account_id == place.account_id {
        let message = "CopyOptionGroup can only be used for copies between accounts.";
        return Err(Refusal::InvalidParameterCombination(message.to_owned()));
    }
    if let Some(name) = parameters.name("OptionGroupName") {
        let given = Changes::from([("OptionGroupName", name.clone())]);
        groups::check(&rds.state().groups, place, &given, &source.database)?;
        return Ok(Some(name));
    }
    let comes_along = copied || source.place == *place;
    Ok(source.database.settings.get("OptionGroupName").filter(|_| comes_along).map(str::to_owned))
}

/// The copy's key. An encrypted snapshot never becomes an unencrypted one; an unencrypted one may become encrypted.
/// Source: RDS API, CopyDBSnapshot, `KmsKeyId`.
async fn key(keys: &Keys, request: &Request<'_>, source: &Snapshot) -> Result<Option<String>, Refusal> {
    let given = request.parameters.get("KmsKeyId");
    let usable = |key, need| keys::usable(keys, request, key, need);
    if let (Some(source_key), None) = (&source.database.kms_key_id, given) {
        if source.place.account_id != request.place.account_id {
            return Err(keys::not_accessible(Need::CopyTo, "None"));
        }
        if source.place.region != request.place.region {
            let message = "Must specify new KMS key for cross region encrypted snapshot copy.";
            return Err(Refusal::InvalidParameterValue(message.to_owned()));
        }
        usable(source_key, Need::CopyFrom).await?;
        return usable(source_key, Need::CopyTo).await.map(Some);
    }
    if let Some(source_key) = &source.database.kms_key_id {
        usable(source_key, Need::CopyFrom).await?;
    }
    match given {
        Some(given) => usable(given, Need::CopyTo).await.map(Some),
        None => Ok(None),
    }
}
