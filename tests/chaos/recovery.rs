//! When the trouble is over: everything comes to rest, what failed resumes, and what must hold is looked at.

use crate::act::clean_up;
use crate::fleet::{Fleet, Member, Outcomes, executions};
use crate::plan::Side;
use anyhow::{Context, Result, ensure};
use aws_sdk_sfn::types::ExecutionStatus;
use replication::RunId;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tests::promises::{failed_by_name, only_ours_was_changed, waiting};
use tests::{Account, Copies, eventually, manual_snapshots, start};

/// Waits until no execution is under way and no hand-off waits; answers how all executions ended. Each that failed did
/// so by one of our names.
pub async fn rest(fleet: &Fleet) -> Result<Outcomes> {
    eventually("the hand-off queue to be empty", || async {
        Ok((waiting(&fleet.world, "HandoffQueueUrl").await? == 0).then_some(()))
    })
    .await?;
    let mut outcomes = Outcomes::new();
    for (account, kind, machine) in fleet.machines()? {
        let what = format!("the executions of {machine} to end");
        let ended = eventually(&what, || async {
            let all = executions(account, machine).await?;
            Ok(all.iter().all(|it| it.status != ExecutionStatus::Running).then_some(all))
        });
        for it in ended.await? {
            let outcome = match it.status {
                ExecutionStatus::Succeeded => "succeeded".to_owned(),
                _ => {
                    let it = account.ended(&it.execution_arn).await?;
                    failed_by_name(&it)?;
                    it.error.unwrap_or_default()
                }
            };
            *outcomes.entry(format!("{kind}: {outcome}")).or_default() += 1;
        }
    }
    Ok(outcomes)
}

/// Sends dead letters back, as an operator does; those of runs that arrived all the same are dropped.
pub async fn send_dead_letters_back(fleet: &Fleet) -> Result<usize> {
    let (sqs, outputs) = (&fleet.world.target.sqs, &fleet.world.target_outputs);
    let dead = outputs.get("HandoffDeadLetterQueueUrl")?;
    let mut sent = 0;
    while let Some(letter) = fleet.world.target.next_message(dead, 0).await? {
        let envelope: Value = serde_json::from_str(&letter)?;
        let handoff: Value = serde_json::from_str(envelope["Message"].as_str().context("a message")?)?;
        let of = fleet.members.iter().position(|it| handoff["replication"] == it.replication);
        let run = RunId::try_from(handoff["run"].as_str().unwrap_or_default().to_owned());
        let [_, target] = fleet.executions(of.context("a replication of ours")?, &run?).await?;
        if target.is_empty() {
            sqs.send_message().queue_url(outputs.get("HandoffQueueUrl")?).message_body(letter).send().await?;
            sent += 1;
        }
    }
    Ok(sent)
}

/// Resumes every run whose last execution failed, in the source account and then in the target account, and waits until
/// each has arrived; answers how many were resumed.
pub async fn resume_all(fleet: &mut Fleet) -> Result<usize> {
    let of_runs =
        |(of, it): (usize, &Member)| it.left().map(move |run| (of, run.clone())).collect::<Vec<_>>();
    let runs: Vec<(usize, RunId)> = fleet.members.iter().enumerate().flat_map(of_runs).collect();
    let mut resumed = 0;
    for _account in [Side::Source, Side::Target] {
        let mut started = Vec::new();
        for (of, run) in &runs {
            started.extend(fleet.resume(*of, run).await?);
        }
        resumed += started.len();
        succeeded(&started).await.context("expected that what failed by name resumes")?;
        for (of, run) in &runs {
            let what = format!("run {run} of {} to arrive", fleet.members[*of].replication);
            eventually(&what, || async {
                let [_, target] = fleet.executions(*of, run).await?;
                let ended = target.iter().all(|it| it.status != ExecutionStatus::Running);
                Ok((ended && !target.is_empty()).then_some(()))
            })
            .await?;
        }
    }
    for (of, run) in &runs {
        let left = fleet.resume(*of, run).await?;
        ensure!(left.is_none(), "run {run} of {} failed once more", fleet.members[*of].replication);
    }
    Ok(resumed)
}

/// Releases pins, runs each replication once more with nothing that goes wrong, and cleans up.
pub async fn go_on(fleet: &mut Fleet) -> Result<()> {
    let mut started = Vec::new();
    for member in &fleet.members {
        let described = fleet.world.target.secrets.describe_secret().secret_id(&member.secret).send().await?;
        if described.tags().iter().any(|tag| tag.key() == Some("snapferry:pinned")) {
            let machine = fleet.world.target_outputs.get("RollbackStateMachineArn")?;
            let input = json!({"replication": member.replication, "to": "latest"});
            let arn = start(&fleet.world.target, machine, None, &input).await?;
            started.push((fleet.world.target.clone(), arn));
        }
    }
    succeeded(&started).await.context("expected that the pins are released")?;

    fleet.run_each().await?;

    let mut started = Vec::new();
    for of in 0..fleet.members.len() {
        for side in [Side::Source, Side::Target] {
            started.push(clean_up(fleet, of, side).await?);
        }
    }
    succeeded(&started).await.context("expected that the clean-ups succeed")
}

async fn succeeded(started: &[(Account, String)]) -> Result<()> {
    for (account, arn) in started {
        account.succeeded(arn).await?;
    }
    Ok(())
}

/// What others own is untouched, what a person wrote is there, and no orphan is left.
pub async fn nobody_is_harmed(fleet: &Fleet) -> Result<()> {
    let record = fleet.world.local_aws.calls().await?;
    let ours: Vec<(&str, &str)> =
        fleet.members.iter().map(|it| (it.replication.as_str(), it.secret.as_str())).collect();
    only_ours_was_changed(&record, &ours)?;
    fleet.others.are_untouched(&fleet.world).await?;
    for Member { replication, secret, copies: kept, edits, runs, .. } in &fleet.members {
        let value = fleet.world.target.secrets.get_secret_value().secret_id(secret).send().await?;
        let value: Value = serde_json::from_str(value.secret_string().unwrap_or_default())?;
        let lost: Vec<&String> = edits.iter().filter(|key| value[key.as_str()] != "by hand").collect();
        ensure!(lost.is_empty(), "{replication}: {lost:?}, which a person wrote, are lost");

        let copies = Copies::of(&fleet.world.target, replication).await?;
        let live = format!("{replication}-{}", runs.last().context("there was a run")?);
        let expected = &copies.instances;
        let as_kept = expected.contains(&live) && expected.len() <= 1 + usize::try_from(*kept)?;
        ensure!(as_kept, "expected {live} and at most {kept} other, but found {copies:?}");
        copies.are(expected)?;
        let newest = runs.last().map(|run| format!("{replication}-{run}"));
        let snapshots = manual_snapshots(&fleet.world.source, replication).await?;
        let orphans = snapshots.iter().filter(|it| !it.ends_with("-copy") && Some(*it) != newest.as_ref());
        let orphans: BTreeSet<&String> = orphans.collect();
        ensure!(orphans.is_empty(), "orphans in the source account: {orphans:?}");
    }
    Ok(())
}
