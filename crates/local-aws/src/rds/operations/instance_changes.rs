//! Changes of a DB instance: its settings, its start and stop, and its end.

use std::{sync::Arc, time::Duration};

use super::{
    automated_backups::{self, After},
    endpoints::{reach_anew, restart},
    parameters,
    rds::Rds,
    replicas,
    snapshots::{self, NewSnapshot},
};
use crate::{
    place::Place,
    rds::model::{
        catalogue, clock,
        events::Happening,
        groups, identifiers,
        instances::{InstanceStatus, ParameterApplyStatus, Pending},
        monitoring,
        refusal::Refusal,
        settings::{self, Changes, ListChanges},
        state::State,
        storage, subnet_groups, windows,
    },
    servers::server::Server,
};

/// What ModifyDBInstance changes.
pub struct Modification {
    /// Now, not in the maintenance window.
    pub immediately: bool,
    /// A new master password.
    pub password: Option<String>,
    /// A new identifier.
    pub identifier: Option<String>,
    /// New values of settings.
    pub given: Changes,
    /// New values of lists.
    pub lists: ListChanges,
    /// A DB subnet group to move to.
    pub subnet_group: Option<String>,
}

/// How DeleteDBInstance ends a DB instance.
pub struct Deletion {
    /// The caller wants no final snapshot.
    pub skip_final_snapshot: bool,
    /// The final snapshot.
    pub final_snapshot: Option<NewSnapshot>,
    /// Its automated snapshots stay.
    pub keeps_automated_backups: bool,
}

/// Begins to modify the DB instance that is `given`; answers its resource id.
pub fn modify(
    rds: &Arc<Rds>,
    state: &mut State,
    place: &Place,
    given: &str,
    modification: Modification,
) -> Result<String, Refusal> {
    let Modification { immediately, password, identifier, given: mut changes, lists, subnet_group } =
        modification;
    if identifier.as_ref().is_some_and(|new| state.has_instance(place, new)) {
        return Err(Refusal::DbInstanceAlreadyExists);
    }
    let instance = state.instance(place, given)?;
    rds.must_take_changes(instance)?;
    let database = instance.database.clone();
    let backups_end = changes.get("BackupRetentionPeriod").is_some_and(|it| it == "0");
    state.may_be_modified(&database.resource_id, password.is_some(), backups_end)?;
    let password = password.map(|it| identifiers::master_password(database.engine, &it)).transpose()?;
    catalogue::check_logs(&lists, database.engine)?;
    catalogue::check(&changes, &database)?;
    monitoring::check(&changes, &database.settings)?;
    changes.extend(windows::settle(&changes, &database.settings, false)?);
    groups::check(&state.groups, place, &changes, &database)?;
    if let Some(name) = &subnet_group {
        subnet_groups::check_move(&state.subnet_groups, place, given, name)?;
    }

    let mut wanted = database.settings.clone();
    wanted.apply(changes.clone());
    storage::may_become(database.engine, &database.settings, &wanted)?;
    storage::check(database.engine, &changes, &wanted)?;
    storage::ceiling(&changes, &wanted, true)?;

    let (at_once, later) = settings::split(changes.clone(), &database.settings);
    let mut modifies = !at_once.is_empty() || !lists.is_empty();
    let instance = state.instance(place, given)?;
    if at_once.get("DBParameterGroupName").is_some_and(|it| *it != instance.parameter_group()) {
        instance.parameters = ParameterApplyStatus::Applying;
    }
    let hidden = rds.misbehaviours().never_shown(&instance.identifier);
    instance
        .database
        .settings
        .apply(at_once.into_iter().filter(|(name, _)| Some(*name) != hidden.as_deref()).collect());
    storage::turn_off(&changes, &mut instance.database.settings);
    let groups = instance.security_group_ids();
    instance.database.settings.apply_lists(lists);
    // A setting that already has its value is not modified.
    let later: Changes = later
        .into_iter()
        .filter(|(name, value)| instance.database.settings.get(name) != Some(value))
        .collect();
    instance.pending.settings.extend(later);
    instance.pending.identifier = identifier.or(instance.pending.identifier.take());
    let mut due = Pending::default();
    if immediately {
        due = instance.pending.clone();
        modifies |= !due.settings.is_empty();
    }
    instance.pending.password = password.is_some();
    if password.is_some() {
        instance.status = InstanceStatus::ResettingMasterCredentials;
    } else if modifies {
        instance.status = InstanceStatus::Modifying;
    } else if due.identifier.is_some() {
        instance.status = InstanceStatus::Renaming;
    }

    let resource_id = database.resource_id;
    replicas::regroup(rds, state, &resource_id, &groups);
    tokio::spawn(carry_out(Arc::clone(rds), resource_id.clone(), password, modifies, due));
    Ok(resource_id)
}

