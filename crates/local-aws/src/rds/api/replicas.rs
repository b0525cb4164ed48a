//! CreateDBInstanceReadReplica and PromoteReadReplica, and how a replica and its source look on the wire.

use std::sync::Arc;

use super::{
    access::keys::{self, Need},
    instances,
    protocol::{answer::Outcome, request::Request, xml::Element},
    settings,
};
use crate::{
    kms::keys::Keys,
    rds::{
        model::{
            arn::Arn, catalogue, database::Database, engine::Engine, identifiers, instances::Instance,
            refusal::Refusal, settings::Settings, state::State, windows,
        },
        operations::{
            bring_up::{NewInstance, Origin, resource_id},
            rds::Rds,
            replicas,
        },
    },
};

/// The source has these, and the replica takes them from it.
/// Source: botocore's model, CreateDBInstanceReadReplicaMessage, beside CreateDBInstanceMessage.
const OF_THE_SOURCE: [&str; 12] = [
    "Engine",
    "EngineVersion",
    "DBName",
    "MasterUsername",
    "MasterUserPassword",
    "ManageMasterUserPassword",
    "StorageEncrypted",
    "BackupRetentionPeriod",
    "PreferredBackupWindow",
    "PreferredMaintenanceWindow",
    "LicenseModel",
    "ApplyImmediately",
];

/// CreateDBInstanceReadReplica.
pub async fn create(rds: &Arc<Rds>, keys: &Keys, request: &Request<'_>) -> Outcome {
    let Request { place, parameters, .. } = *request;
    let identifier = parameters.instance("DBInstanceIdentifier")?;
    let given_source = parameters.required("SourceDBInstanceIdentifier")?;
    identifiers::name_or_arn("SourceDBInstanceIdentifier", given_source, "db")?;
    if let Some(name) = OF_THE_SOURCE.iter().find(|name| parameters.get(name).is_some()) {
        let message = format!("{name} cannot be given to a read replica.");
        return Err(Refusal::InvalidParameterCombination(message));
    }
    // An ARN may lead to another Region, not to another account.
    let there = Arn::parse(given_source).ok().filter(|it| it.place.account_id == place.account_id);
    let there = there.map_or_else(|| place.clone(), |it| it.place);
    let source = {
        let mut state = rds.state();
        let source = state.instance(&there, given_source)?.database.resource_id.clone();
        may_follow(rds, &state, &source)?
    };
    let crosses = there != *place;
    if parameters.get("DBParameterGroupName").is_some() && (!crosses || source.engine == Engine::Postgres) {
        let message = "A parameter group can't be specified for a read replica of this DB engine.";
        return Err(Refusal::InvalidParameterCombination(message.to_owned()));
    }
    let kms_key_id = key(keys, request, &source, crosses).await?;
    let (given, lists) = (settings::given(parameters)?, settings::lists(parameters));
    catalogue::check_logs(&lists, source.engine)?;
    let mut settings = Settings::restored(given.clone(), lists, &source.settings);
    // Source: RDS API, CreateDBInstanceReadReplica: "creates read replicas with backups disabled".
    settings.apply([("BackupRetentionPeriod", "0".to_owned())].into());
    let mut subnet_group = parameters.name("DBSubnetGroupName");
    let mut state = rds.state();
    may_follow(rds, &state, &source.resource_id)?;
    match state.instances.get(&source.resource_id) {
        Some(it) if !crosses => {
            // Source: RDS API, CreateDBInstanceReadReplica, `DBParameterGroupName`.
            settings.apply([("DBParameterGroupName", it.parameter_group())].into());
            subnet_group = subnet_group.or_else(|| it.subnet_group.clone());
        }
        // Groups are of one Region.
        _ => settings.remove("OptionGroupName"),
    }
    let followed = source.resource_id.clone();
    let database = Database { resource_id: resource_id()?, created_at: None, kms_key_id, settings, ..source };
    let tags = parameters.tags()?.unwrap_or_default();
    let origin = Origin::Source(replicas::replica_of(rds, &state, &followed, &database.resource_id)?);
    let new = NewInstance { identifier, database, given, subnet_group, tags, origin };
    let resource_id = replicas::create(rds, &mut state, place, &followed, new)?;
    Ok(instances::shown(&state, &resource_id))
}

/// The source, if a replica may be made of it now.
fn may_follow(rds: &Rds, state: &State, resource_id: &str) -> Result<Database, Refusal> {
    let source = state.instances.get(resource_id);
    let source = source.ok_or_else(|| Refusal::DbInstanceNotFound(resource_id.to_owned()))?;
    state.may_be_source(source)?;
    rds.must_be_available(source)?;
    Ok(source.database.clone())
}

/// The key of the replica's storage: the source's in its Region, one of the replica's Region elsewhere.
/// Source: RDS API, CreateDBInstanceReadReplica, `KmsKeyId`; the first text is AWS's (hashicorp/terraform#11538).
async fn key(
    keys: &Keys,
    request: &Request<'_>,
    source: &Database,
    crosses: bool,
) -> Result<Option<String>, Refusal> {
    let refused = |message: &str| Err(Refusal::InvalidParameterCombination(message.to_owned()));
    match (request.parameters.get("KmsKeyId"), source.is_encrypted()) {
        (None, true) if crosses => {
            refused("Cannot create a cross region unencrypted read replica from encrypted source.")
        }
        (Some(_), false) => {
            refused("You can't create an encrypted Read Replica from an unencrypted DB instance.")
        }
        (Some(_), true) if !crosses => {
            refused("KmsKeyId can't be specified for a read replica in the Region of its source.")
        }
        (Some(given), true) => keys::usable(keys, request, given, Need::NewStorage).await.map(Some),
        (None, _) => Ok(source.kms_key_id.clone()),
    }
}

/// PromoteReadReplica.
pub fn promote(rds: &Arc<Rds>, request: &Request<'_>) -> Outcome {
    let Request { place, parameters, .. } = *request;
    let given = parameters.instance("DBInstanceIdentifier")?;
    // Source: RDS API, PromoteReadReplica, `BackupRetentionPeriod`: "Default: 1".
    let mut backups = settings::given(parameters)?;
    backups.retain(|name, _| ["BackupRetentionPeriod", "PreferredBackupWindow"].contains(name));
    backups.entry("BackupRetentionPeriod").or_insert_with(|| "1".to_owned());
    let mut state = rds.state();
    let database = state.instance(place, &given)?.database.clone();
    catalogue::check(&backups, &database)?;
    backups.extend(windows::settle(&backups, &database.settings, false)?);
    let resource_id = replicas::promote(rds, &mut state, place, &given, backups)?;
    Ok(instances::shown(&state, &resource_id))
}

/// What a DB instance shows of replication: its source, its replicas, and how its replication is.
pub fn shown(state: &State, instance: &Instance, element: Element) -> Element {
    let replicas = state.replicas_of(&instance.database.resource_id);
    let replicas = replicas
        .map(|it| Element::of_text("ReadReplicaDBInstanceIdentifier", state.named_from(instance, it)));
    let info = instance.replica.as_ref().filter(|_| instance.server.is_some()).map(|replica| {
        let status = replica.status();
        Element::new("DBInstanceStatusInfo")
            .text("StatusType", "read replication")
            .text("Normal", status == "replicating")
            .text("Status", status)
    });
    element
        .maybe("ReadReplicaSourceDBInstanceIdentifier", state.source_of(instance))
        .list("ReadReplicaDBInstanceIdentifiers", replicas)
        .list("StatusInfos", info)
}
