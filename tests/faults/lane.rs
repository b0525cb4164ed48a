//! A world that serves case after case: a live copy, the one before it, and things of others that must stay as they
//! are.

use crate::cases::Scenario;
use anyhow::{Context, Result};
use replication::RunId;
use serde_json::{Value, json};
use tests::promises::Crashes;
use tests::{Account, Follower, Lanes, Others, REPLICATION, TIME_SCALE, Tools, World};

/// A hand-off that was not received is delivered again after so many seconds, not after the 300 of the template.
const VISIBILITY_SECONDS: &str = "20";
/// A world with two copies, of which the newer one is live.
pub struct Lane {
    pub world: World,
    pub live: RunId,
    /// None once a clean-up has deleted it.
    pub previous: Option<RunId>,
    /// What leads the live copy's lane to that copy, if applications come by lanes.
    pub follower: Option<Follower>,
    /// DB instances that fail over.
    pub failovers: Crashes,
    /// What others own.
    pub others: Others,
    /// The input of the last target execution that was handed off to, and the source snapshot that it names.
    handoff: Option<Value>,
    attempts: u32,
    sequence: u64,
}

impl Lane {
    pub async fn start(tools: &Tools) -> Result<Self> {
        let parent = tools.checkout.join(".local");
        // By the lanes of a load balancer, if DB instances have names: such a run makes every call of any run.
        let world = match tools.nss_wrapper {
            Some(_) => Lanes::start_world(tools, &parent, TIME_SCALE).await?.0,
            None => World::start(tools, &parent, TIME_SCALE, &[]).await?,
        };
        Others::request(&world).await?;
        world.create_source().await?;
        let others = Others::made(&world).await?;
        let queue = world.target_outputs.get("HandoffQueueUrl")?;
        let visibility = aws_sdk_sqs::types::QueueAttributeName::VisibilityTimeout;
        let set = world.target.sqs.set_queue_attributes().queue_url(queue);
        set.attributes(visibility, VISIBILITY_SECONDS).send().await?;
        let lanes = world.target.lanes.as_ref();
        let mut settings = lanes.map_or_else(|| Ok(world.settings()), |it| it.settings(&world))?;
        settings["retention"] = json!({"copies": 1, "cutoverGraceHours": 0});
        settings["dbInstance"] = json!({"enableCloudwatchLogsExports": ["postgresql"], "multiAz": true});
        world.put_settings(&settings).await?;
        let follower = match lanes {
            Some(lanes) => Some(lanes.follow_failovers(&world).await?),
            None => None,
        };

        let mut lane = Self {
            world,
            live: "20200101t000000z-0000".to_owned().try_into().map_err(|_| anyhow::anyhow!("a run"))?,
            previous: None,
            follower,
            failovers: Crashes::default(),
            others,
            handoff: None,
            attempts: 0,
            sequence: 0,
        };
        for _ in 0..2 {
            lane.run_unharmed().await?;
        }
        Ok(lane)
    }

    /// What can be run here.
    pub fn scenarios(&self) -> impl Iterator<Item = Scenario> {
        let by_lanes = self.follower.as_ref().map(|_| Scenario::FailOver);
        [Scenario::Run, Scenario::RollBack, Scenario::Release, Scenario::CleanUp].into_iter().chain(by_lanes)
    }

    /// A run in which nothing goes wrong: another copy is live, and the one that was is the previous one.
    pub async fn run_unharmed(&mut self) -> Result<()> {
        let run = self.next_run().await;
        let source = self.start_source(&run).await?;
        let (.., target) = self.world.finish_run(&source).await?;
        self.remember_handoff(&target.arn).await?;
        self.went_live(run);
        crate::invariants::sweep_source(self).await
    }

    pub fn went_live(&mut self, run: RunId) {
        let before = std::mem::replace(&mut self.live, run);
        self.previous = (before.as_str() != "20200101t000000z-0000").then_some(before);
    }

    /// A run's name, later than that of the live copy: names tell seconds.
    pub async fn next_run(&mut self) -> RunId {
        loop {
            let run = RunId::started(jiff::Timestamp::now(), "faults");
            if run.as_str()[..16] > self.live.as_str()[..16] {
                return run;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }

    /// The number of the last call so far.
    pub async fn sequence(&mut self) -> Result<u64> {
        let calls = self.world.local_aws.calls_since(self.sequence).await?;
        self.sequence = calls.last().and_then(|it| it["sequence"].as_u64()).unwrap_or(self.sequence);
        Ok(self.sequence)
    }

    /// Starts the source machine for this run, whether it is new or resumed.
    pub async fn start_source(&self, run: &RunId) -> Result<String> {
        let mut input = self.world.input();
        input["run"] = json!(run);
        self.world.start_run(&input).await
    }

    /// Keeps what a target execution was started with.
    pub async fn remember_handoff(&mut self, arn: &str) -> Result<()> {
        let it = self.world.target.states.describe_execution().execution_arn(arn).send().await?;
        self.handoff = Some(serde_json::from_str(it.input().context("an execution has an input")?)?);
        Ok(())
    }

    /// Starts a target execution for this run as if the last hand-off were its own.
    pub async fn repeat_handoff(&self, run: &RunId) -> Result<()> {
        let mut input = self.handoff.clone().context("there was a hand-off")?;
        input["handoff"]["run"] = json!(run);
        let machine = self.world.target_outputs.get("TargetAccountStateMachineArn")?;
        let start = self.world.target.states.start_execution().state_machine_arn(machine);
        start.name(format!("{REPLICATION}-{run}")).input(input.to_string()).send().await?;
        Ok(())
    }

    /// The source snapshot of the last hand-off.
    pub fn handed_off(&self) -> &str {
        let arn = self.handoff.as_ref().and_then(|it| it["handoff"]["dbSnapshotArn"].as_str());
        arn.and_then(|it| it.rsplit(':').next()).unwrap_or_default()
    }

    /// Starts an execution once more, under another name.
    pub async fn start_again(&mut self, account: &Account, machine: &str, arn: &str) -> Result<String> {
        self.attempts += 1;
        let first = account.states.describe_execution().execution_arn(arn).send().await?;
        let name = format!("{}-r{}", first.name.context("an execution has a name")?, self.attempts + 1);
        let start = account.states.start_execution().state_machine_arn(machine).name(name);
        Ok(start.set_input(first.input).send().await?.execution_arn)
    }
}
