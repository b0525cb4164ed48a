//! The network before a DB instance: a function's connection is answered only if AWS's network would lead it there.
//! Everybody else on this machine stands for somebody whom the network lets in.

use std::{
    net::{IpAddr, SocketAddrV4},
    sync::{Arc, Weak},
};

use super::rds::Rds;
use crate::{
    load_balancer::addresses::Addresses,
    ministack::Client,
    network::{
        asked,
        rules::{Origin, leads},
    },
    place::Place,
    process::{Connection, FunctionProcess},
    tls_front::Gate,
};

/// What the network asks of a DB instance.
struct Destination {
    arn: String,
    place: Place,
    publicly_accessible: bool,
    port: u16,
    security_group_ids: Vec<String>,
}

/// The gate of every DB instance. `rds` is there before a DB instance is. A load balancer asks `leads_from` before it
/// connects.
pub fn gate(rds: Weak<Rds>, ministack: Client, load_balancers: Arc<Addresses>) -> Gate {
    Gate::new(move |connection| {
        let (rds, ministack) = (rds.clone(), ministack.clone());
        let is_asked = matches!(connection.theirs.ip(), IpAddr::V4(from) if load_balancers.has(from));
        async move {
            is_asked
                || lets_in(&rds, &ministack, connection).await.unwrap_or_else(|error| {
                    tracing::error!("cannot tell whether {connection:?} may be made: {error:#}");
                    false
                })
        }
    })
}

async fn lets_in(rds: &Weak<Rds>, ministack: &Client, connection: Connection) -> anyhow::Result<bool> {
    let function = tokio::task::spawn_blocking(move || FunctionProcess::that_holds(connection)).await?;
    let Some(function) = function else { return Ok(true) };
    let Some(destination) = rds.upgrade().and_then(|rds| destination(&rds, connection.ours.port())) else {
        return Ok(false);
    };
    let origin = asked::origin(ministack, &function).await?;
    destination.is_led_to(ministack, &origin, &function.function_name).await
}

/// Does the network lead from there to what listens at this address? It does if that is no DB instance.
pub async fn leads_from(
    rds: &Rds,
    ministack: &Client,
    origin: &Origin,
    to: SocketAddrV4,
) -> anyhow::Result<bool> {
    match destination(rds, to.port()) {
        Some(destination) => destination.is_led_to(ministack, origin, "a load balancer").await,
        None => Ok(true),
    }
}

impl Destination {
    async fn is_led_to(&self, ministack: &Client, origin: &Origin, who: &str) -> anyhow::Result<bool> {
        let rules = asked::inbound(ministack, &self.place, &self.security_group_ids).await?;
        let led = leads(origin, self.publicly_accessible, self.port, &rules);
        if !led {
            tracing::info!("the network does not lead {who} to {}: {origin:?}, {rules:?}", self.arn);
        }
        Ok(led)
    }
}

/// The DB instance whose server is behind this port of ours.
fn destination(rds: &Rds, port: u16) -> Option<Destination> {
    let state = rds.state();
    let instance = state.instances.values().find(|it| it.server.is_some() && it.port == Some(port))?;
    let settings = &instance.database.settings;
    let port = settings
        .get("Port")
        .and_then(|it| it.parse().ok())
        .unwrap_or(instance.database.engine.default_port());
    Some(Destination {
        arn: instance.arn(),
        place: instance.place.clone(),
        publicly_accessible: settings.is_on("PubliclyAccessible"),
        port,
        security_group_ids: instance.security_group_ids(),
    })
}
