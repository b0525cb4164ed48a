//! The naive way: the load balancer is switched in place, the new address in and the old one out at once, and the
//! application's secret follows. The databases, the load balancer and the application are the same.

use super::report::{By, Kind, Played, Written};
use super::stage::Stage;
use ::tests::{Copies, Example, Lanes, REPLICATION, SecretSays, TimeLine, World, eventually};
use anyhow::{Context, Result};
use executions::Screen;
use serde_json::{Value, json};
use std::time::Instant;

/// Leads the live copy's lane to another copy.
pub async fn play(
    world: &World,
    lanes: &Lanes,
    example: &Example,
    screen: &Screen,
) -> Result<(Played, Written)> {
    let live = world.application_secret().await?;
    let copies = Copies::of(&world.target, REPLICATION).await?.instances;
    let other = copies.into_iter().find(|it| *it != live.db_instance_identifier);
    let other = world.secret_of(&other.context("there is another copy")?).await?;

    let mut switched = Instant::now();
    let switch = async {
        let group = lanes.target_group_at(live.port)?;
        on_target(world, "RegisterTargets", group, &other, other.port).await?;
        on_target(world, "DeregisterTargets", group, &live, other.port).await?;
        switched = Instant::now();
        eventually("the new target to be healthy", || async {
            let seen = on_target(world, "DescribeTargetHealth", group, &other, other.port).await?;
            Ok(seen.contains("<State>healthy</State>").then_some(()))
        })
        .await?;
        lead_secret_to(world, &other).await
    };
    let mut stage = Stage::open(world, By::NetworkLoadBalancer, example).await?;
    stage.play(Kind::Naive, screen, "The same the naive way", switch).await?;
    let (played, written) = stage.close().await?;
    let played = played.into_iter().next().context("it was played")?;
    // Here the load balancer decides which database is live, and not the secret.
    let mut line = TimeLine::default();
    line.saw(&live.db_instance_identifier, switched, switched);
    line.saw(&other.db_instance_identifier, switched, switched);
    Ok((Played { moved: switched, ..played }, Written { line, ..written }))
}

/// One call on one target of a group; its answer.
async fn on_target(world: &World, action: &str, group: &str, copy: &SecretSays, port: u16) -> Result<String> {
    let (id, port) = (copy.address().await?.to_string(), port.to_string());
    let target = [("TargetGroupArn", group), ("Targets.member.1.Id", &id), ("Targets.member.1.Port", &port)];
    world.target.load_balancing(action, &target).await
}

/// Writes the copy's name, user and password into the application's secret. The port stays that of the lane.
async fn lead_secret_to(world: &World, copy: &SecretSays) -> Result<()> {
    let (secrets, secret) = (&world.target.secrets, world.target_outputs.get("ApplicationSecretArn")?);
    let answer = secrets.get_secret_value().secret_id(secret).send().await?;
    let mut value: Value = serde_json::from_str(answer.secret_string().context("the secret has a text")?)?;
    let SecretSays { host, db_instance_identifier, username, password, .. } = copy;
    for (key, says) in [
        ("host", host),
        ("dbInstanceIdentifier", db_instance_identifier),
        ("username", username),
        ("password", password),
    ] {
        value[key] = json!(says);
    }
    secrets.put_secret_value().secret_id(secret).secret_string(value.to_string()).send().await?;
    Ok(())
}
