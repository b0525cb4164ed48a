//! One case: make ready, arm the fault, run, resume what failed by name, check.

use crate::cases::{Case, Names, Scenario};
use crate::invariants;
use crate::lane::Lane;
use anyhow::{Context, Result, ensure};
use aws_sdk_sfn::types::ExecutionStatus;
use executions::Execution;
use replication::RunId;
use serde_json::{Value, json};
use tests::promises::{Watch, failed_by_name, only_ours_was_changed};
use tests::{Account, Outputs, POSTGRES, REPLICATION, clean_up_events, eventually, start};

/// Runs a scenario, with a fault or without; answers the calls that were made meanwhile.
pub async fn run(lane: &mut Lane, scenario: Scenario, case: Option<&Case>) -> Result<(Vec<Value>, Names)> {
    if lane.previous.is_none() {
        lane.run_unharmed().await?;
    }
    let run = match scenario {
        Scenario::Run => Some(lane.next_run().await),
        _ => None,
    };
    let names = Names::of(lane, run.as_ref())?;
    prepare(lane, scenario).await.context("cannot make ready")?;
    let since = lane.sequence().await?;
    if let Some(case) = case {
        lane.world.local_aws.fault(&case.planned(&names)).await?;
    }
    let secret = lane.world.target_outputs.get("ApplicationSecretArn")?.to_owned();
    let watch = Watch::begin(&lane.world.target, &secret, &lane.failovers);
    let performed = perform(lane, scenario, run, case).await;
    let watched = watch.end().await?;
    let pending = lane.world.local_aws.pending_faults().await?;
    lane.world.local_aws.forget_faults().await?;
    performed?;
    ensure!(watched.problems.is_empty(), "the application's secret: {}", watched.problems.join("; "));
    if let Some(case) = case {
        let untouched = pending.iter().any(|it| it["times"] == case.times);
        ensure!(!untouched, "expected such a call, but none was made");
    }
    let record = lane.world.local_aws.calls_since(since).await?;
    only_ours_was_changed(&record, &[(REPLICATION, &secret)])?;
    lane.others.are_untouched(&lane.world).await?;
    tidy_up(lane, scenario).await.context("cannot go back to where the next case begins")?;
    invariants::no_orphan_survives(lane).await?;
    invariants::sweep_source(lane).await?;
    Ok((record, names))
}

/// What a scenario needs before it.
async fn prepare(lane: &mut Lane, scenario: Scenario) -> Result<()> {
    let previous = lane.previous.clone().context("there is a previous copy")?;
    let identifier = format!("{REPLICATION}-{previous}");
    let rds = &lane.world.target.rds;
    let modify = rds.modify_db_instance().db_instance_identifier(&identifier).apply_immediately(true);
    match scenario {
        Scenario::Run | Scenario::FailOver => return Ok(()),
        Scenario::Release => return roll_back(lane, "previous", previous.as_str()).await.map(|_| ()),
        Scenario::CleanUp => {
            // What is in a lane is kept.
            let login = lane.world.secret(&format!("snapferry/{REPLICATION}/{previous}")).await?;
            let address = login.address().await?.to_string();
            lane.world.target.take_out_of_lanes(&address, POSTGRES).await?;
            modify.deletion_protection(true).send().await?;
            eventually("the protection", || async {
                let it = lane.world.target.instance_in(&identifier, "available").await?;
                Ok((it.deletion_protection() == Some(true)).then_some(()))
            })
            .await?;
        }
        Scenario::RollBack => {
            let password = "by-hand-2b5d-by-hand";
            let mut login = lane.world.secret(&format!("snapferry/{REPLICATION}/{previous}")).await?;
            password.clone_into(&mut login.password);
            modify.master_user_password(password).send().await?;
            eventually("the new password", || async { Ok(login.connect().await.ok().map(|_| ())) }).await?;
            lane.world.target.instance_in(&identifier, "available").await?;
        }
    }
    rds.stop_db_instance().db_instance_identifier(&identifier).send().await?;
    lane.world.target.instance_in(&identifier, "stopped").await?;
    Ok(())
}

async fn perform(lane: &mut Lane, scenario: Scenario, run: Option<RunId>, case: Option<&Case>) -> Result<()> {
    let previous = lane.previous.clone().context("there is a previous copy")?;
    match scenario {
        Scenario::Run => {
            let run = run.context("a run has a name")?;
            // What goes wrong in the target account cannot be told from there: the source's part is not
            // repeated.
            if case.is_none_or(Case::concerns_the_source) {
                hand_off(lane, &run).await?;
            } else {
                lane.repeat_handoff(&run).await?;
            }
            restore(lane, &run).await?;
            lane.went_live(run);
            invariants::is_live(lane, &lane.live).await
        }
        Scenario::RollBack => {
            roll_back(lane, "previous", previous.as_str()).await?;
            invariants::is_live(lane, &previous).await
        }
        Scenario::Release => {
            roll_back(lane, "latest", "latest").await?;
            invariants::is_live(lane, &lane.live).await
        }
        Scenario::FailOver => {
            fail_over(lane).await?;
            invariants::is_live(lane, &lane.live).await
        }
        Scenario::CleanUp => {
            clean_up(lane, 0).await?;
            lane.previous = None;
            invariants::is_live(lane, &lane.live).await
        }
    }
}

async fn tidy_up(lane: &mut Lane, scenario: Scenario) -> Result<()> {
    if scenario == Scenario::RollBack {
        roll_back(lane, "latest", "latest").await?;
        invariants::is_live(lane, &lane.live).await?;
    }
    clean_up(lane, 1).await
}

