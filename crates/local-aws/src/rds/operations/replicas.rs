//! Read replicas: how one is made of its source, how it is promoted, and what RDS measures of it meanwhile.

use std::{
    path::Path,
    sync::{Arc, Weak},
    time::Duration,
};

use anyhow::Context;

use super::{
    automated_backups::{self, After},
    bring_up::{self, NewInstance},
    endpoints::restart,
    parameters,
    rds::Rds,
};
use crate::{
    place::Place,
    rds::model::{
        clock, engine::Engine, events::Happening, instances::InstanceStatus, refusal::Refusal,
        replicas::Replica, settings::Changes, state::State,
    },
    servers::link::{Flow, Link},
};

/// How often a task asks again for what it waits for.
const PAUSE: Duration = Duration::from_millis(250);

/// Begins a read replica of the DB instance with this resource id; answers the replica's resource id.
pub fn create(
    rds: &Arc<Rds>,
    state: &mut State,
    place: &Place,
    source: &str,
    new: NewInstance,
) -> Result<String, Refusal> {
    let resource_id = bring_up::begin(rds, state, place, new)?;
    if let Some(source) = state.instances.get_mut(source) {
        // RDS takes a snapshot of the source first.
        source.status = InstanceStatus::Modifying;
    }
    Ok(resource_id)
}

/// What a new DB instance is besides that follows the one with this resource id.
pub fn replica_of(
    rds: &Arc<Rds>,
    state: &State,
    source: &str,
    resource_id: &str,
) -> Result<Replica, Refusal> {
    let source_arn = state.instances.get(source).map(|it| it.arn()).unwrap_or_default();
    let (rds, followed): (Weak<Rds>, String) = (Arc::downgrade(rds), source.to_owned());
    let link = Link::open(move || rds.upgrade()?.port_of(&followed));
    let link = link.map_err(|error| Refusal::InternalFailure(error.to_string()))?;
    Ok(Replica {
        source: source.to_owned(),
        source_arn,
        link: Arc::new(link),
        slot: format!("rds_{}", resource_id.to_lowercase().replace('-', "_")),
        passes_with: None,
        terminated: false,
        promoting: false,
    })
}

/// Copies the data of the source to a new replica, while the source is `modifying`.
pub(super) async fn seed(rds: &Rds, replica: &Replica, directory: &Path) -> anyhow::Result<()> {
    let copied = {
        let state = rds.state();
        let source = state.instances.get(&replica.source).and_then(|it| it.server.as_ref());
        source.map(|it| it.seed(replica.link.port(), &replica.slot, directory))
    };
    let copied = async { copied.context("the source has no server")?.await };
    let (copied, ()) = tokio::join!(copied, rds.clock.pass(clock::MODIFY));
    rds.end_operation(&replica.source);
    copied
}

/// Lets the changes reach the read replica that is `given`, or not, from now on.
pub fn order(rds: &Rds, place: &Place, given: &str, flow: Flow) -> Result<(), Refusal> {
    let mut state = rds.state();
    let instance = state.instance(place, given)?;
    let refused = || Refusal::InvalidDbInstanceState(format!("{given} is not a read replica."));
    instance.replica.as_ref().ok_or_else(refused)?.link.order(flow);
    tracing::info!("the changes on their way to {}: {flow:?}", instance.arn());
    Ok(())
}

/// RDS's own replication does not ask the security groups. On request those of the source cut it, until it has the old ones
/// again.
pub(super) fn regroup(rds: &Rds, state: &mut State, source: &str, before: &[String]) {
    let Some(it) = state.instances.get(source) else { return };
    let (identifier, groups) = (it.identifier.clone(), it.security_group_ids());
    if groups == before || !rds.misbehaviours().groups_cut_replication(&identifier) {
        return;
    }
    let replicas = state.instances.values_mut().filter_map(|it| it.replica.as_mut());
    for replica in replicas.filter(|it| it.source == source) {
        match &replica.passes_with {
            Some(passing) if *passing == groups => {
                replica.passes_with = None;
                replica.link.order(Flow::Flows);
            }
            Some(_) => {}
            None => {
                replica.passes_with = Some(before.to_vec());
                replica.link.order(Flow::IsCut);
            }
        }
    }
}

