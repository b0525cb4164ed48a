//! Runs that overlap, hand-offs that come late, and a scheduler that fires twice.

use crate::part::part;
use crate::{report_of, world};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::{Orders, REPLICATION, World, handoff_of};

#[tokio::test]
async fn of_runs_that_overlap_the_newest_is_live_and_all_arrive() -> Result<()> {
    let mut world = world().await?;
    let mut orders = world.create_source().await?;
    let reports = world.target.listen(world.target_outputs.get("OperationsTopicArn")?, "operations").await?;
    // The first hand-off is refused: the target account has no settings.
    world.target.ssm.delete_parameter().name("/snapferry/replications/orders").send().await?;
    let first = world.start_run(&world.input()).await?;
    let late = handoff_of(&world.source.succeeded(&first).await?)?;
    report_of(&world.target, &reports, "REFUSED").await?;
    world.target.sqs.purge_queue().queue_url(world.target_outputs.get("HandoffQueueUrl")?).send().await?;
    world.put_settings(&world.settings()).await?;

    let newest = part(
        "of two runs at once the newer one is live, and both arrive",
        of_two_runs_at_once_the_newer_one_is_live_and_both_arrive(&world, &mut orders),
    )
    .await?;
    part(
        "a hand-off that comes after a newer one restores a copy that does not go live",
        a_late_hand_off_restores_a_copy_that_does_not_go_live(&world, &reports, &late, &newest),
    )
    .await?;
    world.local_aws.stop().await
}

/// Answers the newer one's name.
async fn of_two_runs_at_once_the_newer_one_is_live_and_both_arrive(
    world: &World,
    orders: &mut Orders,
) -> Result<String> {
    let rows = orders.fingerprint().await?;
    let (first, second) = tokio::try_join!(async { world.start_run(&world.input()).await }, async {
        // A run's name holds its second.
        tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
        world.start_run(&world.input()).await
    })?;
    let (first, second) = tokio::try_join!(world.finish_run(&first), world.finish_run(&second))?;
    assert!(first.0 < second.0);
    let live = world.application_secret().await?;
    assert_eq!(live.db_instance_identifier, format!("{REPLICATION}-{}", second.0));
    assert_eq!(live.connect().await?.fingerprint().await?, rows);
    let other = world.secret(&format!("snapferry/{REPLICATION}/{}", first.0)).await?;
    assert_eq!(other.connect().await?.fingerprint().await?, rows, "a way back, under its own password");
    Ok(second.0)
}

async fn a_late_hand_off_restores_a_copy_that_does_not_go_live(
    world: &World,
    reports: &str,
    handoff: &Value,
    newest: &str,
) -> Result<()> {
    let topic = world.source_outputs.get("HandoffTopicArn")?;
    world.source.sns.publish().topic_arn(topic).message(handoff.to_string()).send().await?;
    let run = handoff["run"].as_str().context("a hand-off names its run")?;
    let machine = world.target_outputs.get("TargetAccountStateMachineArn")?;
    let late = world.target.execution_named(machine, &format!("{REPLICATION}-{run}")).await?;
    world.target.succeeded(&late).await?;
    let told = loop {
        let told = report_of(&world.target, reports, "SUCCEEDED").await?;
        if told["run"] == json!(run) {
            break told;
        }
    };
    assert_eq!(told["live"], json!(false), "{told}");
    assert!(told["reason"].as_str().is_some_and(|it| it.contains(newest)), "{told}");
    let live = world.application_secret().await?;
    assert_eq!(live.db_instance_identifier, format!("{REPLICATION}-{newest}"));
    Ok(())
}

/// Answers the name of the one run. Another one may have been before it.
pub async fn a_tick_that_is_delivered_twice_makes_one_copy(world: &World) -> Result<String> {
    let mut input = world.input();
    input["scheduledTime"] = json!(format!("{:.0}", jiff::Timestamp::now()));
    let (one, other) = tokio::try_join!(world.start_run(&input), world.start_run(&input))?;
    let (one, other) = tokio::try_join!(world.finish_run(&one), world.finish_run(&other))?;
    assert_eq!(one.0, other.0, "one run");
    assert_eq!(one.2.arn, other.2.arn, "and one target execution");

    let identifier = format!("{REPLICATION}-{}", one.0);
    let snapshots = world.source.rds.describe_db_snapshots().snapshot_type("manual").send().await?;
    let names = snapshots.db_snapshots().iter().filter_map(|it| it.db_snapshot_identifier());
    // Those of this run, and any that a second run would have made after it.
    let mut names: Vec<_> = names.filter(|it| *it >= identifier.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, [identifier.clone(), format!("{identifier}-copy")]);
    let machine = world.target_outputs.get("TargetAccountStateMachineArn")?;
    let runs = world.target.states.list_executions().state_machine_arn(machine).send().await?.executions;
    let runs: Vec<_> = runs.iter().filter(|it| it.name >= identifier).collect();
    assert_eq!(runs.len(), 1, "{runs:?}");
    assert_eq!(world.application_secret().await?.db_instance_identifier, identifier);
    Ok(one.0)
}
