//! Where DB instances are reached: each has an address of its own, its true port, and a name that leads there.

use std::path::Path;

use super::rds::Rds;
use crate::{
    rds::model::{engine::Engine, instances::Instance},
    servers::server::{Door, Endpoint, Server},
};

impl Rds {
    /// Where the DB instance is to be reached: by its name, at the address that it had last, on its port.
    pub(super) fn door(&self, instance: &Instance) -> Door {
        Door {
            name: self.gives_names.then(|| instance.place.endpoint_name(&instance.identifier)),
            address: instance.endpoint.as_ref().map(|it| *it.address.ip()),
            port: instance.port(),
        }
    }

    /// Starts a server on `directory`, behind the gate and this door.
    pub(super) async fn start(
        &self,
        engine: Engine,
        directory: &Path,
        door: &Door,
    ) -> anyhow::Result<(Server, Endpoint)> {
        Server::start(&self.programs(engine)?, directory, door, &self.gate).await
    }

    /// Leads the name of an endpoint to its address.
    pub(super) fn lead(&self, endpoint: &Endpoint) {
        if self.gives_names {
            self.names.set(&endpoint.host, *endpoint.address.ip());
        }
    }

    /// Forgets the name of an endpoint.
    pub(super) fn forget(&self, endpoint: &Endpoint) {
        self.names.remove(&endpoint.host);
    }
}

/// Has a DB instance reached by its present name and port, and restarts its server.
pub(super) async fn reach_anew(rds: &Rds, resource_id: &str) {
    let before = rds.state().instances.get(resource_id).and_then(|it| it.endpoint.clone());
    if let Some(after) = move_server(rds, resource_id, |door| door).await {
        before.iter().filter(|before| before.host != after.host).for_each(|before| rds.forget(before));
        rds.lead(&after);
    }
    restart(rds, resource_id).await;
}

/// Moves the server of a DB instance to another door. Its name still leads where it did.
pub(super) async fn move_server(
    rds: &Rds,
    resource_id: &str,
    change: impl FnOnce(Door) -> Door,
) -> Option<Endpoint> {
    let moving = {
        let state = rds.state();
        let instance = state.instances.get(resource_id)?;
        instance.server.as_ref()?.move_to(&change(rds.door(instance)))
    };
    match moving.await {
        Ok(endpoint) => {
            rds.change(resource_id, |it| it.endpoint = Some(endpoint.clone()));
            Some(endpoint)
        }
        Err(error) => {
            tracing::error!("the server of {resource_id} stays where it is: {error:#}");
            None
        }
    }
}

/// Restarts the server of a DB instance: connections are closed.
pub(super) async fn restart(rds: &Rds, resource_id: &str) {
    let restarted =
        rds.state().instances.get(resource_id).and_then(|it| it.server.as_ref()).map(Server::restart);
    if let Some(restarted) = restarted {
        restarted.await;
    }
}
