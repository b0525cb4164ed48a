//! Acts a plan out.

use crate::fleet::{Fleet, Member};
use crate::plan::{Act, Planned, Server, Side};
use anyhow::{Context, Result, bail};
use aws_sdk_rds::types::DbInstance;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tests::promises::current;
use tests::{Account, callers_of, clean_up_events, start};

/// Of each kind of act, how many were acted out, and for how many there was nothing to act on yet.
pub type Counts = BTreeMap<&'static str, (usize, usize)>;

/// Acts out what the plan says, each at its time or as soon after it as this machine is able to.
pub async fn act_out(fleet: &mut Fleet, plan: &[Planned], seconds: u64) -> Result<Counts> {
    let mut counts = Counts::new();
    let began = Instant::now();
    for planned in plan {
        tokio::time::sleep(Duration::from_millis(planned.at).saturating_sub(began.elapsed())).await;
        if began.elapsed() > Duration::from_secs(seconds) {
            break;
        }
        let acted = act(fleet, &planned.act).await.with_context(|| planned.to_string())?;
        let (done, missed) = counts.entry(planned.act.kind()).or_default();
        *(if acted { done } else { missed }) += 1;
    }
    // The last acts have some time to tell.
    tokio::time::sleep(Duration::from_secs(seconds).saturating_sub(began.elapsed())).await;
    Ok(counts)
}

/// Whether there was something to act on.
async fn act(fleet: &mut Fleet, act: &Act) -> Result<bool> {
    match *act {
        Act::Run { of } => fleet.run(of).await.map(|_| true),
        Act::Resume { of } => {
            let mut resumed = false;
            for run in fleet.latest_runs(of) {
                resumed |= fleet.resume(of, &run).await?.is_some();
            }
            Ok(resumed)
        }
        Act::Fault { account, ref function, fault, nth, times } => {
            let call = json!({"who": callers_of(account, function), "service": "*", "nth": nth,
                "times": times, "how": fault.how()});
            fleet.world.local_aws.fault(&call).await?;
            Ok(true)
        }
        Act::HandOffAgain { of, back } => {
            let mut handoffs = Vec::new();
            for run in fleet.latest_runs(of) {
                handoffs.extend(fleet.handoff(of, &run).await?);
            }
            let Some(nth) = back.checked_rem(handoffs.len()) else { return Ok(false) };
            let handoff = &handoffs[nth];
            let topic = fleet.world.source_outputs.get("HandoffTopicArn")?;
            let publish = fleet.world.source.sns.publish().topic_arn(topic).message(handoff.to_string());
            publish.send().await?;
            Ok(true)
        }
        Act::StartAgain { of, back, side } => {
            let mut starts = Vec::new();
            for run in fleet.latest_runs(of) {
                let [source, target] = fleet.executions(of, &run).await?;
                let last = if side == Side::Source { source.last() } else { target.last() };
                starts.extend(last.map(|it| (run, it.execution_arn.clone())));
            }
            let Some(nth) = back.checked_rem(starts.len()) else { return Ok(false) };
            let (run, arn) = &starts[nth];
            match side {
                Side::Source => fleet.start_source(of, run).await?,
                Side::Target => fleet.start_target_again(of, run, arn).await?,
            };
            Ok(true)
        }
        Act::RollBack { of, to } => {
            let machine = fleet.world.target_outputs.get("RollbackStateMachineArn")?;
            let input = json!({"replication": fleet.members[of].replication, "to": to});
            start(&fleet.world.target, machine, None, &input).await.map(|_| true)
        }
        Act::CleanUp { of, side } => clean_up(fleet, of, side).await.map(|_| true),
        Act::Edit { of } => {
            let key = format!("note{}", fleet.members[of].edits.len());
            edit(&fleet.world.target, &fleet.members[of].secret, &key).await?;
            fleet.members[of].edits.push(key);
            Ok(true)
        }
        Act::KillFunction { nth } => fleet.world.local_aws.kill_function(nth).await,
        Act::Crash { of, server } => crash(fleet, of, server).await,
    }
}

/// Starts the clean-up of an account, as after a failure; answers the execution.
pub async fn clean_up(fleet: &Fleet, of: usize, side: Side) -> Result<(Account, String)> {
    let Member { replication, instance, secret, copies, .. } = &fleet.members[of];
    let world = &fleet.world;
    let input = world.input_for(replication, instance);
    let [source, target] = clean_up_events(world, &input, *copies, Some(secret))?;
    let (account, outputs, event) = match side {
        Side::Source => (&world.source, &world.source_outputs, source),
        Side::Target => (&world.target, &world.target_outputs, target),
    };
    let arn = start(account, outputs.get("CleanUpStateMachineArn")?, None, &event).await?;
    Ok((account.clone(), arn))
}

/// Adds a key as a careful person does: nothing that somebody else writes meanwhile is lost.
async fn edit(account: &Account, secret: &str, key: &str) -> Result<()> {
    let secrets = &account.secrets;
    for _ in 0..50 {
        let read = secrets.get_secret_value().secret_id(secret).send().await?;
        let mut value: Value = serde_json::from_str(read.secret_string().unwrap_or_default())?;
        value[key] = json!("by hand");
        let put = secrets.put_secret_value().secret_id(secret).version_stages("by-hand");
        let written = put.secret_string(value.to_string()).send().await?;
        let moved = secrets.update_secret_version_stage().secret_id(secret).version_stage("AWSCURRENT");
        let moved = moved.set_remove_from_version_id(read.version_id);
        match moved.set_move_to_version_id(written.version_id).send().await {
            Ok(_) => return Ok(()),
            Err(error) if error.as_service_error().is_some_and(|it| it.is_invalid_parameter_exception()) => {}
            Err(error) => return Err(error.into()),
        }
    }
    bail!("somebody else moved AWSCURRENT 50 times")
}

async fn crash(fleet: &Fleet, of: usize, server: Server) -> Result<bool> {
    let Member { replication, instance, secret, .. } = &fleet.members[of];
    let target = &fleet.world.target;
    let live = current(target, secret).await?.map(|(_, says)| says.db_instance_identifier);
    let (account, identifier) = match server {
        Server::Source => (&fleet.world.source, Some(instance.clone())),
        Server::Live => (target, live),
        Server::Copy(nth) => {
            let all = target.rds.describe_db_instances().into_paginator().items().send();
            let all = all.collect::<Result<Vec<DbInstance>, _>>().await?.into_iter();
            let names = all.filter_map(|it| it.db_instance_identifier);
            let prefix = format!("{replication}-20");
            let copies = names.filter(|it| it.starts_with(&prefix) && Some(it) != live.as_ref());
            let mut copies: Vec<String> = copies.filter(|it| it != tests::Others::NAME).collect();
            (target, nth.checked_rem(copies.len()).map(|nth| copies.swap_remove(nth)))
        }
    };
    let Some(identifier) = identifier else { return Ok(false) };
    fleet.crashes.expect(&identifier);
    fleet.world.local_aws.crash(account.id, &identifier).await
}
