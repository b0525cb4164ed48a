//! CreateDBInstance and RestoreDBInstanceFromDBSnapshot.

use std::sync::Arc;

use super::{
    access::keys::{self, Need},
    instances,
    protocol::{answer::Outcome, request::Request},
    settings,
};
use crate::{
    kms::keys::Keys,
    rds::{
        model::{
            catalogue, database::Database, engine::Engine, identifiers, refusal::Refusal, settings::Settings,
            snapshots::Snapshot, storage,
        },
        operations::{
            bring_up::{NewInstance, Origin, begin, resource_id},
            rds::Rds,
        },
    },
};

/// This tag with the value `sse-rds` asks for an AWS owned key. RDS's API has no parameter for it. The tag is not kept.
const AWS_OWNED_KEY: &str = "local-aws:storage-encryption-type";

/// RestoreDBInstanceFromDBSnapshot has no such parameters: ModifyDBInstance gives them to a DB instance. The real
/// SDKs cannot send them; a client that does expects an effect that RDS does not have.
/// Source: botocore's model, RestoreDBInstanceFromDBSnapshotMessage, beside ModifyDBInstanceMessage.
const NOT_FOR_A_RESTORE: [&str; 17] = [
    "MasterUsername",
    "MasterUserPassword",
    "KmsKeyId",
    "StorageEncrypted",
    "EngineVersion",
    "MaxAllocatedStorage",
    "MonitoringInterval",
    "MonitoringRoleArn",
    "DatabaseInsightsMode",
    "EnablePerformanceInsights",
    "PerformanceInsightsKMSKeyId",
    "PerformanceInsightsRetentionPeriod",
    "PreferredMaintenanceWindow",
    "PromotionTier",
    "MultiTenant",
    "ApplyImmediately",
    "DBName",
];

/// CreateDBInstance.
pub async fn create(rds: &Arc<Rds>, keys: &Keys, request: &Request<'_>) -> Outcome {
    let Request { place, parameters, .. } = *request;
    let identifier = parameters.instance("DBInstanceIdentifier")?;
    parameters.required("DBInstanceClass")?;
    let engine = Engine::named(parameters.required("Engine")?)?;
    let ours = rds.version_of(engine)?;
    if parameters.flag("ManageMasterUserPassword")? || parameters.get("DBClusterIdentifier").is_some() {
        let message = "Managed master passwords and clusters do not exist in the local AWS.";
        return Err(Refusal::InvalidParameterCombination(message.to_owned()));
    }
    let master_username = identifiers::master_username(engine, parameters.required("MasterUsername")?)?;
    let password = identifiers::master_password(engine, parameters.required("MasterUserPassword")?)?;
    let mut tags = parameters.tags()?.unwrap_or_default();
    let aws_owned_key = tags.take(AWS_OWNED_KEY).is_some_and(|it| it == "sse-rds");
    let kms_key_id = new_key(keys, request).await?;
    let (mut given, lists) = (settings::given(parameters)?, settings::lists(parameters));
    catalogue::check_logs(&lists, engine)?;
    given.entry("LicenseModel").or_insert_with(|| engine.license().to_owned());
    let database = Database {
        resource_id: resource_id()?,
        engine,
        engine_version: engine.version(ours, parameters.get("EngineVersion"))?,
        master_username,
        db_name: parameters.get("DBName").map(|name| identifiers::database_name(engine, name)).transpose()?,
        aws_owned_key: aws_owned_key && kms_key_id.is_none(),
        kms_key_id,
        created_at: None,
        settings: Settings::new(given.clone(), lists),
    };
    let subnet_group = parameters.name("DBSubnetGroupName");
    let origin = Origin::Nothing { password };
    let new = NewInstance { identifier, database, given, subnet_group, tags, origin };
    let mut state = rds.state();
    let resource_id = begin(rds, &mut state, place, new)?;
    Ok(instances::shown(&state, &resource_id))
}

/// RestoreDBInstanceFromDBSnapshot.
pub async fn restore(rds: &Arc<Rds>, keys: &Keys, request: &Request<'_>) -> Outcome {
    let Request { place, parameters, .. } = *request;
    let identifier = parameters.instance("DBInstanceIdentifier")?;
    let wanted = parameters.required("DBSnapshotIdentifier")?;
    identifiers::name_or_arn("DBSnapshotIdentifier", wanted, "snapshot")?;
    if let Some(name) = NOT_FOR_A_RESTORE.iter().find(|name| parameters.get(name).is_some()) {
        return Err(Refusal::InvalidParameterCombination(format!("{name} cannot be given to a restore.")));
    }
    let snapshot = rds.state().source_snapshot(place, wanted)?.clone();
    if snapshot.place.region != place.region {
        return Err(Refusal::DbSnapshotNotFound(wanted.to_owned()));
    }
    may_be_restored(keys, request, &snapshot).await?;
    if parameters.get("Engine").is_some_and(|engine| engine != snapshot.database.engine.name()) {
        return Err(Refusal::InvalidParameterValue(
            "The engine must be compatible with the snapshot's.".to_owned(),
        ));
    }
    let given = settings::given(parameters)?;
    let lists = settings::lists(parameters);
    catalogue::check_logs(&lists, snapshot.database.engine)?;
    let settings = Settings::restored(given.clone(), lists, &snapshot.database.settings);
    storage::may_become(snapshot.database.engine, &snapshot.database.settings, &settings)?;
    let database = Database { resource_id: resource_id()?, created_at: None, settings, ..snapshot.database };
    // Without tags in the request, RDS takes those that the source DB instance had at the time of the snapshot.
    let tags = parameters.tags()?.unwrap_or(snapshot.instance_tags);
    let subnet_group = parameters.name("DBSubnetGroupName");
    let origin = Origin::Snapshot { identifier: snapshot.identifier, directory: snapshot.directory };
    let new = NewInstance { identifier, database, given, subnet_group, tags, origin };
    let mut state = rds.state();
    let resource_id = begin(rds, &mut state, place, new)?;
    Ok(instances::shown(&state, &resource_id))
}

/// The key of a new DB instance's storage.
async fn new_key(keys: &Keys, request: &Request<'_>) -> Result<Option<String>, Refusal> {
    match (request.parameters.flag("StorageEncrypted")?, request.parameters.get("KmsKeyId")) {
        (true, given) => {
            let given = given.unwrap_or("alias/aws/rds");
            keys::usable(keys, request, given, Need::NewStorage).await.map(Some)
        }
        (false, Some(_)) => {
            let message = "KmsKeyId can only be specified together with StorageEncrypted.";
            Err(Refusal::InvalidParameterCombination(message.to_owned()))
        }
        (false, None) => Ok(None),
    }
}

async fn may_be_restored(keys: &Keys, request: &Request<'_>, snapshot: &Snapshot) -> Result<(), Refusal> {
    snapshot.must_be_available("DB snapshot")?;
    let Some(key) = &snapshot.database.kms_key_id else { return Ok(()) };
    if snapshot.place.account_id != request.place.account_id {
        let message = "You can't restore a DB instance from a DB snapshot that is both shared and encrypted. \
                       Instead, you can make a copy of the DB snapshot and restore the DB instance from the copy.";
        return Err(Refusal::InvalidParameterValue(message.to_owned()));
    }
    keys::usable(keys, request, key, Need::Restore).await?;
    Ok(())
}
