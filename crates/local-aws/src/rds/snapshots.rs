//! CreateDBSnapshot, DescribeDBSnapshots and DeleteDBSnapshot, and how a DB snapshot looks on the wire.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;

use super::{
    Outcome, Rds, bring_up, clock,
    clock::Progress,
    fault::Fault,
    groups, identifiers, instances, pages,
    parameters::Parameters,
    place::{Place, partition},
    quotas,
    state::{Database, Instance, InstanceStatus, Snapshot, SnapshotStatus, State},
    tags::Tags,
    xml::Element,
};
use crate::{directory::Directory, random_hex};

/// CreateDBSnapshot.
pub fn create(rds: &Arc<Rds>, place: &Place, parameters: &Parameters) -> Outcome {
    let given = parameters.required("DBInstanceIdentifier")?;
    let mut state = rds.state();
    let instance = state.instance(place, given)?;
    let resource_id = instance.database.resource_id.clone();
    let available = instances::must_be_available(rds, instance);
    // A name that is taken is told first: whoever repeats a call must learn that it was heard.
    let serial = match available {
        Ok(()) => insert(rds, &mut state, place, &resource_id, parameters, "DBSnapshotIdentifier")?,
        Err(fault) => {
            free_identifier(&mut state, place, parameters, "DBSnapshotIdentifier")?;
            return Err(fault);
        }
    };
    state.instance(place, given)?.status = InstanceStatus::BackingUp;
    let element = to_element(&state.snapshots[&serial], place);

    let rds = Arc::clone(rds);
    tokio::spawn(async move {
        take(&rds, serial).await;
        if let Some(instance) = rds.state().instances.get_mut(&resource_id) {
            instance.status = InstanceStatus::Available;
        }
    });
    Ok(vec![element])
}

fn free_identifier(
    state: &mut State,
    place: &Place,
    parameters: &Parameters,
    name: &str,
) -> Result<String, Fault> {
    let identifier = identifiers::new_snapshot(parameters, name)?;
    match state.own_snapshot(place, &identifier) {
        Ok(_) => Err(Fault::DbSnapshotAlreadyExists(identifier)),
        Err(_) => Ok(identifier),
    }
}

/// Checks and adds a snapshot that still has no data; its identifier is in the parameter `name`.
pub fn insert(
    rds: &Rds,
    state: &mut State,
    place: &Place,
    resource_id: &str,
    parameters: &Parameters,
    name: &str,
) -> Result<u64, Fault> {
    let identifier = free_identifier(state, place, parameters, name)?;
    quotas::one_more_snapshot(state, place)?;
    let Some(instance) = state.instances.get(resource_id) else {
        return Err(Fault::DbInstanceNotFound(resource_id.to_owned()));
    };
    let inherited = match instance.database.settings.is_on("CopyTagsToSnapshot") {
        true => instance.tags.clone(),
        false => Tags::default(),
    };
    let mut snapshot = of_instance(rds, instance, identifier)?;
    snapshot.tags = inherited.with(parameters.tags()?.unwrap_or_default())?;
    Ok(state.add_snapshot(snapshot))
}

/// A snapshot of the DB instance that still has no data.
pub fn of_instance(rds: &Rds, instance: &Instance, identifier: String) -> Result<Snapshot, Fault> {
    Ok(Snapshot {
        automated: false,
        place: instance.place.clone(),
        identifier,
        instance_identifier: instance.identifier.clone(),
        database: instance.database.clone(),
        port: instance.port,
        status: SnapshotStatus::Creating,
        progress: rds.clock.measure(clock::SNAPSHOT),
        created_at: None,
        originally_created_at: None,
        source: None,
        tags: Tags::default(),
        instance_tags: instance.tags.clone(),
        shared_with: BTreeSet::new(),
        directory: new_directory(rds)?,
    })
}

/// A folder's name for a snapshot's data.
pub fn new_directory(rds: &Rds) -> Result<Arc<Directory>, Fault> {
    let random = random_hex(13).map_err(|error| Fault::InternalFailure(error.to_string()))?;
    Ok(Arc::new(Directory::own(rds.postgres.data(&format!("snapshot-{random}")))))
}

