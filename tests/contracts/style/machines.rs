//! State machines: order of keys and states, retriers, comments, and the three states of a waiting step.

use crate::tree::{File, files_named, none};
use serde_json::Value;

fn machines() -> Vec<File> {
    files_named("statemachines", ".asl.json")
}

fn states(machine: &File) -> Value {
    let definition: Value = serde_json::from_str(&machine.text).unwrap();
    definition["States"].clone()
}

/// The key that a line opens, when it is indented by so much.
fn key(line: &str, indent: usize) -> Option<&str> {
    let rest = line.strip_prefix(&" ".repeat(indent))?.strip_prefix('"')?;
    rest.split_once("\":").map(|(key, _)| key)
}

/// The states in the order of the file, with where each begins.
fn in_file_order(machine: &File) -> Vec<(usize, &str)> {
    machine.text.lines().enumerate().filter_map(|(index, line)| Some((index, key(line, 4)?))).collect()
}

#[test]
fn keys_stand_in_one_order() {
    const MACHINE: [&str; 5] = ["Comment", "QueryLanguage", "TimeoutSeconds", "StartAt", "States"];
    const STATE: [&str; 14] = [
        "Type",
        "Comment",
        "Resource",
        "Arguments",
        "Seconds",
        "Choices",
        "Default",
        "TimeoutSeconds",
        "Retry",
        "Catch",
        "Assign",
        "Output",
        "Next",
        "End",
    ];
    let mut broken = Vec::new();
    for machine in machines() {
        let top: Vec<&str> = machine.text.lines().filter_map(|line| key(line, 2)).collect();
        if top != MACHINE {
            broken.push(machine.at(0, &format!("{top:?} should be {MACHINE:?}")));
        }
        let mut last = 0;
        for (index, line) in machine.text.lines().enumerate() {
            if key(line, 4).is_some() {
                last = 0;
            } else if let Some(found) = key(line, 6) {
                match STATE.iter().position(|it| *it == found) {
                    Some(place) if place >= last => last = place,
                    Some(_) => {
                        broken.push(machine.at(index, &format!("{found} stands after {}", STATE[last])))
                    }
                    None => broken
                        .push(machine.at(index, &format!("{found} has no place in the order of keys yet"))),
                }
            }
        }
    }
    none(&broken);
}

#[test]
fn every_retrier_is_one_line() {
    const KEYS: [&str; 6] =
        ["ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds", "JitterStrategy"];
    let mut broken = Vec::new();
    for machine in machines() {
        for (index, retrier) in retriers(&machine).into_iter().flat_map(|(_, retriers)| retriers) {
            let places: Vec<Option<usize>> =
                KEYS.iter().map(|key| retrier.find(&format!("\"{key}\""))).collect();
            let whole = retrier.starts_with('{') && retrier.trim_end_matches(',').ends_with('}');
            if !whole || !places.is_sorted() || places.contains(&None) {
                broken.push(machine.at(index, &format!("not one line with {KEYS:?}")));
            }
        }
    }
    none(&broken);
}

#[test]
fn every_task_retries_the_troubles_of_lambda_itself_and_none_retries_or_catches_everything() {
    // A function that was killed or could not be called did not decide anything.
    const TROUBLES: [&str; 10] = [
        "Lambda.ClientExecutionTimeoutException",
        "Lambda.ServiceException",
        "Lambda.AWSLambdaException",
        "Lambda.SdkClientException",
        "Lambda.TooManyRequestsException",
        "Lambda.ResourceNotReadyException",
        "Lambda.Unknown",
        "Sandbox.Timedout",
        "Runtime.ExitError",
        "States.Timeout",
    ];
    let mut broken = Vec::new();
    for machine in machines() {
        for (index, line) in machine.text.lines().enumerate() {
            for word in ["States.ALL", "States.TaskFailed"] {
                if line.contains(word) {
                    broken.push(machine.at(index, &format!("{word} hides the name of a failure")));
                }
            }
        }
        for (index, retriers) in retriers(&machine) {
            let retries =
                |trouble: &str| retriers.iter().any(|(_, line)| line.contains(&format!("\"{trouble}\"")));
            let ends = TROUBLES.into_iter().filter(|trouble| !retries(trouble));
            broken.extend(ends.map(|trouble| machine.at(index, &format!("does not retry {trouble}"))));
        }
    }
    none(&broken);
}

/// Of each task, where its `Retry` stands and its lines.
fn retriers(machine: &File) -> Vec<(usize, Vec<(usize, &str)>)> {
    let lines: Vec<(usize, &str)> = machine.text.lines().enumerate().collect();
    let retries = lines.iter().filter(|(_, line)| key(line, 6) == Some("Retry"));
    let of = |(index, _): &(usize, &str)| {
        let rest = lines[index + 1..].iter().map(|(index, line)| (*index, line.trim()));
        (*index, rest.take_while(|(_, line)| !line.starts_with(']')).collect())
    };
    retries.map(of).collect()
}

