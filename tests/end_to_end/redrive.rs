//! An execution that failed is redriven: it goes on at the state that failed, with what the states before it answered.
//!
//! The local Step Functions lacks RedriveExecution. In its place another machine is made from the same definition, in
//! which each state that is through answers as it did, without its function.

use crate::refusals::{Refusal, refuse};
use anyhow::{Context, Result};
use aws_sdk_sfn::types::ExecutionStatus;
use executions::events_since;
use replication::RunId;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tests::{Account, REPLICATION, World};

/// Runs the replication once more, and makes it fail in every way.
pub async fn what_failed_at_any_state_is_redriven_from_there(
    world: &World,
    in_source: &[Refusal],
    in_target: &[Refusal],
) -> Result<()> {
    let run = RunId::started(jiff::Timestamp::now(), "redrive");
    let name = format!("{REPLICATION}-{run}");
    let mut input = world.input();
    input["run"] = json!(run);
    refuse(world, &world.source, &in_source[0]).await?;
    refuse(world, &world.target, &in_target[0]).await?;
    let failed = world.start_run(&input).await?;
    fail_and_redrive(world, &world.source, &failed, in_source).await?;

    let machine = world.target_outputs.get("TargetAccountStateMachineArn")?;
    let failed = world.target.execution_named(machine, &name).await?;
    fail_and_redrive(world, &world.target, &failed, in_target).await?;
    assert_eq!(world.application_secret().await?.db_instance_identifier, name);
    Ok(())
}

/// An execution that fails where the first of these says is redriven, to fail where the next one says, and so on;
/// the last time it ends.
async fn fail_and_redrive(world: &World, account: &Account, failed: &str, refused: &[Refusal]) -> Result<()> {
    let states = &account.states;
    let first = states.describe_state_machine_for_execution().execution_arn(failed).send().await?;
    let definition: Value = serde_json::from_str(&first.definition)?;
    let input = states.describe_execution().execution_arn(failed).send().await?.input;
    let (mut arn, mut answers) = (failed.to_owned(), BTreeMap::new());
    for (at, Refusal { state, .. }) in refused.iter().enumerate() {
        let execution = account.ended(&arn).await?;
        assert_eq!(execution.status, ExecutionStatus::Failed, "{state}: {:?}", execution.output);
        let steps: Vec<&str> = execution.steps.iter().map(|it| it.step.as_str()).collect();
        assert_eq!(execution.failure().map(|it| it.step).as_ref(), Some(state));
        if at > 0 {
            assert_eq!(
                steps.first(),
                Some(&refused[at - 1].state.as_str()),
                "what was through ran again: {steps:?}"
            );
        }
        answers.extend(answers_of(account, &arn).await?);

        if let Some(next) = refused.get(at + 1) {
            refuse(world, account, next).await?;
        }
        let redriven = redriven(&definition, &answers, state)?;
        let create = states.create_state_machine().name(format!("redriven-{at}")).role_arn(&first.role_arn);
        let machine = create.definition(redriven.to_string()).send().await?.state_machine_arn;
        let start = states.start_execution().state_machine_arn(machine).name(format!("redriven-{at}"));
        arn = start.set_input(input.clone()).send().await?.execution_arn;
    }
    account.succeeded(&arn).await?;
    Ok(())
}

/// What each function last answered in an execution, by state.
async fn answers_of(account: &Account, arn: &str) -> Result<BTreeMap<String, Value>> {
    let events = events_since(&account.states, arn, 0).await?.context("the execution is there")?;
    let exited = events.iter().filter(|it| it.r#type().as_str() == "TaskStateExited");
    let mut answers = BTreeMap::new();
    for it in exited.filter_map(|it| it.state_exited_event_details()) {
        let mut output: Value = serde_json::from_str(it.output().unwrap_or_default())?;
        answers.insert(it.name().to_owned(), output["Payload"].take());
    }
    Ok(answers)
}

/// The definition in which the states before `failed` answer as they did, and `failed` goes on after its own last look.
fn redriven(definition: &Value, answers: &BTreeMap<String, Value>, failed: &str) -> Result<Value> {
    let mut redriven = definition.clone();
    let mut own = serde_json::Map::new();
    for (state, answer) in answers {
        let it = &mut redriven["States"][state];
        let variables = it["Assign"].as_object().with_context(|| format!("{state} assigns its answer"))?;
        let is_answer = |(_, value): &(&String, &Value)| *value == "{% $states.result.Payload %}";
        let assigned: serde_json::Map<_, _> =
            variables.iter().filter(is_answer).map(|(name, _)| (name.clone(), answer.clone())).collect();
        if state == failed {
            own = assigned;
        } else {
            *it = json!({"Type": "Pass", "Assign": assigned, "Next": it["Next"]});
        }
    }
    let begin = redriven["StartAt"].as_str().context("a machine starts somewhere")?.to_owned();
    let assign = redriven["States"][begin]["Assign"].as_object_mut().context("the first state assigns")?;
    assign.extend(own);
    Ok(redriven)
}