/// Password, then settings, then name: each has its status and its time.
async fn carry_out(
    rds: Arc<Rds>,
    resource_id: String,
    password: Option<String>,
    modifies: bool,
    due: Pending,
) {
    let mut turned_on = false;
    if let Some(password) = password {
        change_password(&rds, &resource_id, &password).await;
    }
    if modifies {
        rds.set_status(&resource_id, InstanceStatus::Modifying);
        rds.clock.pass(clock::MODIFY).await;
        let (mut restarts, mut moves) = (false, false);
        rds.change(&resource_id, |it| {
            let was_backed_up = it.is_backed_up();
            it.pending.settings.retain(|name, _| !due.settings.contains_key(name));
            restarts = settings::restart(&due.settings);
            moves = due.settings.contains_key("Port");
            it.database.settings.apply(due.settings);
            storage::settle(&mut it.database.settings);
            if it.parameters == ParameterApplyStatus::Applying {
                it.parameters = ParameterApplyStatus::PendingReboot;
            }
            turned_on = !was_backed_up && it.is_backed_up();
        });
        if moves {
            reach_anew(&rds, &resource_id).await;
        } else if restarts {
            restart(&rds, &resource_id).await;
        }
    }
    if let Some(identifier) = due.identifier {
        rds.set_status(&resource_id, InstanceStatus::Renaming);
        rds.clock.pass(clock::MODIFY).await;
        rds.change(&resource_id, |it| {
            it.identifier = identifier;
            it.pending.identifier = None;
        });
        reach_anew(&rds, &resource_id).await;
    }
    rds.end_operation(&resource_id);
    if turned_on {
        automated_backups::first(&rds, &resource_id, After::TurningOn);
    }
}

async fn change_password(rds: &Rds, resource_id: &str, password: &str) {
    let name = rds.state().instances.get(resource_id).map(|it| it.identifier.clone());
    let takes = name.and_then(|name| rds.misbehaviours().password_takes(&name));
    let takes = takes.map_or(clock::PASSWORD_CHANGE, |seconds| Duration::from_secs(seconds.into()));
    rds.clock.pass(takes).await;
    let changing = rds
        .state()
        .instances
        .get(resource_id)
        .and_then(|it| Some(it.server.as_ref()?.set_password(&it.database.master_username, password)));
    if let Some(changing) = changing
        && let Err(error) = changing.await
    {
        tracing::error!("cannot change the master password of {resource_id}: {error:#}");
    }
    rds.tell(resource_id, Happening::PASSWORD_RESET);
    rds.change(resource_id, |it| it.pending.password = false);
}

/// Begins to reboot the DB instance that is `given`, without a failover; answers its resource id. Connections are closed,
/// and the static parameters of its parameter group are applied.
/// Source: RDS User Guide, USER_RebootInstance.
pub fn reboot(rds: &Arc<Rds>, state: &mut State, place: &Place, given: &str) -> Result<String, Refusal> {
    let instance = state.instance(place, given)?;
    rds.must_take_changes(instance)?;
    instance.status = InstanceStatus::Rebooting;
    let resource_id = instance.database.resource_id.clone();
    parameters::hand_over(state, &resource_id);
    let (rds, rebooting) = (Arc::clone(rds), resource_id.clone());
    tokio::spawn(async move {
        tokio::join!(restart(&rds, &rebooting), rds.clock.pass(clock::REBOOT));
        rds.change(&rebooting, |it| it.parameters = ParameterApplyStatus::InSync);
        rds.tell(&rebooting, Happening::RESTARTED);
        rds.end_operation(&rebooting);
    });
    Ok(resource_id)
}

/// Begins to stop the DB instance that is `given`; answers its resource id.
pub fn stop(
    rds: &Arc<Rds>,
    state: &mut State,
    place: &Place,
    given: &str,
    snapshot: Option<NewSnapshot>,
) -> Result<String, Refusal> {
    let instance = state.instance(place, given)?;
    rds.must_take_changes(instance)?;
    let resource_id = instance.database.resource_id.clone();
    state.may_be_stopped(&resource_id)?;
    let snapshot = snapshot.map(|new| snapshots::insert(rds, state, place, &resource_id, new)).transpose()?;
    state.instance(place, given)?.status = InstanceStatus::Stopping;

    let (rds, stopping) = (Arc::clone(rds), resource_id.clone());
    tokio::spawn(async move {
        end_server(&rds, &stopping, snapshot, clock::STOP, Server::stop).await;
        rds.tell(&stopping, Happening::STOPPED);
        rds.set_status(&stopping, InstanceStatus::Stopped);
    });
    Ok(resource_id)
}

