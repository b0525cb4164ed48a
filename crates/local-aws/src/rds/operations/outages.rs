//! What the outage of a Region does to servers and replication, and what its return does.

use std::{collections::BTreeMap, sync::Arc};

use tokio::task::JoinSet;

use super::rds::Rds;
use crate::{
    outages::{Outage, Servers},
    rds::model::state::State,
    servers::server::Server,
};

/// Begins an outage. It is complete when this ends.
pub async fn begin(rds: &Arc<Rds>, outage: Outage) {
    let (region, servers) = (outage.region.clone(), outage.servers);
    rds.outages().begin(outage);
    let killed = {
        let mut state = rds.state();
        // First the replication: what a server still sends while it ends must not arrive.
        sever(rds, &state);
        let mut killed = vec![];
        let of_region = state.instances.values_mut().filter(|it| it.place.region == region);
        for instance in of_region.filter(|_| servers.is_some()) {
            instance.server.iter().for_each(Server::end_connections);
            if servers == Some(Servers::Stop) {
                instance.halted |= instance.server.is_some();
                killed.extend(instance.server.take());
            }
        }
        killed
    };
    killed.into_iter().map(Server::abandon).collect::<JoinSet<_>>().join_all().await;
    if servers != Some(Servers::Stop) {
        start(rds, &region).await;
    }
}

/// Ends the outage of a Region; false if there is none. Its servers run again when this ends.
pub async fn end(rds: &Arc<Rds>, region: &str) -> bool {
    let ended = rds.outages().end(region);
    start(rds, region).await;
    sever(rds, &rds.state());
    ended
}

/// Cuts the replication that crosses an outage, and no other.
pub(super) fn sever(rds: &Rds, state: &State) {
    let regions: BTreeMap<&str, &str> =
        state.instances.iter().map(|(id, it)| (id.as_str(), it.place.region.as_str())).collect();
    for instance in state.instances.values() {
        let Some(replica) = &instance.replica else { continue };
        let ends = [Some(instance.place.region.as_str()), regions.get(replica.source.as_str()).copied()];
        let away = ends.iter().flatten().any(|region| rds.outages().cuts_servers_of(region));
        replica.link.sever(away && ends[0] != ends[1]);
    }
}

/// Starts the servers that an outage of the Region has killed.
async fn start(rds: &Arc<Rds>, region: &str) {
    let halted: Vec<_> = {
        let mut state = rds.state();
        let halted = state.instances.values_mut().filter(|it| it.place.region == region && it.halted);
        let halted = halted.map(|it| {
            it.halted = false;
            (it.database.clone(), Arc::clone(&it.directory), rds.door(it))
        });
        halted.collect()
    };
    let started = halted.into_iter().map(|(database, directory, door)| {
        let rds = Arc::clone(rds);
        async move {
            match rds.start(database.engine, directory.path(), &door).await {
                Ok((server, endpoint)) => rds.change(&database.resource_id, |it| {
                    rds.lead(&endpoint);
                    it.endpoint = Some(endpoint);
                    it.server = Some(server);
                }),
                Err(error) => tracing::error!("{} stays down: {error:#}", database.resource_id),
            }
        }
    });
    started.collect::<JoinSet<_>>().join_all().await;
}
