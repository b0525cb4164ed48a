//! Hand-offs that are delivered twice.

use anyhow::Result;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};
use tests::{World, eventually, handoff_of};

// R18: a message delivered twice restores twice, a lost one is lost.
/// Finishes the world's first run, whose hand-off comes three times; answers its name.
pub async fn a_duplicate_hand_off_starts_nothing(world: &World, execution: &str) -> Result<String> {
    let source = world.source.succeeded(execution).await?;
    let handoff = handoff_of(&source)?;

    // While the first one is at work, and once it is done.
    publish(world, &handoff).await?;
    let (run, ..) = world.finish_run(execution).await?;
    publish(world, &handoff).await?;
    eventually("both duplicates to be received", || async {
        let received = world.local_aws.calls().await?.into_iter().filter(is_start_by_receive).count();
        Ok((received == 3).then_some(()))
    })
    .await?;

    assert_eq!(executions(world).await?, 1);
    eventually("an empty queue", || async {
        let waiting = messages(world, "HandoffQueueUrl").await?;
        Ok((waiting == (0, 0)).then_some(()))
    })
    .await?;
    assert_eq!(messages(world, "HandoffDeadLetterQueueUrl").await?, (0, 0));
    Ok(run)
}

async fn publish(world: &World, handoff: &Value) -> Result<()> {
    let topic = world.source_outputs.get("HandoffTopicArn")?;
    world.source.sns.publish().topic_arn(topic).message(handoff.to_string()).send().await?;
    Ok(())
}

/// `Receive` asks Step Functions for an execution of the run's name, whether or not there is one.
fn is_start_by_receive(call: &Value) -> bool {
    call["operation"] == json!("StartExecution")
        && call["who"].as_str().is_some_and(|who| who.contains("ReceiveRole"))
}

async fn executions(world: &World) -> Result<usize> {
    let machine = world.target_outputs.get("TargetAccountStateMachineArn")?;
    Ok(world.target.states.list_executions().state_machine_arn(machine).send().await?.executions.len())
}

/// Messages waiting in a queue, and in flight.
async fn messages(world: &World, output: &str) -> Result<(u32, u32)> {
    let get = world.target.sqs.get_queue_attributes().queue_url(world.target_outputs.get(output)?);
    let attributes =
        get.attribute_names(QueueAttributeName::All).send().await?.attributes.unwrap_or_default();
    let number = |name| attributes.get(&name).and_then(|it| it.parse().ok()).unwrap_or(u32::MAX);
    Ok((
        number(QueueAttributeName::ApproximateNumberOfMessages),
        number(QueueAttributeName::ApproximateNumberOfMessagesNotVisible),
    ))
}
