//! A world with several replications, each with a source and an application's secret of its own.

use anyhow::{Context, Result, ensure};
use aws_sdk_sfn::types::{ExecutionListItem, ExecutionStatus};
use replication::RunId;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tests::promises::{Crashes, is_live};
use tests::{
    Account, Fingerprint, Others, REPLICATION, SOURCE_INSTANCE, TIME_SCALE, Tools, World, eventually, start,
};

/// A hand-off that was not received is delivered again after so many seconds, not after the 300 of the template.
const VISIBILITY_SECONDS: &str = "4";
/// Snapshots of so many runs are left in the source account, which keeps each for an hour at least.
const RUNS_LEFT: usize = 6;

/// A replication, and what was done with it.
pub struct Member {
    pub replication: String,
    pub instance: String,
    /// The ARN of its application's secret.
    pub secret: String,
    /// How many copies are kept beside the live one.
    pub copies: u32,
    /// What its source holds.
    pub rows: Fingerprint,
    pub runs: Vec<RunId>,
    /// The keys that a person added to the application's secret.
    pub edits: Vec<String>,
    /// Runs that arrived long ago, and whose snapshots are gone from the source account.
    swept: BTreeSet<RunId>,
}

impl Member {
    /// The runs that can still be resumed.
    pub fn left(&self) -> impl Iterator<Item = &RunId> {
        self.runs.iter().filter(|run| !self.swept.contains(run))
    }
}

/// All of them in one world.
pub struct Fleet {
    pub world: World,
    pub members: Vec<Member>,
    pub others: Others,
    pub crashes: Crashes,
    starts: u32,
}

impl Fleet {
    pub async fn start(tools: &Tools, replications: usize) -> Result<Self> {
        let world = World::start(tools, &tools.checkout.join(".local"), TIME_SCALE, &[]).await?;
        let visibility = aws_sdk_sqs::types::QueueAttributeName::VisibilityTimeout;
        let queue = world.target_outputs.get("HandoffQueueUrl")?;
        let set = world.target.sqs.set_queue_attributes().queue_url(queue);
        set.attributes(visibility, VISIBILITY_SECONDS).send().await?;

        Others::request(&world).await?;
        let names = (0..replications).map(|nth| match nth {
            0 => (REPLICATION.to_owned(), SOURCE_INSTANCE.to_owned()),
            _ => (format!("shop-{nth}"), format!("shop-{nth}-prod")),
        });
        let names: Vec<(String, String)> = names.collect();
        for (_, instance) in &names {
            world.request_instance(instance, |create| create.storage_encrypted(true)).await?;
        }
        let mut members = Vec::new();
        for ((replication, instance), nth) in names.into_iter().zip(0..) {
            let secret = format!("application/{replication}");
            let secret = world.create_application_secret(&secret, Some("{}".to_owned())).await?;
            let mut settings = world.settings_for(&instance);
            settings["applicationSecretArn"] = json!(secret);
            // Where none is kept beside it, only that it is live keeps the live one.
            let copies = 1 - nth % 2;
            settings["dbInstance"] = json!({"enableCloudwatchLogsExports": ["postgresql"]});
            settings["retention"] = json!({"copies": copies, "cutoverGraceHours": 0});
            world.put_settings_of(&replication, &settings).await?;
            let mut orders = world.fill_instance(&instance).await?;
            // No two hold the same.
            orders.add(5000, 1 + 10 * i64::from(nth)).await?;
            let rows = orders.fingerprint().await?;
            let (runs, edits, swept) = (vec![], vec![], BTreeSet::new());
            members.push(Member { replication, instance, secret, copies, rows, runs, edits, swept });
        }
        let others = Others::made(&world).await?;
        let mut fleet = Self { world, members, others, crashes: Crashes::default(), starts: 0 };
        // From the beginning there is something to go back to, to do twice and to kill.
        fleet.run_each().await?;
        Ok(fleet)
    }

    /// Runs each replication once, with nothing that goes wrong, and waits until each copy is live.
    pub async fn run_each(&mut self) -> Result<()> {
        let mut runs = Vec::new();
        for of in 0..self.members.len() {
            runs.push(self.run(of).await?);
        }
        for (of, run) in runs.iter().enumerate() {
            let member = &self.members[of];
            eventually(&format!("the hand-off of {run}"), || self.handoff(of, run)).await?;
            let machine = self.world.target_outputs.get("TargetAccountStateMachineArn")?;
            let name = format!("{}-{run}", member.replication);
            let arn = self.world.target.execution_named(machine, &name).await?;
            self.world.target.succeeded(&arn).await?;
            let login = is_live(&self.world.target, &member.secret, &name).await?;
            let rows = login.connect().await?.fingerprint().await?;
            ensure!(rows == member.rows, "{name} holds {rows:?}, and the source {:?}", member.rows);
        }
        Ok(())
    }

    /// The latest few runs of a member, the newest first: those that somebody may still come back to.
    pub fn latest_runs(&self, of: usize) -> Vec<RunId> {
        self.members[of].runs.iter().rev().take(4).cloned().collect()
    }

