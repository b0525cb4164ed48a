//! The network before a DB instance: a function's connection is answered only if AWS's network would lead it there.
//! Everybody else on this machine stands for somebody whom the network lets in.

use std::sync::Weak;

use anyhow::Context;

use super::rds::Rds;
use crate::{
    ministack::{Client, elements},
    place::Place,
    process::{Connection, FunctionProcess},
    rds::model::network::{Origin, Rule, leads},
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
    let origin = origin(ministack, &function).await?;
    let mut rules = Vec::new();
    for id in &destination.security_group_ids {
        rules.extend(inbound(ministack, &destination.place, id).await?);
    }
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

async fn origin(ministack: &Client, function: &FunctionProcess) -> anyhow::Result<Origin> {
    let FunctionProcess { function_name, region, access_key_id } = function;
    let account_id = ministack.account_of(access_key_id).await.context("its access key is unknown")?;
    let config = ministack.vpc_config(&account_id, region, function_name).await?;
    if config.subnet_ids.is_empty() {
        return Ok(Origin::Internet);
    }
    let mut cidrs = Vec::new();
    for id in &config.subnet_ids {
        let answer =
            ministack.query(&account_id, region, "ec2", "DescribeSubnets", &[("SubnetId.1", id)]).await?;
        cidrs.extend(elements(&answer, "cidrBlock").map(str::to_owned));
    }
    Ok(Origin::Vpc { security_group_ids: config.security_group_ids, cidrs })
}

/// The inbound rules of a security group. RDS invents the default one: it lets in only its own members.
async fn inbound(ministack: &Client, place: &Place, id: &str) -> anyhow::Result<Vec<Rule>> {
    if id == place.invented("sg") {
        return Ok(vec![Rule::of_members(id)]);
    }
    let only = [("Filter.1.Name", "group-id"), ("Filter.1.Value.1", id)];
    let Place { account_id, region } = place;
    let answer = ministack.query(account_id, region, "ec2", "DescribeSecurityGroupRules", &only).await?;
    let rules =
        answer.split("<securityGroupRuleId>").skip(1).filter(|rule| rule.contains("<isEgress>false<"));
    Ok(rules.map(read).collect())
}

fn read(rule: &str) -> Rule {
    let text = |xml: &str, name: &str| elements(xml, name).next().map(str::to_owned);
    let port = |name: &str| text(rule, name).and_then(|it| it.parse().ok()).unwrap_or(-1);
    Rule {
        protocol: text(rule, "ipProtocol").unwrap_or_default(),
        from_port: port("fromPort"),
        to_port: port("toPort"),
        security_group_id: text(rule, "referencedGroupInfo").and_then(|it| text(&it, "groupId")),
        cidr: text(rule, "cidrIpv4"),
    }
}
