//! The state machines: what they catch, whom they call, and in which order.

use crate::templates::{Template, templates};
use crate::tree::{File, files_named, kebab, none};
use crate::yaml::Node;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use step::ErrorName;

/// A state machine as its file defines it. Its states have different names, however deep they stand.
pub struct Machine {
    pub file: File,
    pub states: Map<String, Value>,
}

/// The states of a machine, and those of its branches and iterations.
fn all_states(machine: &Value) -> Map<String, Value> {
    let mut all = machine["States"].as_object().unwrap().clone();
    for state in machine["States"].as_object().unwrap().values() {
        let branches = state["Branches"].as_array().into_iter().flatten();
        for (name, inner) in branches.chain(state.get("ItemProcessor")).flat_map(all_states) {
            assert!(all.insert(name.clone(), inner).is_none(), "two states are called {name}");
        }
    }
    all
}

impl Machine {
    /// Every machine.
    pub fn all() -> Vec<Self> {
        let of = |file: File| {
            let definition: Value = serde_json::from_str(&file.text).unwrap();
            Self { states: all_states(&definition), file }
        };
        files_named("statemachines", ".asl.json").into_iter().map(of).collect()
    }

    /// The machine of this name.
    pub fn of(name: &str) -> Self {
        Self::all().into_iter().find(|it| it.name() == name).unwrap()
    }

    pub fn name(&self) -> &str {
        self.file.name().strip_suffix(".asl.json").unwrap()
    }

    pub fn tasks(&self) -> impl Iterator<Item = (&str, &Value)> {
        let tasks = self.states.iter().filter(|(_, state)| state["Type"] == "Task");
        tasks.map(|(name, state)| (name.as_str(), state))
    }

    /// A place in the file: where the state begins.
    pub fn at(&self, state: &str, what: &str) -> String {
        let begins = |line: &str| line.trim_start().starts_with(&format!("\"{state}\": {{"));
        let index = self.file.text.lines().position(begins).unwrap_or_default();
        self.file.at(index, &format!("{state}: {what}"))
    }

    /// The tasks in the order that the machine runs them when every look says done.
    fn tasks_in_order(&self) -> Vec<&str> {
        let (mut order, mut next) = (Vec::new(), Some("Begin"));
        while let Some(name) = next {
            let (name, state) = self.states.get_key_value(name).unwrap();
            // A Choice that does not wait asks for what the settings may leave out.
            let waits = |name: &Value| self.states[name.as_str().unwrap()]["Type"] == "Wait";
            let follow = match state["Type"].as_str() {
                Some("Choice") if waits(&state["Default"]) => &state["Choices"][0]["Next"],
                Some("Choice") => &state["Default"],
                _ => &state["Next"],
            };
            next = follow.as_str();
            if state["Type"] == "Task" {
                order.push(name.as_str());
            }
        }
        order
    }
}

/// The names of errors in a state's `Retry` or `Catch`.
pub fn errors<'a>(state: &'a Value, field: &str) -> BTreeSet<&'a str> {
    let rules = state[field].as_array().into_iter().flatten();
    rules.flat_map(|it| it["ErrorEquals"].as_array()).flatten().filter_map(Value::as_str).collect()
}

/// What a machine does twice is done `Again`.
pub fn function_of(task: &str) -> &str {
    task.strip_suffix("Again").unwrap_or(task)
}

pub fn known(retryable: bool) -> BTreeSet<&'static str> {
    ErrorName::ALL.iter().filter(|it| it.retryable() == retryable).map(|it| it.as_str()).collect()
}

// Else a failure keeps its own name and cause, can be redriven, and is reported from outside.
// Invariant: nothing catches a failure.
#[test]
fn what_is_caught_has_a_name_and_another_way_to_go() {
    let known = known(false);
    for machine in Machine::all() {
        for (name, task) in machine.tasks() {
            assert!(errors(task, "Catch").is_subset(&known), "{}", machine.at(name, "catches too much"));
            for catcher in task["Catch"].as_array().into_iter().flatten() {
                let next = catcher["Next"].as_str().unwrap();
                assert_eq!(machine.states[next]["Type"], "Task", "{}", machine.at(name, next));
            }
        }
    }
}

#[test]
fn every_task_calls_the_function_of_its_name() {
    let templates = templates();
    let functions = templates.iter().flat_map(Template::functions);
    let deployed: BTreeSet<String> = functions.map(|(word, _)| word).collect();
    for machine in Machine::all() {
        for (name, task) in machine.tasks() {
            let word = function_of(name);
            let expected = format!("${{{word}FunctionArn}}");
            assert_eq!(task["Arguments"]["FunctionName"], expected, "{}", machine.at(name, "calls another"));
            assert!(deployed.contains(word), "no template deploys {word} ({})", kebab(word));
        }
    }
}

#[test]
fn every_variable_is_assigned_before_any_state_reads_it() {
    for machine in Machine::all() {
        // A branch or an iteration has variables of its own, from its first state on.
        let first = machine.states.iter().filter(|(name, _)| name.starts_with("Begin")).map(|(_, it)| it);
        let assigned: BTreeSet<&str> = first
            .filter_map(|it| it["Assign"].as_object())
            .flat_map(|it| it.keys())
            .map(String::as_str)
            .collect();
        let functions = ["", "states"];
        for name in names(&machine.file.text, "$").into_iter().filter(|it| !functions.contains(&it.as_str()))
        {
            // A function of JSONata is called.
            let called = machine.file.text.contains(&format!("${name}("));
            assert!(called || assigned.contains(name.as_str()), "{} reads ${name}", machine.file.path);
        }
    }
}

/// Every `<open>name` of a text.
fn names(text: &str, open: &str) -> BTreeSet<String> {
    let after = text.split(open).skip(1);
    after.map(|rest| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()).collect()
}