/// Begins to promote the read replica that is `given`; answers its resource id. Its status changes late, and in the end it
/// has no source any more.
/// Source: RDS API, PromoteReadReplica; RDS User Guide, USER_ReadRepl.Promote.
pub fn promote(
    rds: &Arc<Rds>,
    state: &mut State,
    place: &Place,
    given: &str,
    backups: Changes,
) -> Result<String, Refusal> {
    let instance = state.instance(place, given)?;
    let refused = |why: &str| Refusal::InvalidDbInstanceState(format!("DB instance {given} {why}."));
    let Some(replica) = &mut instance.replica else { return Err(refused("is not a read replica")) };
    if replica.promoting {
        return Err(refused("is already being promoted"));
    }
    match rds.misbehaviours().status(&instance.identifier) {
        None if instance.status == InstanceStatus::Available => {}
        _ => return Err(instance.is_not(InstanceStatus::Available)),
    }
    replica.promoting = true;
    let resource_id = instance.database.resource_id.clone();
    tokio::spawn(carry_out(Arc::clone(rds), resource_id.clone(), backups));
    Ok(resource_id)
}

async fn carry_out(rds: Arc<Rds>, resource_id: String, backups: Changes) {
    rds.clock.pass(clock::UNTIL_PROMOTION_SHOWS).await;
    rds.set_status(&resource_id, InstanceStatus::Modifying);
    let name = rds.state().instances.get(&resource_id).map(|it| it.identifier.clone());
    let takes = name.and_then(|name| rds.misbehaviours().promotion_takes(&name));
    let takes = takes.map_or(clock::PROMOTION, |seconds| Duration::from_secs(seconds.into()));
    rds.clock.pass(takes).await;
    if let Err(error) = end_replication(&rds, &resource_id).await {
        tracing::error!("{resource_id} is not promoted: {error:#}");
        rds.change(&resource_id, |it| {
            it.replica.iter_mut().for_each(|it| it.promoting = false);
            it.status = InstanceStatus::Failed;
        });
        return;
    }
    let mut followed = None;
    rds.change(&resource_id, |it| {
        it.status = InstanceStatus::Rebooting;
        followed = it.replica.take();
        it.database.settings.apply(backups);
    });
    parameters::hand_over(&rds.state(), &resource_id);
    tokio::join!(restart(&rds, &resource_id), rds.clock.pass(clock::REBOOT));
    rds.tell(&resource_id, Happening::RESTARTED);
    rds.end_operation(&resource_id);
    automated_backups::first(&rds, &resource_id, After::TurningOn);
    if let Some(followed) = followed {
        forget(&rds, &followed);
    }
}

async fn end_replication(rds: &Rds, resource_id: &str) -> anyhow::Result<()> {
    let engine = rds.state().instances.get(resource_id).map(|it| it.database.engine);
    let Some((engine, port)) = engine.zip(rds.port_of(resource_id)) else {
        anyhow::bail!("it has no server");
    };
    rds.programs(engine)?.promote(port).await
}

/// Lets the source forget a replica that follows no more, once its server is there.
pub(super) fn forget(rds: &Arc<Rds>, replica: &Replica) {
    let (rds, source, slot) = (Arc::downgrade(rds), replica.source.clone(), replica.slot.clone());
    tokio::spawn(async move {
        while let Some(rds) = rds.upgrade() {
            let Some(engine) = rds.state().instances.get(&source).map(|it| it.database.engine) else {
                return;
            };
            if let (Some(port), Ok(programs)) = (rds.port_of(&source), rds.programs(engine)) {
                match programs.drop_slot(port, &slot).await {
                    Ok(()) => return,
                    Err(error) => tracing::warn!("{source} still keeps changes for a replica: {error:#}"),
                }
            }
            drop(rds);
            tokio::time::sleep(PAUSE).await;
        }
    });
}

/// The replicas of a DB instance that was deleted follow nobody. Those of PostgreSQL stay as they are, and RDS promotes those
/// of MariaDB.
/// Source: RDS User Guide, USER_ReadRepl, "Deleting the source".
pub(super) fn lose_source(rds: &Arc<Rds>, state: &mut State, resource_id: &str) {
    for (id, instance) in &mut state.instances {
        let Some(replica) = instance.replica.as_mut().filter(|it| it.source == resource_id) else { continue };
        replica.terminated = true;
        if instance.database.engine == Engine::MariaDb && !replica.promoting {
            replica.promoting = true;
            tokio::spawn(carry_out(Arc::clone(rds), id.clone(), Changes::new()));
        }
    }
}