    /// Starts a run of a member.
    pub async fn run(&mut self, of: usize) -> Result<RunId> {
        let run = loop {
            let run = RunId::started(jiff::Timestamp::now(), &self.members[of].replication);
            // Names tell seconds.
            if self.members[of].runs.last().is_none_or(|last| last.as_str()[..16] < run.as_str()[..16]) {
                break run;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        };
        self.members[of].runs.push(run.clone());
        self.sweep(of).await?;
        self.start_source(of, &run).await?;
        Ok(run)
    }

    /// Starts the source account's part of a run, whether it is new or resumed; answers the execution's ARN.
    pub async fn start_source(&mut self, of: usize, run: &RunId) -> Result<String> {
        let member = &self.members[of];
        let mut input = self.world.input_for(&member.replication, &member.instance);
        input["run"] = json!(run);
        self.starts += 1;
        let name = format!("{}-{run}-s{}", member.replication, self.starts);
        let machine = self.world.source_outputs.get("SourceAccountStateMachineArn")?;
        start(&self.world.source, machine, Some(name), &input).await
    }

    /// Starts a target execution once more, under another name.
    pub async fn start_target_again(&mut self, of: usize, run: &RunId, arn: &str) -> Result<String> {
        let described = self.world.target.states.describe_execution().execution_arn(arn).send().await?;
        let input: Value = serde_json::from_str(described.input().context("an execution has an input")?)?;
        self.starts += 1;
        let name = format!("{}-{run}-r{}", self.members[of].replication, self.starts);
        let machine = self.world.target_outputs.get("TargetAccountStateMachineArn")?;
        start(&self.world.target, machine, Some(name), &input).await
    }

    /// The executions of a run in the source and in the target account, the oldest first.
    pub async fn executions(&self, of: usize, run: &RunId) -> Result<[Vec<ExecutionListItem>; 2]> {
        let prefix = format!("{}-{run}", self.members[of].replication);
        let (source, target) = (&self.world.source_outputs, &self.world.target_outputs);
        let (source, target) = (
            executions(&self.world.source, source.get("SourceAccountStateMachineArn")?).await?,
            executions(&self.world.target, target.get("TargetAccountStateMachineArn")?).await?,
        );
        Ok([source, target].map(|all| all.into_iter().filter(|it| it.name.starts_with(&prefix)).collect()))
    }

    /// What a run handed off, once it did.
    pub async fn handoff(&self, of: usize, run: &RunId) -> Result<Option<Value>> {
        let [source, _] = self.executions(of, run).await?;
        let Some(it) = source.into_iter().rfind(|it| it.status == ExecutionStatus::Succeeded) else {
            return Ok(None);
        };
        let described = self.world.source.states.describe_execution();
        let described = described.execution_arn(it.execution_arn).send().await?;
        Ok(described.output().map(serde_json::from_str).transpose()?)
    }

    /// Starts again what failed last of a run, in the source account first; answers the account and the execution.
    pub async fn resume(&mut self, of: usize, run: &RunId) -> Result<Option<(Account, String)>> {
        let failed = |it: Option<&ExecutionListItem>| {
            it.is_some_and(|it| !matches!(it.status, ExecutionStatus::Succeeded | ExecutionStatus::Running))
        };
        let [source, target] = self.executions(of, run).await?;
        if failed(source.last()) {
            return Ok(Some((self.world.source.clone(), self.start_source(of, run).await?)));
        }
        match target.last() {
            last if failed(last) => {
                let arn = last.map(|it| it.execution_arn.clone()).unwrap_or_default();
                let arn = self.start_target_again(of, run, &arn).await?;
                Ok(Some((self.world.target.clone(), arn)))
            }
            _ => Ok(None),
        }
    }

    /// Every machine with its account.
    pub fn machines(&self) -> Result<Vec<(&Account, &str, &str)>> {
        let World { source, target, source_outputs, target_outputs, .. } = &self.world;
        Ok(vec![
            (source, "runs", source_outputs.get("SourceAccountStateMachineArn")?),
            (target, "runs", target_outputs.get("TargetAccountStateMachineArn")?),
            (target, "rollbacks", target_outputs.get("RollbackStateMachineArn")?),
            (source, "clean-ups", source_outputs.get("CleanUpStateMachineArn")?),
            (target, "clean-ups", target_outputs.get("CleanUpStateMachineArn")?),
        ])
    }

    /// Removes the snapshots of older runs that arrived from the source account, so that a long chaos fits on this
    /// machine.
    async fn sweep(&mut self, of: usize) -> Result<()> {
        let member = &self.members[of];
        let old = member.runs.len().saturating_sub(RUNS_LEFT);
        let old: Vec<RunId> = member.left().filter(|run| member.runs[..old].contains(run)).cloned().collect();
        for run in old {
            let [source, target] = self.executions(of, &run).await?;
            let arrived = target.last().is_some_and(|it| it.status == ExecutionStatus::Succeeded);
            if !arrived || source.iter().any(|it| it.status == ExecutionStatus::Running) {
                continue;
            }
            let snapshots =
                tests::manual_snapshots(&self.world.source, &self.members[of].replication).await?;
            for snapshot in snapshots.into_iter().filter(|it| it.contains(run.as_str())) {
                let delete = self.world.source.rds.delete_db_snapshot().db_snapshot_identifier(snapshot);
                if let Err(error) = delete.send().await
                    && !error.as_service_error().is_some_and(|it| it.is_db_snapshot_not_found_fault())
                {
                    return Err(error.into());
                }
            }
            self.members[of].swept.insert(run);
        }
        Ok(())
    }
}

/// All executions of a machine, the oldest first.
pub async fn executions(account: &Account, machine: &str) -> Result<Vec<ExecutionListItem>> {
    let list = account.states.list_executions().state_machine_arn(machine).into_paginator().items().send();
    let mut all = list.collect::<Result<Vec<_>, _>>().await?;
    all.sort_by(|a, b| a.start_date.partial_cmp(&b.start_date).unwrap_or(std::cmp::Ordering::Equal));
    Ok(all)
}

/// How many of each kind ended how.
pub type Outcomes = BTreeMap<String, usize>;
