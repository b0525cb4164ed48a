//! CreateDBSnapshot, DescribeDBSnapshots and DeleteDBSnapshot, and how a DB snapshot looks on the wire.

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    protocol::{answer::Outcome, pages, parameters::Parameters, request::Request, xml::Element},
    tags,
};
use crate::{
    place::Place,
    rds::{
        model::{
            catalogue::major, database::Database, groups, identifiers, refusal::Refusal, snapshots::Snapshot,
            state::State,
        },
        operations::{
            rds::Rds,
            snapshots::{self, NewSnapshot},
        },
    },
};

/// CreateDBSnapshot.
pub fn create(rds: &Arc<Rds>, request: &Request<'_>) -> Outcome {
    let Request { place, parameters, .. } = *request;
    let given = parameters.required("DBInstanceIdentifier")?;
    let new = named(parameters, "DBSnapshotIdentifier")?;
    let mut state = rds.state();
    let serial = snapshots::create(rds, &mut state, place, given, new)?;
    Ok(shown(&state, serial, place))
}

/// The DB snapshot to make that this parameter names.
fn named(parameters: &Parameters, name: &str) -> Result<NewSnapshot, Refusal> {
    let identifier = identifiers::snapshot(name, parameters.required(name)?)?;
    Ok(NewSnapshot { identifier, tags: parameters.tags()?.unwrap_or_default() })
}

/// The DB snapshot to make that this parameter names, if it is given.
pub fn wanted(parameters: &Parameters, name: &str) -> Result<Option<NewSnapshot>, Refusal> {
    parameters.get(name).map(|_| named(parameters, name)).transpose()
}

/// DeleteDBSnapshot.
pub fn delete(rds: &Arc<Rds>, request: &Request<'_>) -> Outcome {
    let given = request.parameters.required("DBSnapshotIdentifier")?;
    let deleted = snapshots::delete(&mut rds.state(), request.place, given)?;
    Ok(vec![to_element(&deleted, request.place)])
}

/// The DB snapshot with this serial number, as the result of an operation.
pub fn shown(state: &State, serial: u64, viewer: &Place) -> Vec<Element> {
    state.snapshots.get(&serial).map(|it| to_element(it, viewer)).into_iter().collect()
}

/// DescribeDBSnapshots.
pub fn describe(rds: &Arc<Rds>, request: &Request<'_>) -> Outcome {
    let Request { place, parameters, .. } = *request;
    let kind = parameters.get("SnapshotType");
    let shared = parameters.flag("IncludeShared")?;
    let public = parameters.flag("IncludePublic")?;
    let of_type = |it: &Snapshot| {
        let own = it.place.account_id == place.account_id;
        let to_us = !own && it.is_shared_with(&place.account_id);
        match kind {
            None => Ok(own || (shared && to_us) || (public && it.is_public())),
            Some("manual") => Ok(own && !it.automated),
            Some("automated") => Ok(own && it.automated),
            Some("shared") => Ok(to_us),
            Some("public") => Ok(it.is_public()),
            Some("awsbackup") => Ok(false),
            Some(other) => {
                Err(Refusal::InvalidParameterValue(format!("Unrecognized snapshot type: {other}")))
            }
        }
    };
    let identifier = parameters.get("DBSnapshotIdentifier").filter(|it| !it.is_empty());
    // "If this identifier is for an automated snapshot, the SnapshotType parameter must also be specified."
    let hidden = |it: &Snapshot| it.automated && identifier.is_some() && kind.is_none();
    let filters = parameters.filters()?;
    let state = rds.state();
    let mut all = Vec::new();
    for snapshot in state.snapshots.values().filter(|it| it.place.region == place.region) {
        let instance = parameters.get("DBInstanceIdentifier");
        let wanted = of_type(snapshot)?
            && !hidden(snapshot)
            && identifier.is_none_or(|given| is_called(snapshot, place, given))
            && instance.is_none_or(|given| is_of_instance(snapshot, given))
            && parameters.get("DbiResourceId").is_none_or(|given| snapshot.database.resource_id == given)
            && passes(snapshot, place, &filters)?;
        if wanted {
            all.push((snapshot.arn(), to_element(snapshot, place)));
        }
    }
    if let (Some(identifier), true) = (identifier, all.is_empty()) {
        return Err(Refusal::DbSnapshotNotFound(identifier.to_owned()));
    }
    pages::listed("DBSnapshots", all, parameters)
}

/// Others' snapshots go by their ARN only.
fn is_called(snapshot: &Snapshot, place: &Place, given: &str) -> bool {
    let own = snapshot.place.account_id == place.account_id;
    (own && given.eq_ignore_ascii_case(&snapshot.identifier)) || given.eq_ignore_ascii_case(&snapshot.arn())
}

