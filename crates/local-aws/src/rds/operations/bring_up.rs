//! New DB instances: a new server, empty or on a copy of a snapshot's data.

use std::{collections::VecDeque, sync::Arc};

use anyhow::Context;
use jiff::Timestamp;

use super::{
    automated_backups::{self, After},
    outages, parameters,
    rds::Rds,
    replica_watch, replicas,
};
use crate::{
    place::Place,
    random_hex,
    rds::model::{
        catalogue, clock,
        database::Database,
        events::Happening,
        groups,
        instances::{Instance, InstanceStatus, ParameterApplyStatus, Pending},
        monitoring, quotas,
        refusal::Refusal,
        replicas::Replica,
        settings::Changes,
        state::State,
        storage, subnet_groups,
        tags::Tags,
        windows,
    },
    servers::{
        directory::Directory,
        programs::Master,
        server::{Door, Endpoint, Server},
    },
};

/// A DB instance to bring up.
pub struct NewInstance {
    /// Its identifier, checked.
    pub identifier: String,
    /// What it holds. Its resource id is one of `resource_id`.
    pub database: Database,
    /// The settings that the request gives.
    pub given: Changes,
    /// The DB subnet group that the request names.
    pub subnet_group: Option<String>,
    /// Its tags.
    pub tags: Tags,
    /// Where its data comes from.
    pub origin: Origin,
}

/// Where a new server's data comes from.
pub enum Origin {
    /// It begins empty.
    Nothing {
        /// The master user's password.
        password: String,
    },
    /// A DB snapshot's data.
    Snapshot {
        /// The snapshot's identifier.
        identifier: String,
        /// The data.
        directory: Arc<Directory>,
    },
    /// It follows another DB instance.
    Source(Replica),
}

/// Begins to bring a DB instance up; answers its resource id.
pub fn begin(rds: &Arc<Rds>, state: &mut State, place: &Place, new: NewInstance) -> Result<String, Refusal> {
    let NewInstance { identifier, mut database, given, subnet_group, tags, origin } = new;
    if state.has_instance(place, &identifier) {
        return Err(Refusal::DbInstanceAlreadyExists);
    }
    catalogue::check(&given, &database)?;
    monitoring::check(&given, &database.settings)?;
    let windows = windows::settle(&given, &database.settings, true)?;
    database.settings.apply(windows);
    storage::check(database.engine, &given, &database.settings)?;
    storage::ceiling(&given, &database.settings, false)?;
    storage::settle(&mut database.settings);
    groups::check(&state.groups, place, &given, &database)?;
    quotas::one_more_instance(state, place)?;
    let instance = Instance {
        place: place.clone(),
        identifier,
        status: InstanceStatus::Creating,
        tags,
        subnet_group: subnet_groups::chosen(&state.subnet_groups, place, subnet_group.as_deref())?,
        directory: Arc::new(Directory::own(rds.data(&database.resource_id))),
        server: None,
        endpoint: None,
        standby: None,
        has_failed_over: false,
        pending: Pending::default(),
        parameters: ParameterApplyStatus::default(),
        replica: match &origin {
            Origin::Source(replica) => Some(replica.clone()),
            Origin::Nothing { .. } | Origin::Snapshot { .. } => None,
        },
        lags: VecDeque::new(),
        halted: false,
        initializes_storage: false,
        database,
    };
    let door = rds.door(&instance);
    let (database, directory) = (instance.database.clone(), Arc::clone(&instance.directory));
    let resource_id = database.resource_id.clone();
    state.instances.insert(resource_id.clone(), instance);
    parameters::hand_over(state, &resource_id);
    tokio::spawn(finish(Arc::clone(rds), database, directory, origin, door));
    Ok(resource_id)
}

async fn finish(rds: Arc<Rds>, database: Database, directory: Arc<Directory>, origin: Origin, door: Door) {
    let snapshot = match &origin {
        Origin::Nothing { .. } | Origin::Source(_) => None,
        Origin::Snapshot { identifier, .. } => Some(identifier.clone()),
    };
    let restored = snapshot.is_some();
    let takes = match &origin {
        Origin::Nothing { .. } => clock::CREATE,
        Origin::Snapshot { .. } => clock::RESTORE,
        Origin::Source(_) => clock::REPLICA,
    };
    let (server, ()) =
        tokio::join!(server(&rds, &database, &directory, origin, &door), rds.clock.pass(takes));
    let mut guard = rds.state();
    let state = &mut *guard;
    // A deletion is refused while it is creating, so it is still there.
    let Some(instance) = state.instances.get_mut(&database.resource_id) else { return };
    let wrong = if restored { rds.misbehaviours().restore_ends_as(&instance.identifier) } else { None };
    match server {
        Ok(_) if let Some(status) = wrong => instance.status = status,
        Ok((server, endpoint)) => {
            tracing::info!("{} is available as {} at {}", instance.arn(), endpoint.host, endpoint.address);
            rds.lead(&endpoint);
            instance.endpoint = Some(endpoint);
            instance.server = Some(server);
            instance.database.created_at = Some(Timestamp::now());
            instance.initializes_storage = restored;
            instance.status = instance.status_at_rest();
            let size = instance.allocated_storage();
            let what = snapshot.map_or(Happening::CREATED, |name| Happening::restored_from(&name));
            state.events.of_instance(instance, what);
            outages::sever(&rds, state);
            drop(guard);
            replica_watch::begin(&rds, &database.resource_id);
            let after = if restored { After::Restore } else { After::Creation };
            automated_backups::first(&rds, &database.resource_id, after);
            if restored {
                tokio::spawn(initialize_storage(Arc::clone(&rds), database.resource_id, size));
            }
        }
        Err(error) => {
            tracing::error!("{} failed: {error:#}", instance.arn());
            instance.status = InstanceStatus::Failed;
        }
    }
}

/// Loads a restored DB instance's storage, while it works.
async fn initialize_storage(rds: Arc<Rds>, resource_id: String, gib: u32) {
    rds.clock.pass(clock::STORAGE_INITIALIZATION_PER_GIB * gib).await;
    rds.change(&resource_id, |it| {
        let rests = it.is_at_rest();
        it.initializes_storage = false;
        if rests {
            it.status = it.status_at_rest();
        }
    });
}

async fn server(
    rds: &Rds,
    database: &Database,
    directory: &Directory,
    origin: Origin,
    door: &Door,
) -> anyhow::Result<(Server, Endpoint)> {
    let (path, programs) = (directory.path(), rds.programs(database.engine)?);
    match origin {
        Origin::Nothing { password } => {
            programs.initialise(path).await.context("cannot initialise the data")?;
            let (server, endpoint) = rds.start(database.engine, path, door).await?;
            let master = Master {
                username: &database.master_username,
                password: &password,
                // As on AWS, this database exists already.
                database: database.db_name.as_deref().filter(|name| *name != "postgres"),
            };
            server.create_master(&master).await?;
            Ok((server, endpoint))
        }
        Origin::Source(replica) => {
            replicas::seed(rds, &replica, path).await?;
            let (server, endpoint) = rds.start(database.engine, path, door).await?;
            programs.follow(server.port(), replica.link.port()).await?;
            Ok((server, endpoint))
        }
        Origin::Snapshot { directory, .. } => {
            programs.unpack(directory.path(), path).await?;
            rds.start(database.engine, path, door).await
        }
    }
}

/// A `db-…` identifier, which is also the name of the data's folder.
pub fn resource_id() -> Result<String, Refusal> {
    let random = random_hex(13).map_err(|error| Refusal::InternalFailure(error.to_string()))?;
    Ok(format!("db-{}", random.to_uppercase()))
}
