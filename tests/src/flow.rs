//! The steps as the templates and the state machines name them, so that no test keeps a list of steps.

use crate::{SOURCE_ACCOUNT, TARGET_ACCOUNT};
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::Path;

/// Every deployed function: its account and its step, in the order of the templates.
pub fn deployed_steps() -> Result<Vec<(&'static str, String)>> {
    let mut steps = Vec::new();
    for (account, template) in [(SOURCE_ACCOUNT, "source-account"), (TARGET_ACCOUNT, "target-account")] {
        let text = read(&format!("cloudformation/{template}.yaml"))?;
        let lines: Vec<&str> = text.lines().collect();
        for pair in lines.windows(2).filter(|pair| pair[1] == "    Type: AWS::Lambda::Function") {
            let name = pair[0].trim().trim_end_matches(':');
            let step = name.strip_suffix("Function");
            let step = step.with_context(|| format!("{template}: {name} is not named after a step"))?;
            steps.push((account, step.to_owned()));
        }
    }
    Ok(steps)
}

/// The step whose function called, of a caller in the record of calls; none if it was no function.
///
/// `222222222222/snapferry-target-account-RestoreRole-4F2A` is `Restore`. A role with a name of its own lacks `Role`.
pub fn step_of<'a>(steps: &[(&str, String)], who: &'a str) -> Option<&'a str> {
    let words = who.split(['/', '-']).map(|word| word.strip_suffix("Role").unwrap_or(word));
    words.into_iter().find(|word| steps.iter().any(|(_, step)| step == word))
}

/// The pattern of the callers that are functions of this step.
pub fn callers_of(account: &str, step: &str) -> String {
    format!("{account}/*-{step}*")
}

/// The Task states of a machine in the order that they run when every look says done.
pub fn tasks_of(machine: &str) -> Result<Vec<String>> {
    let definition: Value = serde_json::from_str(&read(&format!("statemachines/{machine}.asl.json"))?)?;
    let mut tasks = Vec::new();
    let mut next = definition["StartAt"].as_str().map(str::to_owned);
    while let Some(name) = next {
        let state = &definition["States"][&name];
        let follow = if state["Type"] == "Choice" { &state["Choices"][0]["Next"] } else { &state["Next"] };
        next = follow.as_str().map(str::to_owned);
        if state["Type"] == "Task" {
            tasks.push(name);
        }
    }
    Ok(tasks)
}

fn read(file: &str) -> Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    std::fs::read_to_string(path).with_context(|| format!("cannot read {file}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_of_the_templates_and_machines_is_found() {
        let steps = deployed_steps().unwrap();
        for account in [SOURCE_ACCOUNT, TARGET_ACCOUNT] {
            assert!(steps.contains(&(account, "Prune".to_owned())), "{steps:?}");
        }
        for role in ["snapferry-target-account-RestoreRole-4F2A", "snapferry-Restore-us-east-1"] {
            assert_eq!(step_of(&steps, &format!("{TARGET_ACCOUNT}/{role}")), Some("Restore"));
        }
        assert_eq!(step_of(&steps, "222222222222/root"), None);
        let tasks = tasks_of("target-account").unwrap();
        assert_eq!(tasks.first().map(String::as_str), Some("CopyAndReencrypt"));
        assert_eq!(tasks.last().map(String::as_str), Some("Report"));
    }
}