fn is_of_instance(snapshot: &Snapshot, given: &str) -> bool {
    let name = given.rsplit(':').next().unwrap_or(given);
    name.eq_ignore_ascii_case(&snapshot.instance_identifier)
}

fn passes(snapshot: &Snapshot, place: &Place, filters: &[(String, Vec<String>)]) -> Result<bool, Refusal> {
    for (name, values) in filters {
        let passes = match name.as_str() {
            "db-instance-id" => values.iter().any(|it| is_of_instance(snapshot, it)),
            "db-snapshot-id" => values.iter().any(|it| is_called(snapshot, place, it)),
            "dbi-resource-id" => values.contains(&snapshot.database.resource_id),
            "snapshot-type" => values.iter().any(|it| it == shown_type(snapshot, place)),
            "engine" => values.iter().any(|it| it == snapshot.database.engine),
            _ => return Err(Refusal::InvalidParameterValue(format!("Unrecognized filter name: {name}"))),
        };
        if !passes {
            return Ok(false);
        }
    }
    Ok(true)
}

/// `manual` for the owner; others see why they see it.
fn shown_type(snapshot: &Snapshot, viewer: &Place) -> &'static str {
    match snapshot.place.account_id == viewer.account_id {
        true if snapshot.automated => "automated",
        true => "manual",
        false if snapshot.is_shared_with(&viewer.account_id) => "shared",
        false => "public",
    }
}

/// A DB snapshot in an answer to `viewer`. Others see its ARN as its identifier, and not its tags.
pub fn to_element(snapshot: &Snapshot, viewer: &Place) -> Element {
    let Snapshot { place, database, .. } = snapshot;
    let settings = &database.settings;
    let own = place.account_id == viewer.account_id;
    let major = major(&database.engine_version);
    let source = snapshot.source.as_ref().filter(|source| source.place != *place);
    let foreign = snapshot.arn();
    let option_group = settings.get("OptionGroupName").map(str::to_owned);
    Element::new("DBSnapshot")
        .text("DBSnapshotIdentifier", if own { &snapshot.identifier } else { &foreign })
        .text("DBInstanceIdentifier", &snapshot.instance_identifier)
        .maybe("SnapshotCreateTime", snapshot.created_at.map(timestamp))
        .maybe("OriginalSnapshotCreateTime", snapshot.originally_created_at.map(timestamp))
        .maybe("SnapshotDatabaseTime", snapshot.originally_created_at.map(timestamp))
        .text("Engine", database.engine)
        .text("EngineVersion", &database.engine_version)
        .maybe("AllocatedStorage", settings.get("AllocatedStorage"))
        .text("Status", snapshot.status.as_str())
        .maybe("Port", snapshot.port)
        .text("AvailabilityZone", format!("{}a", place.region))
        .text("VpcId", place.invented("vpc"))
        .maybe("InstanceCreateTime", database.created_at.map(timestamp))
        .text("MasterUsername", &database.master_username)
        .maybe("LicenseModel", settings.get("LicenseModel"))
        .text("SnapshotType", shown_type(snapshot, viewer))
        .maybe("Iops", settings.get("Iops"))
        .maybe("StorageThroughput", settings.get("StorageThroughput"))
        .text("OptionGroupName", option_group.unwrap_or_else(|| groups::default_option_group(major)))
        .text("PercentProgress", snapshot.progress.percent())
        .maybe("SourceRegion", source.map(|source| &source.place.region))
        .maybe("SourceDBSnapshotIdentifier", source.map(|source| source.place.arn("snapshot", &source.name)))
        .maybe("StorageType", settings.get("StorageType"))
        .text("Encrypted", database.is_encrypted())
        .text("StorageEncryptionType", encryption_type(database))
        .maybe("KmsKeyId", database.kms_key_id.as_deref())
        .text("DBSnapshotArn", snapshot.arn())
        .text("IAMDatabaseAuthenticationEnabled", settings.is_on("EnableIAMDatabaseAuthentication"))
        .list("ProcessorFeatures", [])
        .text("DbiResourceId", &database.resource_id)
        .list("TagList", tags::elements(&snapshot.tags).filter(|_| own))
        .text("SnapshotTarget", "region")
        .text("DedicatedLogVolume", settings.is_on("DedicatedLogVolume"))
}

/// `sse-kms` for a key that its owner can see, `sse-rds` for a key that only AWS sees.
pub fn encryption_type(database: &Database) -> &'static str {
    match (&database.kms_key_id, database.aws_owned_key) {
        (Some(_), _) => "sse-kms",
        (None, true) => "sse-rds",
        (None, false) => "none",
    }
}

/// A time as RDS writes it: milliseconds and `Z`.
pub fn timestamp(at: Timestamp) -> String {
    format!("{at:.3}")
}
