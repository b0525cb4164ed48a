//! The network before a DB instance: a function's connection is answered only if AWS's network would lead it there.
//! Everybody else on this machine stands for somebody whom the network lets in.

use std::{
    net::{IpAddr, SocketAddr, SocketAddrV4},
    sync::{Arc, Weak},
};

use super::rds::Rds;
use crate::{
    ministack::Client,
    network::{
        addresses::Addresses,
        destination::{Destination, function_at},
        rules::Origin,
    },
    process::Connection,
    rds::model::instances::Instance,
    tls_front::Gate,
};

/// The gate of every DB instance. `rds` is there before a DB instance is. Who has one of `addresses` asks `leads_from`
/// before it connects.
pub fn gate(rds: Weak<Rds>, ministack: Client, addresses: Arc<Addresses>) -> Gate {
    Gate::new(move |connection| {
        let (rds, ministack) = (rds.clone(), ministack.clone());
        let is_asked = matches!(connection.theirs.ip(), IpAddr::V4(from) if addresses.has(from));
        async move {
            let away = rds.upgrade().is_none_or(|rds| is_away(&rds, connection.ours));
            if away {
                return false;
            }
            is_asked
                || lets_in(&rds, &ministack, connection).await.unwrap_or_else(|error| {
                    tracing::error!("cannot tell whether {connection:?} may be made: {error:#}");
                    false
                })
        }
    })
}

async fn lets_in(rds: &Weak<Rds>, ministack: &Client, connection: Connection) -> anyhow::Result<bool> {
    let Some(function) = function_at(connection).await? else { return Ok(true) };
    let Some(destination) = rds.upgrade().and_then(|rds| destination(&rds, connection.ours)) else {
        return Ok(false);
    };
    destination.is_led_to_by(ministack, &function).await
}

/// Is the DB instance whose server is behind this address of ours in a Region whose servers are cut off?
fn is_away(rds: &Rds, address: SocketAddr) -> bool {
    destination(rds, address).is_some_and(|it| rds.outages().cuts_servers_of(&it.place.region))
}

/// Does the network lead from there to what listens at this address? It does if that is no DB instance.
pub async fn leads_from(
    rds: &Rds,
    ministack: &Client,
    origin: &Origin,
    who: &str,
    to: SocketAddrV4,
) -> anyhow::Result<bool> {
    match destination(rds, SocketAddr::V4(to)) {
        Some(it) if rds.outages().cuts_servers_of(&it.place.region) => Ok(false),
        Some(destination) => destination.is_led_to(ministack, origin, who).await,
        None => Ok(true),
    }
}

/// Where the server of a DB instance listens.
pub fn endpoint(instance: &Instance) -> Option<SocketAddrV4> {
    instance.server.as_ref()?;
    Some(instance.endpoint.as_ref()?.address)
}

/// The DB instance whose server is behind this address of ours.
fn destination(rds: &Rds, address: SocketAddr) -> Option<Destination> {
    let state = rds.state();
    let instance = state.instances.values().find(|it| endpoint(it).map(SocketAddr::V4) == Some(address))?;
    Some(Destination {
        arn: instance.arn(),
        place: instance.place.clone(),
        publicly_accessible: instance.database.settings.is_on("PubliclyAccessible"),
        port: instance.port(),
        security_group_ids: instance.security_group_ids(),
    })
}
