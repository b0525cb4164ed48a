//! The network before a DB instance: a function's connection is answered only if AWS's network would lead it there.
//! Everybody else on this machine stands for somebody whom the network lets in.

use std::sync::Weak;

use super::rds::Rds;
use crate::{
    ministack::Client,
    network::{asked, rules::leads},
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

/// The gate of every DB instance. `rds` is there before a DB instance is.
pub fn gate(rds: Weak<Rds>, ministack: Client) -> Gate {
    Gate::new(move |connection| {
        let (rds, ministack) = (rds.clone(), ministack.clone());
        async move {
            lets_in(&rds, &ministack, connection).await.unwrap_or_else(|error| {
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
    let rules = asked::inbound(ministack, &destination.place, &destination.security_group_ids).await?;
    let led = leads(&origin, destination.publicly_accessible, destination.port, &rules);
    if !led {
        let (name, arn) = (&function.function_name, &destination.arn);
        tracing::info!("the network does not lead {name} to {arn}: {origin:?}, {rules:?}");
    }
    Ok(led)
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
