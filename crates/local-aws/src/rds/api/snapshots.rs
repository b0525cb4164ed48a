//! CreateDBSnapshot, DescribeDBSnapshots and DeleteDBSnapshot, and how a DB snapshot looks on the wire.

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    protocol::{
        answer::Outcome,
        filters::{Filter, Filters},
        pages,
        parameters::Parameters,
        request::Request,
        xml::Element,
    },
    tags,
};
use crate::{
    place::Place,
    rds::{
        model::{
            arn::Arn, database::Database, groups::GroupKind, identifiers, refusal::Refusal,
            snapshots::Snapshot, state::State, tags::Tags,
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
    let given = parameters.instance("DBInstanceIdentifier")?;
    let new = named(parameters, "DBSnapshotIdentifier")?;
    let mut state = rds.state();
    let serial = snapshots::create(rds, &mut state, place, &given, new)?;
    Ok(shown(&state, serial, place))
}

/// The DB snapshot to make that this parameter names.
fn named(parameters: &Parameters, name: &str) -> Result<NewSnapshot, Refusal> {
    let identifier = parameters.snapshot(name)?;
    Ok(NewSnapshot { identifier, tags: parameters.tags()?.unwrap_or_default() })
}

/// The DB snapshot to make that this parameter names, if it is given.
pub fn wanted(parameters: &Parameters, name: &str) -> Result<Option<NewSnapshot>, Refusal> {
    parameters.get(name).map(|_| named(parameters, name)).transpose()
}

/// DeleteDBSnapshot.
pub fn delete(rds: &Arc<Rds>, request: &Request<'_>) -> Outcome {
    let name = "DBSnapshotIdentifier";
    let given = identifiers::any_snapshot(name, request.parameters.required(name)?)?;
    let deleted = snapshots::delete(&mut rds.state(), request.place, &given)?;
    Ok(vec![to_element(&deleted, request.place)])
}

/// The DB snapshot with this serial number, as the result of an operation.
pub fn shown(state: &State, serial: u64, viewer: &Place) -> Vec<Element> {
    state.snapshots.get(&serial).map(|it| to_element(it, viewer)).into_iter().collect()
}

const FILTERS: [Filter; 5] = [
    Filter::of_names("db-instance-id", "db").and("DBInstanceIdentifier"),
    Filter::of_names("db-snapshot-id", "snapshot").and("DBSnapshotIdentifier"),
    Filter::of_words("dbi-resource-id").and("DbiResourceId"),
    Filter::of_words("snapshot-type"),
    Filter::of_words("engine"),
];
const TYPES: [&str; 5] = ["manual", "automated", "shared", "public", "awsbackup"];

/// DescribeDBSnapshots.
pub fn describe(rds: &Arc<Rds>, request: &Request<'_>) -> Outcome {
    let Request { place, parameters, .. } = *request;
    let kind = parameters.get("SnapshotType").filter(|it| !it.is_empty());
    if let Some(other) = kind.filter(|it| !TYPES.contains(it)) {
        return Err(Refusal::InvalidParameterValue(format!("Unrecognized snapshot type: {other}")));
    }
    let shared = parameters.flag("IncludeShared")?;
    let public = parameters.flag("IncludePublic")?;
    let of_type = |it: &Snapshot| {
        let own = it.place.account_id == place.account_id;
        let to_us = !own && it.is_shared_with(&place.account_id);
        match kind {
            None => own || (shared && to_us) || (public && it.is_public()),
            Some("manual") => own && !it.automated,
            Some("automated") => own && it.automated,
            Some("shared") => to_us,
            Some("public") => it.is_public(),
            Some(_) => false,
        }
    };
    let filters = Filters::of(parameters, &FILTERS)?;
    let given = |name: &str| parameters.get(name).filter(|it| !it.is_empty());
    let identifier = given("DBSnapshotIdentifier");
    // "If this identifier is for an automated snapshot, the SnapshotType parameter must also be specified."
    let hidden = |it: &Snapshot| {
        it.automated && kind.is_none() && identifier.is_some_and(|given| is_called(it, place, given))
    };
    let state = rds.state();
    let all = state.snapshots.values().filter(|it| {
        let here = it.place.region == place.region && of_type(it) && !hidden(it);
        here && filters.pass(|name, value| has(it, place, name, value))
    });
    let seen = |it: &Snapshot| match rds.misbehaviours().tags_are_late(&it.identifier) {
        true => to_element(&Snapshot { tags: Tags::default(), ..it.clone() }, place),
        false => to_element(it, place),
    };
    let all: Vec<_> = all.map(|it| (it.arn(), seen(it))).collect();
    match identifier {
        // With the identifier of a DB instance, the answer is a list, which may be empty.
        Some(identifier) if all.is_empty() && given("DBInstanceIdentifier").is_none() => {
            Err(Refusal::DbSnapshotNotFound(identifier.to_lowercase()))
        }
        _ => pages::listed("DBSnapshots", all, parameters),
    }
}

/// Others' snapshots go by their ARN only.
fn is_called(snapshot: &Snapshot, place: &Place, given: &str) -> bool {
    let own = snapshot.place.account_id == place.account_id;
    (own && given.eq_ignore_ascii_case(&snapshot.identifier)) || given.eq_ignore_ascii_case(&snapshot.arn())
}

fn is_of_instance(snapshot: &Snapshot, given: &str) -> bool {
    let name = match Arn::parse(given) {
        Ok(arn) if arn.kind == "db" && arn.place == snapshot.place => arn.name,
        Ok(_) => return false,
        Err(_) => given.to_lowercase(),
    };
    name == snapshot.instance_identifier
}

/// Does a DB snapshot have this value for a filter?
fn has(snapshot: &Snapshot, place: &Place, filter: &str, value: &str) -> bool {
    match filter {
        "db-instance-id" => is_of_instance(snapshot, value),
        "db-snapshot-id" => is_called(snapshot, place, value),
        "dbi-resource-id" => value == snapshot.database.resource_id,
        "snapshot-type" => value == shown_type(snapshot, place),
        _ => value == snapshot.database.engine.name(),
    }
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
    let source = snapshot.source.as_ref().filter(|source| source.place != *place);
    let foreign = snapshot.arn();
    let option_group = settings.get("OptionGroupName").map(str::to_owned);
    Element::new("DBSnapshot")
        .text("DBSnapshotIdentifier", if own { &snapshot.identifier } else { &foreign })
        .text("DBInstanceIdentifier", &snapshot.instance_identifier)
        .maybe("SnapshotCreateTime", snapshot.created_at.map(timestamp))
        .maybe("OriginalSnapshotCreateTime", snapshot.originally_created_at.map(timestamp))
        .maybe("SnapshotDatabaseTime", snapshot.originally_created_at.map(timestamp))
        .text("Engine", database.engine.name())
        .text("EngineVersion", &database.engine_version)
        .maybe("AllocatedStorage", settings.get("AllocatedStorage"))
        .text("Status", snapshot.status.as_str())
        .text("Port", snapshot.port)
        .text("AvailabilityZone", format!("{}a", place.region))
        .text("VpcId", place.invented("vpc"))
        .maybe("InstanceCreateTime", database.created_at.map(timestamp))
        .text("MasterUsername", &database.master_username)
        .maybe("LicenseModel", settings.get("LicenseModel"))
        .text("SnapshotType", shown_type(snapshot, viewer))
        .maybe("Iops", settings.get("Iops"))
        .maybe("StorageThroughput", settings.get("StorageThroughput"))
        .text("OptionGroupName", option_group.unwrap_or_else(|| GroupKind::Options.default_for(database)))
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
        .maybe("BackupRetentionPeriod", settings.get("BackupRetentionPeriod"))
        .maybe("PreferredBackupWindow", settings.get("PreferredBackupWindow"))
        .maybe("FullSnapshotSizeInBytes", snapshot.full_size)
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