#[test]
fn every_placeholder_is_substituted_by_each_template_that_deploys_the_machine() {
    let (mut broken, mut deployed) = (Vec::new(), BTreeSet::new());
    for template in templates() {
        for resource in template.resources_of("AWS::StepFunctions::StateMachine") {
            let properties = resource.value.get("Properties").unwrap();
            let texts: Vec<&str> = properties.all().into_iter().filter_map(Node::text).collect();
            let machine =
                Machine::all().into_iter().find(|it| texts.iter().any(|text| text.contains(it.file.name())));
            let machine =
                machine.unwrap_or_else(|| panic!("{}", template.file.at(resource.line, "no machine")));
            deployed.insert(machine.name().to_owned());
            let given = properties.get("DefinitionSubstitutions").map(Node::entries).unwrap_or_default();
            let given: BTreeSet<String> = given.iter().map(|it| it.key.clone()).collect();
            let needed = names(&machine.file.text, "${");
            if given != needed {
                let odd: Vec<&String> = given.symmetric_difference(&needed).collect();
                broken.push(template.file.at(resource.line, &format!("{}: {odd:?}", machine.name())));
            }
        }
    }
    none(&broken);
    let all: BTreeSet<String> = Machine::all().iter().map(|it| it.name().to_owned()).collect();
    assert_eq!(deployed, all, "every machine is deployed");
}

/// The tasks that lead to a state, through any Choice, but for its own Wait.
fn tasks_before<'a>(machine: &'a Machine, name: &str, seen: &mut BTreeSet<&'a str>) -> BTreeSet<&'a str> {
    let mut tasks = BTreeSet::new();
    for (before, state) in &machine.states {
        let choices = state["Choices"].as_array().into_iter().flatten().map(|it| &it["Next"]);
        let leads = choices.chain([&state["Next"], &state["Default"]]).any(|it| it == name);
        match state["Type"].as_str() {
            Some("Task") if leads => drop(tasks.insert(before.as_str())),
            Some("Choice") if leads && seen.insert(before) => {
                tasks.extend(tasks_before(machine, before, seen))
            }
            _ => {}
        }
    }
    tasks
}

#[test]
fn nothing_goes_live_before_it_is_verified() {
    for machine in ["target-account", "rollback"].map(Machine::of) {
        let before = tasks_before(&machine, "PromoteSecret", &mut BTreeSet::new());
        assert!(!before.is_empty());
        for name in before {
            let called = &machine.states[name]["Arguments"]["FunctionName"];
            let verifies = ["${VerifyFunctionArn}", "${VerifyPathFunctionArn}"].iter().any(|it| called == it);
            assert!(verifies, "{}", machine.at(name, "leads to PromoteSecret"));
        }
    }
}

// Invariant: nothing goes live whose path was not logged in through.
#[test]
fn a_lane_is_taken_only_after_the_verification_and_leads_to_a_login_through_it() {
    for machine in ["target-account", "rollback"].map(Machine::of) {
        let before = tasks_before(&machine, "RegisterTargets", &mut BTreeSet::new());
        let verify = |name: &&str| name.starts_with("Verify");
        assert!(!before.is_empty() && before.iter().all(verify), "{}: {before:?}", machine.file.path);
        let registered = &machine.states["RegisterTargets"]["Next"];
        let next = machine.states[registered.as_str().unwrap()]["Choices"][0]["Next"].as_str().unwrap();
        let login = &machine.states[next]["Arguments"];
        assert_eq!(login["FunctionName"], "${VerifyPathFunctionArn}");
        assert_eq!(login["Payload"]["paths"], "{% $registered.paths %}");
    }
}

// R5: the old snapshot goes before the new one exists.
#[test]
fn nothing_is_deleted_before_what_replaces_it_is_made() {
    for machine in ["source-account", "target-account"].map(Machine::of) {
        let order = machine.tasks_in_order();
        let prune = order.iter().position(|name| *name == "Prune").unwrap();
        let made = machine.tasks().map(|(name, _)| name);
        let made = made.filter(|name| !["Prune", "Report"].contains(name) && function_of(name) == *name);
        let before: BTreeSet<&str> = order[..prune].iter().copied().collect();
        assert_eq!(before, made.collect(), "{}: {order:?}", machine.file.path);
    }
}

#[test]
fn what_is_longer_than_a_line_of_jsonata_is_decided_in_a_plan() {
    let mut broken = Vec::new();
    for machine in Machine::all() {
        for (index, line) in machine.file.text.lines().enumerate() {
            let expressions = line.split("{%").skip(1).filter_map(|rest| rest.split("%}").next());
            let long = expressions.filter(|it| it.len() > 140);
            broken.extend(long.map(|_| machine.file.at(index, "too long for an expression")));
        }
    }
    none(&broken);
}

// Else the machine gives up on a function that is still at work, and calls it again beside itself.
#[test]
fn every_task_outlasts_its_function() {
    let mut limits: BTreeMap<String, u64> = BTreeMap::new();
    for template in templates() {
        for (word, function) in template.functions() {
            let limit = function.value.at(&["Properties", "Timeout"]).and_then(Node::text).unwrap();
            let limit: u64 = limit.parse().unwrap();
            limits.entry(word).and_modify(|it| *it = limit.max(*it)).or_insert(limit);
        }
    }
    let mut broken = Vec::new();
    for machine in Machine::all() {
        for (name, task) in machine.tasks() {
            let (waits, runs) = (task["TimeoutSeconds"].as_u64().unwrap(), limits[function_of(name)]);
            if waits < runs + 10 {
                broken.push(machine.at(name, &format!("waits {waits} s for a function of {runs} s")));
            }
        }
    }
    none(&broken);
}
