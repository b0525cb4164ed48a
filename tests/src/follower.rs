//! The stack that leads a target group to a database through failovers, and what the group says meanwhile.

use crate::{Account, World, stacks, start};
use anyhow::{Context, Result, ensure};
use executions::Execution;
use lambda_support::texts;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A stack of `follow-failover.yaml` in the target account.
#[derive(Debug)]
pub struct Follower {
    account: Account,
    machine: String,
}

impl Follower {
    /// Deploys it under this name; `follows` are the parameters that say what it follows.
    pub async fn deploy(world: &World, name: &str, follows: &[(&str, &str)]) -> Result<Self> {
        let (account, network) = (&world.target, &world.network);
        let subnet_ids = network.subnet_ids.join(",");
        let placed = [("SubnetIds", subnet_ids.as_str()), ("SecurityGroupIds", &network.verify_group)];
        let name = format!("follow-{name}");
        let parameters = [follows, &placed].concat();
        let outputs = stacks::deploy_as(account, &name, "follow-failover", &parameters).await?;
        let is_its_own = |arn: &str| arn.contains(&format!(":snapferry-{name}-FollowFailoverFunction"));
        let functions = account.functions().await?;
        let function = functions.iter().find(|it| is_its_own(&it.function_arn));
        let arn = &function.with_context(|| format!("stack {name} has no function"))?.function_arn;
        account.place(arn, &network.subnet_ids, &[&network.verify_group]).await?;
        let machine = outputs.get("FollowFailoverStateMachineArn")?.to_owned();
        Ok(Self { account: account.clone(), machine })
    }

    /// Looks as the schedule does each minute, and must succeed.
    pub async fn sweep(&self) -> Result<Execution> {
        self.account.succeeded(&self.start().await?).await
    }

    /// The same, ended however it ended.
    pub async fn end_of_sweep(&self) -> Result<Execution> {
        self.account.ended(&self.start().await?).await
    }

    async fn start(&self) -> Result<String> {
        start(&self.account, &self.machine, None, &json!({ "source": "aws.scheduler" })).await
    }

    /// How many executions events of RDS have begun, all of which must have succeeded or still run.
    pub async fn begun_by_events(&self) -> Result<usize> {
        let list = self.account.states.list_executions().state_machine_arn(&self.machine).send().await?;
        let mut begun = 0;
        for it in list.executions {
            let described = self.account.states.describe_execution().execution_arn(&it.execution_arn);
            let described = described.send().await?;
            let status = described.status.as_str();
            ensure!(["RUNNING", "SUCCEEDED"].contains(&status), "{status}: {:?}", described.cause);
            let input: Value = serde_json::from_str(described.input.as_deref().unwrap_or_default())?;
            begun += usize::from(input["source"] == "aws.rds");
        }
        Ok(begun)
    }
}

impl Account {
    /// The targets of a group that are not going: the state of each by its address.
    pub async fn targets(&self, target_group_arn: &str) -> Result<BTreeMap<String, String>> {
        let asked = [("TargetGroupArn", target_group_arn)];
        let xml = self.load_balancing("DescribeTargetHealth", &asked).await?;
        let (ids, states) = (texts(&xml, "Id"), texts(&xml, "State"));
        ensure!(ids.len() == states.len(), "{xml}");
        Ok(ids.into_iter().zip(states).filter(|(_, state)| !state.contains("draining")).collect())
    }

    /// Looks at a target group without a pause from now on.
    pub fn watch_group(&self, target_group_arn: &str) -> GroupWatch {
        let (account, group) = (self.clone(), target_group_arn.to_owned());
        let ended = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ended);
        let watching = tokio::spawn(async move {
            let mut looks = 0;
            while !told.load(Ordering::Relaxed) {
                ensure!(!account.targets(&group).await?.is_empty(), "{group} is empty");
                looks += 1;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Ok(looks)
        });
        GroupWatch { ended, watching }
    }
}

/// Somebody who looks at a target group without a pause.
#[derive(Debug)]
pub struct GroupWatch {
    ended: Arc<AtomicBool>,
    watching: tokio::task::JoinHandle<Result<usize>>,
}

impl GroupWatch {
    /// Ends it, and answers how often it looked. It fails if the group was empty at any look.
    pub async fn end(self) -> Result<usize> {
        self.ended.store(true, Ordering::Relaxed);
        self.watching.await?
    }
}