#[test]
fn states_stand_in_the_order_that_they_run() {
    let mut broken = Vec::new();
    for machine in machines() {
        let order = in_running_order(&machine);
        let pairs = in_file_order(&machine).into_iter().zip(&order);
        let misplaced = pairs.into_iter().find(|((_, found), expected)| found != expected);
        broken.extend(
            misplaced.map(|((index, found), expected)| {
                machine.at(index, &format!("{expected} runs before {found}"))
            }),
        );
    }
    none(&broken);
}

/// From the first state on: a loop's Wait before what comes after the loop, what a Choice names before its default.
fn in_running_order(machine: &File) -> Vec<String> {
    let definition: Value = serde_json::from_str(&machine.text).unwrap();
    let states = &definition["States"];
    let (mut order, mut open) = (Vec::new(), vec![definition["StartAt"].as_str().unwrap().to_owned()]);
    while let Some(name) = open.pop() {
        if order.contains(&name) {
            continue;
        }
        let (next, default) = (&states[&name]["Next"], &states[&name]["Default"]);
        let choices = states[&name]["Choices"].as_array().into_iter().flatten().map(|it| &it["Next"]);
        let mut after: Vec<&Value> = choices.chain([next]).collect();
        // Where a task that is asked about here goes when it fails by a name.
        let asked = states.as_object().unwrap().values().find(|it| it["Next"] == name.as_str());
        after.insert(0, &asked.unwrap_or(&Value::Null)["Catch"][0]["Next"]);
        let waits = default.as_str().is_some_and(|default| states[default]["Type"] == "Wait");
        after.insert(if waits { 0 } else { after.len() }, default);
        open.extend(after.into_iter().rev().filter_map(Value::as_str).map(str::to_owned));
        order.push(name);
    }
    order
}

#[test]
fn comments_say_more_than_the_name() {
    let plain = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    let mut broken = Vec::new();
    for machine in machines() {
        let states = states(&machine);
        for (index, name) in in_file_order(&machine) {
            let comment = states[name]["Comment"].as_str().unwrap_or_default();
            if comment.len() < 20 || !comment.ends_with('.') || plain(comment).starts_with(&plain(name)) {
                broken.push(machine.at(
                    index,
                    &format!("{name} needs a sentence that says why, or what is safe: {comment:?}"),
                ));
            }
        }
    }
    none(&broken);
}

#[test]
fn a_waiting_step_is_a_task_a_question_and_a_wait_over_one_variable() {
    let (mut broken, mut waits) = (Vec::new(), 0);
    for machine in machines() {
        let states = states(&machine);
        for (index, name) in in_file_order(&machine) {
            let state = &states[name];
            if state["Type"] == "Choice" && !name.starts_with("Is") {
                broken.push(machine.at(index, &format!("{name}: a Choice asks, `Is…`")));
            }
            if state["Type"] != "Wait" {
                continue;
            }
            waits += 1;
            let task = state["Next"].as_str().unwrap();
            let choice = states[task]["Next"].as_str().unwrap_or_default();
            let assigned =
                states[task]["Assign"].as_object().map(|it| it.keys().cloned().collect::<Vec<_>>());
            let [variable] = assigned.as_deref().unwrap_or_default() else {
                broken.push(machine.at(index, &format!("{task} assigns its answer to one variable")));
                continue;
            };
            for (is, what) in [
                (name.starts_with("WaitFor"), "a Wait is named `WaitFor…`"),
                (
                    states[task]["Type"] == "Task" && states[choice]["Type"] == "Choice",
                    "it is Task, Choice, Wait, and back",
                ),
                (states[choice]["Default"] == name, "its Choice leads here by default"),
                (
                    states[choice]["Choices"][0]["Condition"] == format!("{{% ${variable}.done %}}"),
                    "its Choice asks for `done`",
                ),
                (state["Seconds"] == format!("{{% ${variable}.waitSeconds %}}"), "the step says how long"),
            ] {
                if !is {
                    broken.push(machine.at(index, &format!("{name}: {what}")));
                }
            }
        }
    }
    none(&broken);
    assert!(waits >= 10, "{waits}");
}

#[test]
fn what_is_longer_than_a_line_of_jsonata_is_decided_in_a_plan() {
    let mut broken = Vec::new();
    for machine in machines() {
        for (index, line) in machine.text.lines().enumerate() {
            for expression in line.split("{%").skip(1).filter_map(|rest| rest.split("%}").next()) {
                if expression.len() > 140 {
                    broken.push(machine.at(index, "too long for an expression"));
                }
            }
        }
    }
    none(&broken);
}
