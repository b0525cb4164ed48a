//! The state machines against the style, the error names and the templates.

use crate::tree::{checkout, machines};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use step::ErrorName;

fn text(machine: &str) -> String {
    std::fs::read_to_string(checkout().join(format!("statemachines/{machine}.asl.json"))).unwrap()
}

fn states(machine: &str) -> Map<String, Value> {
    let definition: Value = serde_json::from_str(&text(machine)).unwrap();
    definition["States"].as_object().unwrap().clone()
}

fn tasks(machine: &str) -> impl Iterator<Item = (String, Value)> {
    states(machine).into_iter().filter(|(_, state)| state["Type"] == "Task")
}

/// Every `<open>name` of a text, where the name goes on as long as `is_name` says.
fn names(text: &str, open: &str) -> BTreeSet<String> {
    let after = text.split(open).skip(1);
    after.map(|rest| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()).collect()
}

#[test]
fn every_name_it_retries_can_be_raised() {
    let known: BTreeSet<&str> =
        ErrorName::ALL.iter().filter(|name| name.retryable()).map(|name| name.as_str()).collect();
    for machine in &machines() {
        for (state, task) in tasks(machine) {
            let errors = task["Retry"].as_array().unwrap().iter().flat_map(|it| it["ErrorEquals"].as_array());
            for name in errors.flatten().filter_map(Value::as_str).filter(|it| it.starts_with("Snapferry.")) {
                assert!(known.contains(name), "{machine} {state} retries {name}");
            }
        }
    }
}

#[test]
fn what_is_caught_has_a_name_and_another_way_to_go() {
    let known: BTreeSet<&str> =
        ErrorName::ALL.iter().filter(|name| !name.retryable()).map(|name| name.as_str()).collect();
    for machine in &machines() {
        for (name, task) in tasks(machine) {
            // Else a failure keeps its own name and cause, can be redriven, and is reported from outside.
            for catcher in task["Catch"].as_array().into_iter().flatten() {
                let mut errors = catcher["ErrorEquals"].as_array().unwrap().iter().filter_map(Value::as_str);
                assert!(errors.all(|it| known.contains(it)), "{machine} {name}");
                let next = catcher["Next"].as_str().unwrap();
                assert_eq!(states(machine)[next]["Type"], "Task", "{machine} {name} goes to {next}");
            }
        }
    }
}

#[test]
fn nothing_goes_live_before_it_is_verified() {
    for machine in ["target-account", "rollback"] {
        let states = states(machine);
        let leading: Vec<&str> = states
            .iter()
            .filter(|(_, state)| {
                state["Choices"][0]["Next"] == "PromoteSecret" || state["Next"] == "PromoteSecret"
            })
            .map(|(name, _)| name.as_str())
            .filter(|name| *name != "WaitForSecretPromoted")
            .collect();
        assert!(!leading.is_empty());
        for name in leading {
            let (_, task) = states.iter().find(|(_, state)| state["Next"] == name).unwrap();
            assert_eq!(task["Arguments"]["FunctionName"], "${VerifyFunctionArn}", "{machine}: {name}");
        }
    }
}

#[test]
fn every_task_has_comment_timeout_and_retriers() {
    for machine in &machines() {
        for (name, task) in tasks(machine) {
            assert!(task["Comment"].as_str().is_some_and(|it| it.len() > 20), "{machine} {name}");
            assert!(task["TimeoutSeconds"].as_u64().is_some(), "{machine} {name}");
            let retriers = task["Retry"].as_array().unwrap();
            assert!(retriers.len() >= 2, "{machine} {name}");
            for retrier in retriers {
                let errors = retrier["ErrorEquals"].as_array().unwrap();
                assert!(
                    errors.iter().all(|it| it != "States.ALL" && it != "States.TaskFailed"),
                    "{machine} {name}"
                );
                assert_eq!(retrier["JitterStrategy"], "FULL", "{machine} {name}");
            }
        }
    }
}

