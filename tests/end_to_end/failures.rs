//! Failures end an execution by name, are reported from outside, and leave the secret alone.

use crate::{next_report, world};
use anyhow::Result;
use serde_json::json;
use tests::{SOURCE_INSTANCE, eventually};

// P0-2: pruning only after success fills the quotas.
#[tokio::test]
async fn a_failed_snapshot_is_reported_to_the_operations_topic() -> Result<()> {
    let mut world = world().await?;
    world.create_source().await?;
    let reports = world.source.listen(world.source_outputs.get("OperationsTopicArn")?, "operations").await?;
    let failing = json!({"snapshotFails": {"dbInstanceIdentifier": SOURCE_INSTANCE, "atPercent": 40}});
    world.local_aws.misbehave(&failing).await?;

    let arn = world.start_run(&world.input()).await?;
    let execution = world.source.ended(&arn).await?;
    assert_eq!(execution.error.as_deref(), Some("Snapferry.SnapshotFailed"), "{:?}", execution.cause);

    let (subject, message) = next_report(&world.source, &reports).await?;
    assert_eq!(subject, "Snapferry: orders failed with Snapferry.SnapshotFailed");
    assert_eq!(message["executionArn"], json!(arn));
    assert_eq!(message["outcome"], "FAILED");
    assert!(message["cause"].as_str().is_some_and(|cause| cause.contains("is failed")), "{message}");

    // The clean-up goes through, and applications see nothing of it all.
    let machine = world.source_outputs.get("CleanUpStateMachineArn")?;
    let clean_up = eventually("the clean-up", || async {
        let executions =
            world.source.states.list_executions().state_machine_arn(machine).send().await?.executions;
        Ok(executions.into_iter().next().map(|it| it.execution_arn))
    })
    .await?;
    world.source.succeeded(&clean_up).await?;
    let secret = world.target_outputs.get("ApplicationSecretArn")?;
    let answer = world.target.secrets.get_secret_value().secret_id(secret).send().await?;
    assert_eq!(answer.secret_string(), Some("{}"));
    world.local_aws.stop().await
}
