//! All accounts' RDS: what exists, and what its operations work with.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
};

use anyhow::Context;
use tokio::task::JoinSet;

use crate::{
    lock,
    names::Names,
    outages::Outages,
    place::Place,
    rds::model::{
        clock::Clock,
        engine::Engine,
        events::Happening,
        instances::{Instance, InstanceStatus},
        misbehaviour::Misbehaviours,
        refusal::Refusal,
        state::State,
    },
    servers::{mariadb::MariaDb, postgres::Postgres, programs::Programs, server::Server},
    tls_front::Gate,
};

/// All accounts' RDS.
pub struct Rds {
    postgres: Postgres,
    mariadb: Option<MariaDb>,
    pub(super) gate: Gate,
    pub(super) names: Arc<Names>,
    pub(super) gives_names: bool,
    pub(super) clock: Clock,
    misbehaviours: Misbehaviours,
    outages: Arc<Outages>,
    state: Mutex<State>,
}

impl Rds {
    /// An RDS without any resources, with these engines. The gate stands before every server. With `gives_names` endpoints
    /// have names; else clients are told their addresses.
    pub fn new(
        postgres: Postgres,
        mariadb: Option<MariaDb>,
        gate: Gate,
        names: Arc<Names>,
        gives_names: bool,
        clock: Clock,
    ) -> Self {
        let (misbehaviours, outages, state) = (Misbehaviours::default(), Arc::default(), Mutex::default());
        Self { postgres, mariadb, gate, names, gives_names, clock, misbehaviours, outages, state }
    }

    /// What exists.
    pub fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// What resources do wrong on request.
    pub fn misbehaviours(&self) -> &Misbehaviours {
        &self.misbehaviours
    }

    /// Which Regions are away.
    pub fn outages(&self) -> &Arc<Outages> {
        &self.outages
    }

    /// The engines that this machine has, each with the version that every DB instance of it really runs.
    pub fn engines(&self) -> impl Iterator<Item = (Engine, &str)> {
        Engine::ALL.into_iter().filter_map(|engine| Some((engine, self.version_of(engine).ok()?)))
    }

    /// The version that every DB instance of this engine really runs; refused where this machine lacks the engine.
    pub fn version_of(&self, engine: Engine) -> Result<&str, Refusal> {
        match (engine, &self.mariadb) {
            (Engine::Postgres, _) => Ok(self.postgres.version()),
            (Engine::MariaDb, Some(mariadb)) => Ok(mariadb.version()),
            (Engine::MariaDb, None) => Err(Refusal::InvalidParameterValue(format!(
                "Invalid DB engine: {}. The local AWS was started without --mariadb.",
                engine.name()
            ))),
        }
    }

    /// The programs of an engine.
    pub(super) fn programs(&self, engine: Engine) -> anyhow::Result<Programs> {
        match engine {
            Engine::Postgres => Ok(Programs::Postgres(self.postgres.clone())),
            Engine::MariaDb => Ok(Programs::MariaDb(self.mariadb.clone().context("there is no MariaDB")?)),
        }
    }

    /// A name for new data.
    pub(super) fn data(&self, name: &str) -> PathBuf {
        self.postgres.data(name)
    }

    /// The certificate of the authority that issues the servers' certificates.
    pub fn authority_pem(&self) -> &str {
        self.postgres.authority().pem()
    }

    /// The superuser of every server of PostgreSQL, and its password.
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

    /// The port of a DB instance's server on 127.0.0.1, while it has one.
    pub(super) fn port_of(&self, resource_id: &str) -> Option<u16> {
        Some(self.state().instances.get(resource_id)?.server.as_ref()?.port())
    }

    /// Ends every server.
    pub async fn shut_down(&self) {
        let servers: Vec<_> = self.state().instances.values_mut().filter_map(|it| it.server.take()).collect();
        servers.into_iter().map(Server::abandon).collect::<JoinSet<_>>().join_all().await;
    }

    /// Refuses unless the DB instance is available and no misbehaviour hides that.
    pub fn must_be_available(&self, instance: &Instance) -> Result<(), Refusal> {
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
    pub(super) fn tell(&self, resource_id: &str, what: Happening) {
        let state = &mut *self.state();
        if let Some(instance) = state.instances.get(resource_id) {
            state.events.of_instance(instance, what);
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
