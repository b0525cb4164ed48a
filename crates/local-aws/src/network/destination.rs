//! Something that listens behind security groups: a DB instance, a load balancer, a proxy.

use super::{
    asked,
    rules::{Origin, leads},
};
use crate::{
    ministack::Client,
    place::Place,
    process::{Connection, FunctionProcess},
};

/// What the network asks of something that listens.
pub struct Destination {
    /// Its ARN.
    pub arn: String,
    /// Where it is.
    pub place: Place,
    /// Does it have a public address?
    pub publicly_accessible: bool,
    /// Its port on AWS.
    pub port: u16,
    /// Its security groups.
    pub security_group_ids: Vec<String>,
}

/// The function at the other end of a connection, if there is one.
pub async fn function_at(connection: Connection) -> anyhow::Result<Option<FunctionProcess>> {
    Ok(tokio::task::spawn_blocking(move || FunctionProcess::that_holds(connection)).await?)
}

impl Destination {
    /// Does the network let the connection in? Only a function is asked about: everybody else on this machine stands for
    /// somebody whom the network lets in.
    pub async fn lets_in(&self, ministack: &Client, connection: Connection) -> bool {
        let answer = async {
            match function_at(connection).await? {
                Some(function) => self.is_led_to_by(ministack, &function).await,
                None => Ok(true),
            }
        };
        answer.await.unwrap_or_else(|error| {
            tracing::error!("cannot tell whether {connection:?} may be made: {error:#}");
            false
        })
    }

    /// Does the network lead a function here?
    pub async fn is_led_to_by(&self, ministack: &Client, function: &FunctionProcess) -> anyhow::Result<bool> {
        let origin = asked::origin(ministack, function).await?;
        self.is_led_to(ministack, &origin, &function.function_name).await
    }

    /// Does the network lead from there to here? `who` is for the log.
    pub async fn is_led_to(&self, ministack: &Client, origin: &Origin, who: &str) -> anyhow::Result<bool> {
        let rules = asked::inbound(ministack, &self.place, &self.security_group_ids).await?;
        let led = leads(origin, self.publicly_accessible, self.port, &rules);
        if !led {
            tracing::info!("the network does not lead {who} to {}: {origin:?}, {rules:?}", self.arn);
        }
        Ok(led)
    }
}