/// Takes the data of the snapshot, which lasts at least as long as RDS needs.
pub async fn take(rds: &Rds, serial: u64) {
    let Some(snapshot) = rds.state().snapshots.get(&serial).cloned() else { return };
    let takes = if snapshot.automated { clock::AUTOMATED_BACKUP } else { clock::SNAPSHOT };
    let fails =
        (!snapshot.automated).then(|| rds.misbehaviours.snapshot_fails(&snapshot.instance_identifier));
    if let Some(percent) = fails.flatten() {
        rds.clock.pass(clock::SNAPSHOT.mul_f64(f64::from(percent) / 100.0)).await;
        return end(rds, serial, SnapshotStatus::Failed, percent);
    }
    let backed_up = async {
        let port = snapshot.port.ok_or_else(|| anyhow::anyhow!("there is no server"))?;
        rds.postgres.back_up(port, snapshot.directory.path()).await?;
        if let Some(snapshot) = rds.state().snapshots.get_mut(&serial) {
            let now = Timestamp::now();
            (snapshot.created_at, snapshot.originally_created_at) = (Some(now), Some(now));
        }
        anyhow::Ok(())
    };
    let (backed_up, ()) = tokio::join!(backed_up, rds.clock.pass(takes));
    match backed_up {
        Ok(()) => end(rds, serial, SnapshotStatus::Available, 100),
        Err(error) => {
            tracing::error!("{} failed: {error:#}", snapshot.arn());
            end(rds, serial, SnapshotStatus::Failed, 0);
        }
    }
}

/// Gives a snapshot its last status, unless it was deleted meanwhile.
pub fn end(rds: &Rds, serial: u64, status: SnapshotStatus, percent: u8) {
    if let Some(snapshot) = rds.state().snapshots.get_mut(&serial) {
        snapshot.status = status;
        snapshot.progress = Progress::At(percent);
    }
}

/// DescribeDBSnapshots.
pub fn describe(rds: &Arc<Rds>, place: &Place, parameters: &Parameters) -> Outcome {
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
            Some(other) => Err(Fault::InvalidParameterValue(format!("Unrecognized snapshot type: {other}"))),
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
        return Err(Fault::DbSnapshotNotFound(identifier.to_owned()));
    }
    let (snapshots, marker) = pages::page(all, parameters)?;
    let list = snapshots.fold(Element::new("DBSnapshots"), Element::child);
    Ok(marker.map(|marker| Element::of_text("Marker", marker)).into_iter().chain([list]).collect())
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

fn passes(snapshot: &Snapshot, place: &Place, filters: &[(String, Vec<String>)]) -> Result<bool, Fault> {
    for (name, values) in filters {
        let passes = match name.as_str() {
            "db-instance-id" => values.iter().any(|it| is_of_instance(snapshot, it)),
            "db-snapshot-id" => values.iter().any(|it| is_called(snapshot, place, it)),
            "dbi-resource-id" => values.contains(&snapshot.database.resource_id),
            "snapshot-type" => values.iter().any(|it| it == shown_type(snapshot, place)),
            "engine" => values.iter().any(|it| it == snapshot.database.engine),
            _ => return Err(Fault::InvalidParameterValue(format!("Unrecognized filter name: {name}"))),
        };
        if !passes {
            return Ok(false);
        }
    }
    Ok(true)
}

/// DeleteDBSnapshot. A copy under way ends with its target; a snapshot under way cannot be deleted.
pub fn delete(rds: &Arc<Rds>, place: &Place, parameters: &Parameters) -> Outcome {
    let given = parameters.required("DBSnapshotIdentifier")?;
    let mut state = rds.state();
    let (serial, snapshot) = state.own_snapshot(place, given)?;
    if snapshot.status == SnapshotStatus::Creating && !snapshot.is_being_copied() {
        let message = format!("Snapshot {} is not in the available state.", snapshot.identifier);
        return Err(Fault::InvalidDbSnapshotState(message));
    }
    if snapshot.automated {
        let message = "Automated snapshots cannot be deleted: they go with their DB instance.";
        return Err(Fault::InvalidDbSnapshotState(message.to_owned()));
    }
    snapshot.status = SnapshotStatus::Deleted;
    let element = to_element(snapshot, place);
    state.snapshots.remove(&serial);
    Ok(vec![element])
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
    let major = bring_up::major(&database.engine_version);
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
        .list("TagList", snapshot.tags.elements().filter(|_| own))
        .text("SnapshotTarget", "region")
        .text("DedicatedLogVolume", settings.is_on("DedicatedLogVolume"))
}

/// `sse-kms` for every key that somebody can see, `sse-rds` for one that only AWS sees.
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

/// Are both Regions of one partition, between which snapshots can be copied at all?
pub fn can_be_copied_between(source: &Place, target: &Place) -> bool {
    let same_partition = partition(&source.region) == partition(&target.region);
    same_partition && (source.region == target.region || partition(&source.region) != "aws-cn")
}
