//! Where an execution can fail: at each state, by each call with which its function changes something.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::{Account, World, callers_of, deployed_steps, step_of, tasks_of};

/// A state, and a call of its function that is refused for good once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub state: String,
    service: String,
    operation: String,
}

/// Every way in which an execution of this machine can fail, in the order of its states.
///
/// The states are those of the machine, and the calls are those of a run in which nothing went wrong. So a new state, or
/// a new call that changes something, is tried by itself. A function that changed nothing fails at its first call.
pub fn refusals(machine: &str, account: &Account, record: &[Value]) -> Result<Vec<Refusal>> {
    let mut refusals: Vec<Refusal> = Vec::new();
    let steps = deployed_steps()?;
    for state in tasks_of(machine)? {
        let before = refusals.len();
        let of_state = |call: &&Value| {
            let step = step_of(&steps, call["who"].as_str().unwrap_or_default());
            call["accountId"] == account.id && step == Some(&state)
        };
        let calls: Vec<&Value> = record.iter().filter(of_state).collect();
        let changes = calls.iter().filter(|call| is_change(&call["operation"]));
        let first = calls.first().with_context(|| format!("{machine}: {state} made no call"))?;
        for call in changes.chain([first]) {
            let text = |key: &str| call[key].as_str().unwrap_or_default().to_owned();
            let (service, operation) = (text("service"), text("operation"));
            let refusal = Refusal { state: state.clone(), service, operation };
            let is_spare = refusals.len() > before && !is_change(&call["operation"]);
            if !is_spare && !refusals.contains(&refusal) {
                refusals.push(refusal);
            }
        }
    }
    ensure!(!refusals.is_empty(), "{machine} has no states");
    Ok(refusals)
}

/// Whether the call changes something that its step cannot do without: a tag that is refused stops no step.
fn is_change(operation: &Value) -> bool {
    let operation = operation.as_str().unwrap_or_default();
    !["Describe", "Get", "List", "AddTags"].iter().any(|other| operation.starts_with(other))
}

/// The next such call of the state's function is refused, by an error that no step knows.
pub async fn refuse(world: &World, account: &Account, refusal: &Refusal) -> Result<()> {
    let Refusal { state, service, operation } = refusal;
    let how = json!({"refused": {"code": "UnheardOf", "message": "refused once", "status": 400}});
    let call =
        json!({"who": callers_of(account.id, state), "service": service, "operation": operation, "how": how});
    world.local_aws.fault(&call).await
}
