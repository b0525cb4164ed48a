//! Machines started by hand, among them the clean-up.

use crate::{Account, World};
use anyhow::Result;
use serde_json::{Value, json};

/// Starts a machine of an account, under a name where one is given; answers the execution's ARN.
pub async fn start(account: &Account, machine: &str, name: Option<String>, input: &Value) -> Result<String> {
    let start = account.states.start_execution().state_machine_arn(machine).set_name(name);
    Ok(start.input(input.to_string()).send().await?.execution_arn)
}

/// What EventBridge tells the clean-up of the source and of the target account after a failure of this replication,
/// which keeps so many copies beside the live one and reads this application's secret, if not the stack's.
pub fn clean_up_events(
    world: &World,
    input: &Value,
    copies: u32,
    secret: Option<&str>,
) -> Result<[Value; 2]> {
    let event = |machine: &str, input: &Value| {
        let arn = format!("{}:failed", machine.replacen(":stateMachine:", ":execution:", 1));
        json!({"detail": {"executionArn": arn, "name": "failed", "status": "FAILED", "input": input.to_string(),
            "error": "Snapferry.RdsRefused", "cause": "{\"errorMessage\": \"refused\"}"}})
    };
    let retention = json!({"copies": copies, "cutoverGraceHours": 0, "failedCopyHours": 72});
    let secret = secret.map_or_else(|| world.target_outputs.get("ApplicationSecretArn"), Ok)?;
    let mut settings = json!({ "retention": retention, "applicationSecretArn": secret });
    if let Some(lanes) = &world.target.lanes {
        settings["reach"] = lanes.settings(world)?["reach"].take();
    }
    let handoff = json!({"replication": input["replication"], "run": null});
    Ok([
        event(world.source_outputs.get("SourceAccountStateMachineArn")?, input),
        event(
            world.target_outputs.get("TargetAccountStateMachineArn")?,
            &json!({"handoff": handoff, "settings": settings}),
        ),
    ])
}
