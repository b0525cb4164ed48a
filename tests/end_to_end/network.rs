//! The network decides what `Verify` reaches, as on AWS.

use crate::world;
use anyhow::{Context, Result};
use executions::Followed;
use serde_json::json;
use tests::{POSTGRES, World, eventually, handoff_of, start};

// Rule of AWS: a function in no VPC reaches no private address, and security groups let in only whom they name.
#[tokio::test]
async fn verify_reaches_a_copy_only_if_its_vpc_and_the_copys_security_groups_let_it() -> Result<()> {
    let mut world = world().await?;
    let (target, network) = (&world.target, &world.network);
    world.create_source().await?;
    let closed = target.security_group(&network.vpc_id, "closed").await?;
    let mut settings = world.settings();
    settings["placement"]["vpcSecurityGroupIds"] = json!([closed]);
    world.put_settings(&settings).await?;
    target.place_function("Verify", &[], &[]).await?;

    let execution = world.start_run(&world.input()).await?;
    let handoff = handoff_of(&world.source.succeeded(&execution).await?)?;
    let name = format!("orders-{}", handoff["run"].as_str().context("a run has a name")?);
    let machine = world.target_outputs.get("TargetAccountStateMachineArn")?;
    let arn = target.execution_named(machine, &name).await?;
    gets_no_answer(&world, &arn).await?;
    let described = target.states.describe_execution().execution_arn(&arn).send().await?;
    target.states.stop_execution().execution_arn(&arn).send().await?;

    // In its VPC now, but the copy's security group does not let it in.
    target.place_function("Verify", &network.subnet_ids, &[&network.verify_group]).await?;
    let input = serde_json::from_str(described.input().context("an execution has an input")?)?;
    let arn = start(target, machine, Some(format!("{name}-r2")), &input).await?;
    gets_no_answer(&world, &arn).await?;

    target.let_in(&closed, &network.verify_group, POSTGRES).await?;
    target.succeeded(&arn).await?;
    assert_eq!(world.application_secret().await?.db_instance_identifier, name);
    world.local_aws.stop().await
}

async fn gets_no_answer(world: &World, arn: &str) -> Result<()> {
    let reason = eventually("a look of Verify", || async {
        let mut followed = Followed::default();
        followed.look(&world.target.states, arn).await?;
        Ok(followed.step("Verify").map(|it| it.reason.clone()).filter(|it| !it.is_empty()))
    });
    let reason = reason.await?;
    assert!(reason.contains("does not answer within"), "{reason}");
    Ok(())
}
