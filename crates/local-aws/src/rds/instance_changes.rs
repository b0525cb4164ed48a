//! ModifyDBInstance, StartDBInstance, StopDBInstance and DeleteDBInstance.

use std::{sync::Arc, time::Duration};

use super::{
    Outcome, Rds, clock,
    fault::Fault,
    groups, identifiers, instances, orders,
    parameters::Parameters,
    place::Place,
    settings::{self, Changes},
    snapshots,
    state::{Instance, InstanceStatus, Pending},
};

/// ModifyDBInstance.
pub fn modify(rds: &Arc<Rds>, place: &Place, parameters: &Parameters) -> Outcome {
    let given = parameters.required("DBInstanceIdentifier")?;
    let immediately = parameters.flag("ApplyImmediately")?;
    let password = parameters.get("MasterUserPassword").map(identifiers::master_password).transpose()?;
    let identifier = match parameters.get("NewDBInstanceIdentifier") {
        Some(_) => Some(identifiers::new_instance(parameters, "NewDBInstanceIdentifier")?),
        None => None,
    };
    if parameters.flag("ManageMasterUserPassword")? || parameters.get("EngineVersion").is_some() {
        let message = "Managed master passwords and upgrades do not exist in the local AWS.";
        return Err(Fault::InvalidParameterCombination(message.to_owned()));
    }
    let (at_once, later) = settings::split(settings::given(parameters)?);

    let mut state = rds.state();
    if let Some(new) = &identifier
        && state.instances.values().any(|it| it.place == *place && it.identifier == *new)
    {
        return Err(Fault::DbInstanceAlreadyExists);
    }
    let instance = state.instance(place, given)?;
    instances::must_be_available(rds, instance)?;
    let database = instance.database.clone();
    orders::check(parameters, &database)?;
    groups::check(&state, place, parameters, &database.engine_version)?;
    let instance = state.instance(place, given)?;

    let mut modifies = !at_once.is_empty();
    instance.database.settings.apply(at_once);
    modifies |= instance.database.settings.apply_lists(parameters);
    // What already has its value is no modification.
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

    let resource_id = instance.database.resource_id.clone();
    let element = instances::to_element(&state, &state.instances[&resource_id]);
    tokio::spawn(carry_out(Arc::clone(rds), resource_id, password, modifies, due));
    Ok(vec![element])
}

/// Password, then settings, then name: each has its status and its time.
async fn carry_out(
    rds: Arc<Rds>,
    resource_id: String,
    password: Option<String>,
    modifies: bool,
    due: Pending,
) {
    let change = |work: &dyn Fn(&mut Instance)| {
        if let Some(instance) = rds.state().instances.get_mut(&resource_id) {
            work(instance);
        }
    };
    if let Some(password) = password {
        let name = rds.state().instances.get(&resource_id).map(|it| it.identifier.clone());
        let takes = name.and_then(|name| rds.misbehaviours.password_takes(&name));
        let takes = takes.map_or(clock::PASSWORD_CHANGE, |seconds| Duration::from_secs(seconds.into()));
        rds.clock.pass(takes).await;
        let target = rds
            .state()
            .instances
            .get(&resource_id)
            .and_then(|it| Some((it.port?, it.database.master_username.clone())));
        if let Some((port, username)) = target
            && let Err(error) = rds.postgres.set_password(port, &username, &password).await
        {
            tracing::error!("cannot change the master password of {resource_id}: {error:#}");
        }
        change(&|it| it.pending.password = false);
    }
    if modifies {
        change(&|it| it.status = InstanceStatus::Modifying);
        rds.clock.pass(clock::MODIFY).await;
        change(&|it| {
            it.database.settings.apply(due.settings.clone());
            it.pending.settings.retain(|name, _| !due.settings.contains_key(name));
        });
    }
    if let Some(identifier) = due.identifier {
        change(&|it| it.status = InstanceStatus::Renaming);
        rds.clock.pass(clock::MODIFY).await;
        change(&|it| {
            it.identifier.clone_from(&identifier);
            it.pending.identifier = None;
        });
    }
    change(&|it| it.status = InstanceStatus::Available);
}

