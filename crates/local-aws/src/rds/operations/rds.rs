//! All accounts' RDS: what exists, and what its operations work with.

use std::sync::{Mutex, MutexGuard};

use tokio::task::JoinSet;

use crate::{
    lock,
    place::Place,
    postgres::{programs::Postgres, server::Server},
    rds::model::{
        clock::Clock,
        instances::{Instance, InstanceStatus},
        misbehaviour::Misbehaviours,
        refusal::Refusal,
        state::State,
    },
};

/// All accounts' RDS.
pub struct Rds {
    pub(super) postgres: Postgres,
    pub(super) clock: Clock,
    misbehaviours: Misbehaviours,
    state: Mutex<State>,
}

impl Rds {
    /// An RDS without any resources.
    pub fn new(postgres: Postgres, clock: Clock) -> Self {
        Self { postgres, clock, misbehaviours: Misbehaviours::default(), state: Mutex::default() }
    }

    /// What exists.
    pub fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// What resources do wrong on request.
    pub fn misbehaviours(&self) -> &Misbehaviours {
        &self.misbehaviours
    }

    /// The version of PostgreSQL that every DB instance really runs.
    pub fn postgres_version(&self) -> &str {
        self.postgres.version()
    }

    /// The superuser of every server, and its password.
    pub fn administrator(&self) -> (&'static str, &str) {
        self.postgres.administrator()
    }

    /// Kills the server of a DB instance, which is started again; refused where none is running.
    pub fn crash(&self, place: &Place, identifier: &str) -> Result<(), Refusal> {
        let mut state = self.state();
        let instance = state.instance(place, identifier)?;
        let server = instance.server.as_ref();
        let server =
            server.ok_or(Refusal::InvalidDbInstanceState(format!("{identifier} has no server now.")))?;
        tracing::info!("{} crashes", instance.arn());
        server.crash();
        Ok(())
    }

    /// Ends every server.
    pub async fn shut_down(&self) {
        let servers: Vec<_> = self.state().instances.values_mut().filter_map(|it| it.server.take()).collect();
        servers.into_iter().map(Server::abandon).collect::<JoinSet<_>>().join_all().await;
    }

    /// Refuses unless the DB instance is available and no misbehaviour hides that.
    pub(super) fn must_be_available(&self, instance: &Instance) -> Result<(), Refusal> {
        match self.misbehaviours.status(&instance.identifier) {
            Some(_) => Err(instance.is_not(InstanceStatus::Available)),
            None => instance.must_be(InstanceStatus::Available),
        }
    }

    /// Refuses unless the DB instance takes changes and no misbehaviour hides that.
    pub(super) fn must_take_changes(&self, instance: &Instance) -> Result<(), Refusal> {
        match self.misbehaviours.status(&instance.identifier) {
            None if instance.is_at_rest() => Ok(()),
            _ => Err(instance.is_not(InstanceStatus::Available)),
        }
    }

    /// Changes a DB instance, unless it was deleted meanwhile.
    pub(super) fn change(&self, resource_id: &str, change: impl FnOnce(&mut Instance)) {
        if let Some(instance) = self.state().instances.get_mut(resource_id) {
            change(instance);
        }
    }

    /// Remembers what happened to a DB instance, unless it was deleted meanwhile.
    pub(super) fn tell(&self, resource_id: &str, category: &'static str, message: &str) {
        let state = &mut *self.state();
        if let Some(instance) = state.instances.get(resource_id) {
            state.events.of_instance(instance, category, message);
        }
    }

    /// Gives a DB instance a status, unless it was deleted meanwhile.
    pub(super) fn set_status(&self, resource_id: &str, status: InstanceStatus) {
        self.change(resource_id, |it| it.status = status);
    }

    /// Ends the operation that a DB instance is busy with, unless it was deleted meanwhile.
    pub(super) fn end_operation(&self, resource_id: &str) {
        self.change(resource_id, |it| it.status = it.status_at_rest());
    }
}