/// Begins to start the DB instance that is `given`; answers its resource id.
pub fn start(rds: &Arc<Rds>, state: &mut State, place: &Place, given: &str) -> Result<String, Refusal> {
    let instance = state.instance(place, given)?;
    instance.must_be(InstanceStatus::Stopped)?;
    instance.status = InstanceStatus::Starting;
    let resource_id = instance.database.resource_id.clone();
    let (engine, directory, door) =
        (instance.database.engine, Arc::clone(&instance.directory), rds.door(instance));
    parameters::hand_over(state, &resource_id);

    let (rds, starting) = (Arc::clone(rds), resource_id.clone());
    tokio::spawn(async move {
        let started = rds.start(engine, directory.path(), &door);
        let (started, ()) = tokio::join!(started, rds.clock.pass(clock::START));
        if started.is_ok() {
            rds.tell(&starting, Happening::STARTED);
        }
        rds.change(&starting, |instance| match started {
            Ok((server, endpoint)) => {
                rds.lead(&endpoint);
                instance.endpoint = Some(endpoint);
                instance.server = Some(server);
                instance.status = instance.status_at_rest();
            }
            Err(error) => {
                tracing::error!("{} failed: {error:#}", instance.arn());
                instance.status = InstanceStatus::Failed;
            }
        });
    });
    Ok(resource_id)
}

/// Begins to delete the DB instance that is `given`; answers its resource id.
pub fn delete(
    rds: &Arc<Rds>,
    state: &mut State,
    place: &Place,
    given: &str,
    deletion: Deletion,
) -> Result<String, Refusal> {
    let Deletion { skip_final_snapshot: skip, final_snapshot, keeps_automated_backups } = deletion;
    let instance = state.instance(place, given)?;
    if instance.database.settings.is_on("DeletionProtection") {
        let message =
            "Cannot delete protected DB Instance, please disable deletion protection and try again.";
        return Err(Refusal::InvalidParameterCombination(message.to_owned()));
    }
    if instance.replica.is_some() && final_snapshot.is_some() {
        // Seen on AWS: cloud-custodian/cloud-custodian#417.
        let message = "FinalDBSnapshotIdentifier can not be specified when deleting a replica instance";
        return Err(Refusal::InvalidParameterCombination(message.to_owned()));
    }
    if skip == final_snapshot.is_some() {
        let message = match skip {
            true => "FinalDBSnapshotIdentifier can not be specified when deleting with SkipFinalSnapshot.",
            false => "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
        };
        return Err(Refusal::InvalidParameterCombination(message.to_owned()));
    }
    match instance.status {
        _ if instance.is_at_rest() => {}
        it if skip && it.may_be_deleted() => {}
        InstanceStatus::Deleting => {
            let message = format!("Instance {} is already being deleted.", instance.identifier);
            return Err(Refusal::InvalidDbInstanceState(message));
        }
        _ => return Err(instance.is_not(InstanceStatus::Available)),
    }
    let resource_id = instance.database.resource_id.clone();
    let snapshot =
        final_snapshot.map(|new| snapshots::insert(rds, state, place, &resource_id, new)).transpose()?;
    state.instance(place, given)?.status = InstanceStatus::Deleting;

    let (rds, deleting) = (Arc::clone(rds), resource_id.clone());
    tokio::spawn(async move {
        end_server(&rds, &deleting, snapshot, clock::DELETE, Server::abandon).await;
        rds.tell(&deleting, Happening::DELETED);
        // The data goes with the DB instance, and the automated snapshots unless they are kept.
        let mut state = rds.state();
        let deleted = state.instances.remove(&deleting);
        replicas::lose_source(&rds, &mut state, &deleting);
        if let Some(deleted) = deleted {
            deleted.endpoint.iter().for_each(|endpoint| rds.forget(endpoint));
            deleted.replica.iter().for_each(|followed| replicas::forget(&rds, followed));
        }
        if !keeps_automated_backups {
            state.snapshots.retain(|_, it| !it.automated || it.database.resource_id != deleting);
        }
    });
    Ok(resource_id)
}

/// Takes the last snapshot that was asked for, then ends the server, which lasts as long as RDS needs.
async fn end_server<F: Future<Output = ()>>(
    rds: &Rds,
    resource_id: &str,
    snapshot: Option<u64>,
    takes: Duration,
    end: impl FnOnce(Server) -> F,
) {
    if let Some(serial) = snapshot {
        snapshots::take(rds, serial).await;
    }
    let server = rds.state().instances.get_mut(resource_id).and_then(|it| it.server.take());
    let ended = async {
        if let Some(server) = server {
            end(server).await;
        }
    };
    tokio::join!(ended, rds.clock.pass(takes));
}
