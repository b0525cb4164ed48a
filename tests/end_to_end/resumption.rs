//! A failure at each state is reported and cleaned up, and the run goes on where it failed.

use crate::world;
use anyhow::{Context, Result};
use replication::RunId;
use serde_json::{Value, json};
use tests::{Account, REPLICATION, World, eventually};

/// A state, and a call of its function that is refused for good once.
pub(crate) type Refused = (&'static str, &'static str, &'static str);

pub(crate) const SOURCE: &[Refused] = &[
    ("Snapshot", "rds", "CreateDBSnapshot"),
    ("CopyAndReencrypt", "rds", "CopyDBSnapshot"),
    ("Share", "rds", "ModifyDBSnapshotAttribute"),
    ("Share", "sns", "Publish"),
    ("Prune", "rds", "DescribeDBSnapshots"),
];

pub(crate) const TARGET: &[Refused] = &[
    ("CopyAndReencrypt", "rds", "CopyDBSnapshot"),
    ("Restore", "rds", "RestoreDBInstanceFromDBSnapshot"),
    ("StageSecret", "secretsmanager", "CreateSecret"),
    ("StageSecret", "rds", "ModifyDBInstance"),
    ("Verify", "secretsmanager", "GetSecretValue"),
    ("PromoteSecret", "secretsmanager", "UpdateSecretVersionStage"),
    ("Prune", "rds", "DescribeDBInstances"),
    ("Report", "sns", "Publish"),
];

// P0-1: a Catch that leads to Fail can never be redriven.
// Invariant: a step repeated changes nothing that is done.
// Invariant: nothing catches a failure.
#[tokio::test]
async fn a_failure_at_each_state_is_reported_and_cleaned_up_and_the_run_resumes() -> Result<()> {
    let mut world = world().await?;
    let mut orders = world.create_source().await?;
    let expected = orders.fingerprint().await?;
    let run = RunId::started(jiff::Timestamp::now(), "resumption");
    let name = format!("{REPLICATION}-{run}");

    let mut input = world.input();
    input["run"] = json!(run);
    let machine = world.source_outputs.get("SourceAccountStateMachineArn")?;
    // Whichever attempt hands off first starts the one execution, which meets the first failure of the target account.
    refuse(&world, &world.target, &TARGET[0]).await?;
    for (at, refused) in SOURCE.iter().enumerate() {
        refuse(&world, &world.source, refused).await?;
        let arn = start(&world.source, machine, &format!("attempt-{at}"), &input).await?;
        failed(&world.source, &world.source_outputs, &arn, refused, at).await?;
    }
    let arn = start(&world.source, machine, "attempt-last", &input).await?;
    world.source.succeeded(&arn).await?;

    let machine = world.target_outputs.get("TargetAccountStateMachineArn")?;
    let mut arn = world.target.execution_named(machine, &name).await?;
    let described = world.target.states.describe_execution().execution_arn(&arn).send().await?;
    let input: Value = serde_json::from_str(described.input().context("an execution has an input")?)?;
    for (at, refused) in TARGET.iter().enumerate() {
        if at > 0 {
            refuse(&world, &world.target, refused).await?;
            arn = start(&world.target, machine, &format!("{name}-r{}", at + 1), &input).await?;
        }
        failed(&world.target, &world.target_outputs, &arn, refused, at).await?;
    }
    arn = start(&world.target, machine, &format!("{name}-last"), &input).await?;
    world.target.succeeded(&arn).await?;

    let live = world.application_secret().await?;
    assert_eq!(live.db_instance_identifier, name);
    assert_eq!(live.connect().await?.fingerprint().await?, expected);
    world.local_aws.stop().await
}

/// The next such call of the state's function is refused, by an error that no step takes for one that passes.
pub(crate) async fn refuse(
    world: &World,
    account: &Account,
    (state, service, operation): &Refused,
) -> Result<()> {
    let code = match *service {
        "rds" => "ValidationError",
        "sns" => "InvalidParameter",
        _ => "InvalidRequestException",
    };
    let how = json!({"refused": {"code": code, "message": "refused once", "status": 400}});
    let who = format!("{}/*{state}*", account.id);
    let call = json!({"who": who, "service": service, "operation": operation, "how": how});
    world.local_aws.misbehave(&json!({ "call": call })).await
}

async fn start(account: &Account, machine: &str, name: &str, input: &Value) -> Result<String> {
    let start =
        account.states.start_execution().state_machine_arn(machine).name(name).input(input.to_string());
    Ok(start.send().await?.execution_arn)
}

/// The execution failed in that state, and `at` + 1 clean-ups have gone through.
async fn failed(
    account: &Account,
    outputs: &tests::Outputs,
    arn: &str,
    refused: &Refused,
    at: usize,
) -> Result<()> {
    let execution = account.ended(arn).await?;
    let error = execution.error.unwrap_or_default();
    assert!(error.ends_with("Refused"), "{refused:?}: {error}: {:?}", execution.cause);
    assert_eq!(execution.steps.last().map(|it| it.step.as_str()), Some(refused.0), "{refused:?}");
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
