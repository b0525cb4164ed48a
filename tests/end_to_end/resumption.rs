//! A failure at each state is reported and cleaned up, and the run goes on where it failed.

use crate::part::part;
use crate::redrive::what_failed_at_any_state_is_redriven_from_there;
use crate::refusals::{Refusal, refusals, refuse};
use crate::{run, world};
use anyhow::{Context, Result};
use replication::RunId;
use serde_json::{Value, json};
use tests::{Account, Fingerprint, REPLICATION, World, eventually, start};

// P0-1: a Catch that leads to Fail can never be redriven.
// Invariant: a step repeated changes nothing that is done.
// Invariant: nothing catches a failure.
#[tokio::test]
async fn a_failure_at_each_state_is_reported_and_cleaned_up_and_the_run_resumes_or_is_redriven() -> Result<()>
{
    let mut world = world().await?;
    let mut orders = world.create_source().await?;
    let rows = orders.fingerprint().await?;
    run(&world).await?;
    let record = world.local_aws.calls().await?;
    let source = refusals("source-account", &world.source, &record)?;
    let target = refusals("target-account", &world.target, &record)?;
    for refusal in source.iter().chain(&target) {
        println!("{refusal:?}");
    }
    part(
        "a failure at each state is reported and cleaned up, and the run resumes",
        a_failure_at_each_state_is_reported_and_cleaned_up_and_the_run_resumes(&world, &source, &target),
    )
    .await?;
    holds(&world, &rows).await?;
    part(
        "what failed at any state is redriven from there",
        what_failed_at_any_state_is_redriven_from_there(&world, &source, &target),
    )
    .await?;
    holds(&world, &rows).await?;
    world.local_aws.stop().await
}

/// The live copy holds these rows.
async fn holds(world: &World, rows: &Fingerprint) -> Result<()> {
    assert_eq!(world.application_secret().await?.connect().await?.fingerprint().await?, *rows);
    Ok(())
}

async fn a_failure_at_each_state_is_reported_and_cleaned_up_and_the_run_resumes(
    world: &World,
    in_source: &[Refusal],
    in_target: &[Refusal],
) -> Result<()> {
    let run = RunId::started(jiff::Timestamp::now(), "resumption");
    let name = format!("{REPLICATION}-{run}");

    let mut input = world.input();
    input["run"] = json!(run);
    let machine = world.source_outputs.get("SourceAccountStateMachineArn")?;
    // Whichever attempt hands off first starts the one execution, which meets the first failure of the target account.
    refuse(world, &world.target, &in_target[0]).await?;
    for (at, refused) in in_source.iter().enumerate() {
        refuse(world, &world.source, refused).await?;
        let arn = start(&world.source, machine, Some(format!("attempt-{at}")), &input).await?;
        failed(&world.source, &world.source_outputs, &arn, refused, at).await?;
    }
    let arn = start(&world.source, machine, Some("attempt-last".to_owned()), &input).await?;
    world.source.succeeded(&arn).await?;

    let machine = world.target_outputs.get("TargetAccountStateMachineArn")?;
    let mut arn = world.target.execution_named(machine, &name).await?;
    let described = world.target.states.describe_execution().execution_arn(&arn).send().await?;
    let input: Value = serde_json::from_str(described.input().context("an execution has an input")?)?;
    for (at, refused) in in_target.iter().enumerate() {
        if at > 0 {
            refuse(world, &world.target, refused).await?;
            arn = start(&world.target, machine, Some(format!("{name}-r{}", at + 1)), &input).await?;
        }
        failed(&world.target, &world.target_outputs, &arn, refused, at).await?;
    }
    arn = start(&world.target, machine, Some(format!("{name}-last")), &input).await?;
    world.target.succeeded(&arn).await?;

    assert_eq!(world.application_secret().await?.db_instance_identifier, name);
    Ok(())
}

/// The execution failed in that state, and `at` + 1 clean-ups have gone through.
async fn failed(
    account: &Account,
    outputs: &tests::Outputs,
    arn: &str,
    refused: &Refusal,
    at: usize,
) -> Result<()> {
    let execution = account.ended(arn).await?;
    let failure = execution.failure().with_context(|| format!("{refused:?} fails nothing"))?;
    assert!(failure.error.ends_with("Refused"), "{refused:?}: {failure}");
    assert_eq!(failure.step, refused.state, "{failure}");
    let machine = outputs.get("CleanUpStateMachineArn")?;
    let clean_ups = eventually("another clean-up", || async {
        let list = account.states.list_executions().state_machine_arn(machine).send().await?.executions;
        Ok((list.len() > at).then_some(list))
    })
    .await?;
    assert_eq!(clean_ups.len(), at + 1, "{refused:?}");
    for clean_up in clean_ups {
        account.succeeded(&clean_up.execution_arn).await?;
    }
    Ok(())
}
