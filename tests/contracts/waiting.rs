//! A waiting step is three states over one variable: a task, the question whether it is done, and a wait.

use crate::machines::{Machine, function_of};
use crate::tree::none;
use serde_json::Value;

// R2, R3: a snapshot or a copy that is not ready crashes the machine.
// Invariant: no Lambda sleeps.
#[test]
fn every_waiting_step_is_task_choice_and_wait() {
    let (mut broken, mut waits) = (Vec::new(), 0);
    for machine in Machine::all() {
        let state = |name: &Value| &machine.states[name.as_str().unwrap()];
        for (name, wait) in machine.states.iter().filter(|(_, state)| state["Type"] == "Wait") {
            waits += 1;
            let task = state(&wait["Next"]);
            let choice = state(&task["Next"]);
            let answer = "{% $states.result.Payload %}";
            let assigned = task["Assign"].as_object().into_iter().flatten();
            let answers: Vec<&String> =
                assigned.filter(|(_, it)| *it == answer).map(|(name, _)| name).collect();
            let [variable] = answers.as_slice() else {
                broken.push(machine.at(name, "its task assigns its answer to one variable"));
                continue;
            };
            let passed_back = format!("{{% ${variable}.stage %}}");
            for (is, what) in [
                (task["Type"] == "Task" && choice["Type"] == "Choice", "it is Task, Choice, Wait, and back"),
                (choice["Default"] == name.as_str(), "its Choice leads here by default"),
                (ways_out(choice).all(|it| is_again(&it["Next"])), "its Choice has one way out"),
                (
                    choice["Choices"][0]["Condition"] == format!("{{% ${variable}.done %}}"),
                    "its Choice asks for `done`",
                ),
                (wait["Seconds"] == format!("{{% ${variable}.waitSeconds %}}"), "the step says how long"),
                (
                    task["Arguments"]["Payload"]["stage"] == passed_back.as_str(),
                    "what the stage remembers is passed back",
                ),
            ] {
                if !is {
                    broken.push(machine.at(name, what));
                }
            }
        }
    }
    none(&broken);
    assert!(waits >= 10, "{waits}");
}

/// The ways out of a Choice beside its first one.
fn ways_out(choice: &Value) -> impl Iterator<Item = &Value> {
    choice["Choices"].as_array().into_iter().flatten().skip(1)
}

/// Whether the way leads back: something is done again, then the step itself.
fn is_again(next: &Value) -> bool {
    next.as_str().is_some_and(|it| function_of(it) != it)
}