/// StopDBInstance.
pub fn stop(rds: &Arc<Rds>, place: &Place, parameters: &Parameters) -> Outcome {
    let given = parameters.required("DBInstanceIdentifier")?;
    let mut state = rds.state();
    let instance = state.instance(place, given)?;
    instances::must_be_available(rds, instance)?;
    let resource_id = instance.database.resource_id.clone();
    let snapshot = match parameters.get("DBSnapshotIdentifier") {
        Some(_) => {
            Some(snapshots::insert(rds, &mut state, place, &resource_id, parameters, "DBSnapshotIdentifier")?)
        }
        None => None,
    };
    let instance = state.instance(place, given)?;
    instance.status = InstanceStatus::Stopping;
    let element = instances::to_element(&state, &state.instances[&resource_id]);

    let rds = Arc::clone(rds);
    tokio::spawn(async move {
        if let Some(serial) = snapshot {
            snapshots::take(&rds, serial).await;
        }
        let server = rds.state().instances.get_mut(&resource_id).and_then(|it| it.server.take());
        let stopped = async {
            if let Some(server) = server {
                server.stop().await;
            }
        };
        tokio::join!(stopped, rds.clock.pass(clock::STOP));
        set_status(&rds, &resource_id, InstanceStatus::Stopped);
    });
    Ok(vec![element])
}

/// StartDBInstance.
pub fn start(rds: &Arc<Rds>, place: &Place, parameters: &Parameters) -> Outcome {
    let given = parameters.required("DBInstanceIdentifier")?;
    let mut state = rds.state();
    let instance = state.instance(place, given)?;
    instances::must_be(instance, InstanceStatus::Stopped)?;
    instance.status = InstanceStatus::Starting;
    let resource_id = instance.database.resource_id.clone();
    let (directory, port) = (Arc::clone(&instance.directory), instance.port);
    let element = instances::to_element(&state, &state.instances[&resource_id]);

    let rds = Arc::clone(rds);
    tokio::spawn(async move {
        // The same port if possible: on AWS a start keeps the endpoint.
        let started = rds.postgres.start(directory.path(), port);
        let (started, ()) = tokio::join!(started, rds.clock.pass(clock::START));
        let mut state = rds.state();
        let Some(instance) = state.instances.get_mut(&resource_id) else { return };
        match started {
            Ok(server) => {
                instance.port = Some(server.port());
                instance.server = Some(server);
                instance.status = InstanceStatus::Available;
            }
            Err(error) => {
                tracing::error!("{} failed: {error:#}", instance.arn());
                instance.status = InstanceStatus::Failed;
            }
        }
    });
    Ok(vec![element])
}

/// DeleteDBInstance.
pub fn delete(rds: &Arc<Rds>, place: &Place, parameters: &Parameters) -> Outcome {
    let given = parameters.required("DBInstanceIdentifier")?;
    let skip = parameters.flag("SkipFinalSnapshot")?;
    let is_final = parameters.get("FinalDBSnapshotIdentifier").is_some();
    let kept =
        parameters.get("DeleteAutomatedBackups").is_some() && !parameters.flag("DeleteAutomatedBackups")?;

    let mut state = rds.state();
    let instance = state.instance(place, given)?;
    if instance.database.settings.is_on("DeletionProtection") {
        let message =
            "Cannot delete protected DB Instance, please disable deletion protection and try again.";
        return Err(Fault::InvalidParameterCombination(message.to_owned()));
    }
    if skip == is_final {
        let message = match skip {
            true => "FinalDBSnapshotIdentifier can not be specified when deleting with SkipFinalSnapshot.",
            false => "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
        };
        return Err(Fault::InvalidParameterCombination(message.to_owned()));
    }
    match instance.status {
        InstanceStatus::Available => {}
        it if skip && it.may_be_deleted() => {}
        InstanceStatus::Deleting => {
            let message = format!("Instance {} is already being deleted.", instance.identifier);
            return Err(Fault::InvalidDbInstanceState(message));
        }
        _ => instances::must_be_available(rds, instance)?,
    }
    let resource_id = instance.database.resource_id.clone();
    let snapshot = match is_final {
        true => Some(snapshots::insert(
            rds,
            &mut state,
            place,
            &resource_id,
            parameters,
            "FinalDBSnapshotIdentifier",
        )?),
        false => None,
    };
    let instance = state.instance(place, given)?;
    instance.status = InstanceStatus::Deleting;
    let element = instances::to_element(&state, &state.instances[&resource_id]);

    let rds = Arc::clone(rds);
    tokio::spawn(async move {
        if let Some(serial) = snapshot {
            snapshots::take(&rds, serial).await;
        }
        let server = rds.state().instances.get_mut(&resource_id).and_then(|it| it.server.take());
        let stopped = async {
            if let Some(server) = server {
                server.abandon().await;
            }
        };
        tokio::join!(stopped, rds.clock.pass(clock::DELETE));
        // Its data goes with it, and its automated backups unless they are kept.
        let mut state = rds.state();
        state.instances.remove(&resource_id);
        if !kept {
            state.snapshots.retain(|_, it| !it.automated || it.database.resource_id != resource_id);
        }
    });
    Ok(vec![element])
}

fn set_status(rds: &Rds, resource_id: &str, status: InstanceStatus) {
    if let Some(instance) = rds.state().instances.get_mut(resource_id) {
        instance.status = status;
    }
}