#[test]
fn the_verification_is_called_again_while_its_network_interface_wakes_up() {
    let verify = &states("target-account")["Verify"];
    let retriers = verify["Retry"].as_array().unwrap();
    let retrier =
        retriers.iter().find(|it| it["ErrorEquals"][0] == "Lambda.ResourceNotReadyException").unwrap();
    let number = |key: &str| retrier[key].as_u64().unwrap();
    let pauses = (0..number("MaxAttempts")).map(|n| {
        let pause = number("IntervalSeconds").saturating_mul(number("BackoffRate").saturating_pow(n as u32));
        pause.min(number("MaxDelaySeconds"))
    });
    // Full jitter waits half of each on average: it must add up to five minutes.
    assert!(pauses.sum::<u64>() / 2 >= 300);
}

#[test]
fn every_task_calls_the_function_of_its_name() {
    for machine in &machines() {
        for (name, task) in tasks(machine) {
            // What a machine does twice is done `Again`.
            let name = name.strip_suffix("Again").unwrap_or(&name);
            assert_eq!(task["Arguments"]["FunctionName"], format!("${{{name}FunctionArn}}"), "{machine}");
        }
    }
}

#[test]
fn every_variable_is_assigned_before_any_state_reads_it() {
    for machine in &machines() {
        let states = states(machine);
        let assigned: BTreeSet<String> =
            states["Begin"]["Assign"].as_object().unwrap().keys().cloned().collect();
        let read = names(&text(machine), "$")
            .into_iter()
            .filter(|name| !["", "states", "exists"].contains(&name.as_str()));
        for name in read {
            assert!(assigned.contains(&name), "{machine} reads ${name}");
        }
    }
}

#[test]
fn every_placeholder_is_substituted_by_each_template_that_deploys_the_machine() {
    for (machine, templates) in [
        ("source-account", &["source-account"][..]),
        ("target-account", &["target-account"]),
        ("rollback", &["target-account"]),
        ("clean-up", &["source-account", "target-account"]),
    ] {
        for template in templates {
            let template =
                std::fs::read_to_string(checkout().join(format!("cloudformation/{template}.yaml"))).unwrap();
            let resource = template.split(&format!("{machine}.asl.json")).nth(1).unwrap();
            let substitutions = resource.split("DefinitionSubstitutions:").nth(1).unwrap();
            let substitutions = substitutions.split("LoggingConfiguration:").next().unwrap();
            for name in names(&text(machine), "${") {
                assert!(substitutions.contains(&format!("\n        {name}: ")), "{machine}: {name}");
            }
        }
    }
}

#[test]
fn every_waiting_step_is_task_choice_and_wait() {
    for machine in &machines() {
        let states = states(machine);
        for (name, wait) in states.iter().filter(|(_, state)| state["Type"] == "Wait") {
            let task = &states[wait["Next"].as_str().unwrap()];
            let choice = &states[task["Next"].as_str().unwrap()];
            assert_eq!(choice["Default"], **name, "{machine}");
            assert_eq!(choice["Choices"].as_array().unwrap().len(), 1, "{machine} {name}");
        }
    }
}

#[test]
fn nothing_is_deleted_before_what_replaces_it_is_made() {
    for machine in ["source-account", "target-account"] {
        let order: Vec<String> = tasks_in_order(machine);
        let prune = order.iter().position(|name| name == "Prune").unwrap();
        let made: BTreeSet<String> = tasks(machine)
            .map(|(name, _)| name)
            .filter(|name| !["Prune", "Report"].contains(&name.as_str()))
            .collect();
        assert_eq!(order[..prune].iter().cloned().collect::<BTreeSet<_>>(), made, "{machine}: {order:?}");
    }
}

/// The machine's tasks in the order that it runs them when every look says done.
fn tasks_in_order(machine: &str) -> Vec<String> {
    let states = states(machine);
    let (mut order, mut next) = (Vec::new(), Some("Begin".to_owned()));
    while let Some(name) = next {
        let state = &states[&name];
        let follow = if state["Type"] == "Choice" { &state["Choices"][0]["Next"] } else { &state["Next"] };
        next = follow.as_str().map(str::to_owned);
        if state["Type"] == "Task" {
            order.push(name);
        }
    }
    order
}
