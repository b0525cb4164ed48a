//! StartExecution is idempotent: the same name and input, while the execution runs, get the first start's answer.
//! Source: Step Functions API, StartExecution: "idempotent" for Standard workflows.

use serde_json::json;

use super::{
    ministack::Asked,
    passing::{Mended, Passing},
};

/// The first start's answer, if its execution still runs and has the same input.
pub(super) async fn same_start(ministack: &Asked, passing: &Passing<'_>) -> anyhow::Result<Option<Mended>> {
    let text = |name: &str| passing.body[name].as_str();
    let (Some(machine), Some(name)) = (text("stateMachineArn"), text("name")) else { return Ok(None) };
    let execution = format!("{}:{name}", machine.replacen(":stateMachine:", ":execution:", 1));
    let described = ministack
        .ask(passing, "AWSStepFunctions.DescribeExecution", &json!({ "executionArn": execution }))
        .await?;
    let first = described.filter(|it| {
        it["status"] == "RUNNING" && it["input"].as_str() == Some(text("input").unwrap_or("{}"))
    });
    Ok(first.map(|it| {
        Mended::success(json!({ "executionArn": it["executionArn"], "startDate": it["startDate"] }))
    }))
}
