//! Executions of the two accounts, waited for, and what those of a run say.

use crate::{Account, REPLICATION, World, eventually, start};
use anyhow::{Context, Result, bail};
use aws_sdk_sfn::types::ExecutionStatus;
use executions::{Execution, execution_arn};
use serde_json::{Value, json};

impl Account {
    /// Waits until the execution has ended.
    pub async fn ended(&self, arn: &str) -> Result<Execution> {
        let what = format!("the end of {arn}");
        eventually(&what, || async { Ok(Execution::if_ended(&self.states, arn).await?) }).await
    }

    /// Waits until the execution has succeeded; fails when it fails.
    pub async fn succeeded(&self, arn: &str) -> Result<Execution> {
        let it = self.ended(arn).await?;
        if it.status != ExecutionStatus::Succeeded {
            bail!("{} is {}: {:?}: {:?}", it.arn, it.status, it.error, it.cause);
        }
        Ok(it)
    }

    /// The ARN of the execution of that name, once it exists.
    pub async fn execution_named(&self, state_machine_arn: &str, name: &str) -> Result<String> {
        let arn = execution_arn(state_machine_arn, name);
        eventually(&format!("execution {name}"), || async {
            Ok(executions::exists(&self.states, &arn).await?.then(|| arn.clone()))
        })
        .await
    }
}

impl World {
    /// A rollback that succeeds.
    pub async fn roll_back(&self, to: &str) -> Result<Execution> {
        self.target.succeeded(&self.start_rollback(to).await?).await
    }

    /// Starts a rollback as an operator would; answers the execution's ARN.
    pub async fn start_rollback(&self, to: &str) -> Result<String> {
        let machine = self.target_outputs.get("RollbackStateMachineArn")?;
        start(&self.target, machine, None, &json!({"replication": REPLICATION, "to": to})).await
    }
}

/// What a source execution handed off, as its outcome tells it.
pub fn handoff_of(execution: &Execution) -> Result<Value> {
    let handoff = execution.output.as_ref().map(|it| it["handoff"].clone()).filter(Value::is_object);
    handoff.with_context(|| format!("{} handed nothing off", execution.arn))
}

/// The replication and the run that a source execution handed off.
pub(crate) fn run_of(execution: &Execution) -> Result<(String, String)> {
    let field = |name: &str| {
        let value = execution.output.as_ref().and_then(|it| it[name].as_str());
        value.map(str::to_owned).with_context(|| format!("{} has no {name} in its output", execution.arn))
    };
    Ok((field("replication")?, field("run")?))
}