/// The source account's part of a run.
async fn hand_off(lane: &mut Lane, run: &RunId) -> Result<()> {
    let source = lane.world.source.clone();
    let before = clean_ups(&source, &lane.world.source_outputs).await?;
    let arn = lane.start_source(run).await?;
    let first = source.ended(&arn).await?;
    if failed_by_name(&first)? {
        cleaned_up(&source, &lane.world.source_outputs, before).await?;
        let arn = lane.start_source(run).await?;
        source.succeeded(&arn).await.with_context(|| resumed_after(&first))?;
    }
    Ok(())
}

/// The target account's part of a run that was handed off.
async fn restore(lane: &mut Lane, run: &RunId) -> Result<()> {
    let target = lane.world.target.clone();
    let before = clean_ups(&target, &lane.world.target_outputs).await?;
    let machine = lane.world.target_outputs.get("TargetAccountStateMachineArn")?.to_owned();
    let arn = target.execution_named(&machine, &format!("{REPLICATION}-{run}")).await?;
    resume(lane, &target, &machine, &arn, before).await?;
    lane.remember_handoff(&arn).await?;
    invariants::handoffs_are_received(lane).await
}

/// Waits for the end of an execution, and resumes it once if it failed by name.
async fn resume(
    lane: &mut Lane,
    account: &Account,
    machine: &str,
    arn: &str,
    clean_ups_before: usize,
) -> Result<()> {
    let first = account.ended(arn).await?;
    if failed_by_name(&first)? {
        cleaned_up(account, &lane.world.target_outputs, clean_ups_before).await?;
        let again = lane.start_again(account, machine, arn).await?;
        account.succeeded(&again).await.with_context(|| resumed_after(&first))?;
    }
    Ok(())
}

/// A rollback; one that failed by name is started again, naming where it was to go: that may be live by now.
async fn roll_back(lane: &mut Lane, to: &str, resumed_to: &str) -> Result<()> {
    let target = lane.world.target.clone();
    let machine = lane.world.target_outputs.get("RollbackStateMachineArn")?.to_owned();
    let before = clean_ups(&target, &lane.world.target_outputs).await?;
    let arn = start(&target, &machine, None, &json!({"replication": REPLICATION, "to": to})).await?;
    let first = target.ended(&arn).await?;
    if failed_by_name(&first)? {
        cleaned_up(&target, &lane.world.target_outputs, before).await?;
        let input = json!({"replication": REPLICATION, "to": resumed_to});
        let arn = start(&target, &machine, None, &input).await?;
        target.succeeded(&arn).await.with_context(|| resumed_after(&first))?;
    }
    Ok(())
}

/// RDS fails the live copy over. A look that fails by name changes nothing, and a later one leads the lane there.
async fn fail_over(lane: &Lane) -> Result<()> {
    let target = &lane.world.target;
    let (lanes, follower) = target.lanes.as_ref().zip(lane.follower.as_ref()).context("there are lanes")?;
    let live = lane.world.application_secret().await?;
    let (identifier, group) = (&live.db_instance_identifier, lanes.target_group_at(live.port)?);
    let before = live.address().await?;
    target.instance_in(identifier, "available").await?;
    let watch = target.watch_group(group);
    lane.failovers.expect(identifier);
    let reboot = target.rds.reboot_db_instance().db_instance_identifier(identifier);
    reboot.force_failover(true).send().await?;
    eventually("the live copy's lane to follow", || async {
        lane.failovers.expect(identifier);
        failed_by_name(&follower.end_of_sweep().await?)?;
        let now = live.address().await?;
        let alone = [(now.to_string(), "healthy".to_owned())].into();
        Ok((now != before && target.targets(group).await? == alone).then_some(()))
    })
    .await?;
    watch.end().await?;
    target.instance_in(identifier, "available").await.map(|_| ())
}

/// The clean-up in both accounts, as after a failed execution, keeping so many copies beside the live one. One that
/// failed by name is started again.
async fn clean_up(lane: &mut Lane, copies: u32) -> Result<()> {
    let events = clean_up_events(&lane.world, &lane.world.input(), copies, None)?;
    let world = &lane.world;
    let mut started = Vec::new();
    for ((account, outputs), event) in
        [(&world.source, &world.source_outputs), (&world.target, &world.target_outputs)]
            .into_iter()
            .zip(&events)
    {
        let machine = outputs.get("CleanUpStateMachineArn")?;
        started.push((account, machine, event, start(account, machine, None, event).await?));
    }
    for (account, machine, event, arn) in started {
        let first = account.ended(&arn).await?;
        if failed_by_name(&first)? {
            let arn = start(account, machine, None, event).await?;
            account.succeeded(&arn).await.with_context(|| resumed_after(&first))?;
        }
    }
    Ok(())
}

fn resumed_after(first: &Execution) -> String {
    format!("expected that what failed with {:?} ({:?}) resumes", first.error, first.cause)
}

async fn clean_ups(account: &Account, outputs: &Outputs) -> Result<usize> {
    let list = account.states.list_executions().state_machine_arn(outputs.get("CleanUpStateMachineArn")?);
    Ok(list.max_results(1000).send().await?.executions.len())
}

/// Waits until the clean-up that a failure starts is through.
async fn cleaned_up(account: &Account, outputs: &Outputs, before: usize) -> Result<()> {
    let machine = outputs.get("CleanUpStateMachineArn")?;
    eventually("the clean-up after a failure", || async {
        let list = account.states.list_executions().state_machine_arn(machine).max_results(1000);
        let list = list.send().await?.executions;
        let running = list.iter().any(|it| it.status == ExecutionStatus::Running);
        Ok((list.len() > before && !running).then_some(()))
    })
    .await
}
