//! Code: what does not stand in it, how errors and requests read, and what every step is tested for.

use crate::tree::{File, file, files, files_named, kebab, none, product, step_crates, tests_of_the_tree};
use serde_json::Value;
use std::collections::BTreeSet;
use step::ErrorName;

/// The places in these files' code where one of these words stands.
fn places(files: &[File], words: &[&str], why: &str) -> Vec<String> {
    let mut broken = Vec::new();
    for file in files {
        for (index, line) in file.code() {
            for word in words.iter().filter(|word| line.contains(**word)) {
                broken.push(file.at(index, &format!("`{}`: {why}", word.trim())));
            }
        }
    }
    broken
}

#[test]
fn what_decides_has_no_client_clock_environment_or_file() {
    let names = ["plan.rs", "handoff.rs", "key_policy.rs", "live.rs"];
    let decides = |file: &File| names.contains(&file.name()) || file.path.starts_with("crates/replication/");
    // What a service answers is data; its client is what may not be there.
    let without_data =
        |file: File| File { text: file.text.replace("use aws_sdk_rds::types::", "use "), ..file };
    let files: Vec<File> = product().into_iter().filter(decides).map(without_data).collect();
    assert!(files.len() > 18);
    let words =
        ["async ", ".await", "aws_", "::now(", "SystemTime", "Instant", "env::", "fs::", "net::", "println!"];
    none(&places(&files, &words, "what decides sees only its arguments"));
}

#[test]
fn nothing_that_is_deployed_sleeps() {
    none(&places(
        &product(),
        &["sleep(", "sleep_until(", "time::interval"],
        "waiting is a state of the machine",
    ));
}

#[test]
fn no_file_is_longer_than_400_lines_without_a_reason() {
    let reasons = [
        (
            "cloudformation/source-account.yaml",
            "one template an account: operators deploy and read it as one",
        ),
        (
            "cloudformation/target-account.yaml",
            "one template an account: operators deploy and read it as one",
        ),
        ("tests/mutants.toml", "one table, read by its promises"),
        ("README.md", "the tables of error names and promises, which tests write, are half of it"),
    ];
    let attributes = file(".gitattributes").text;
    let generated = |file: &File| attributes.contains(&format!("{} linguist-generated\n", file.path));
    let long = |file: &File| file.text.lines().count() > 400;
    let excused = |file: &File| generated(file) || reasons.iter().any(|(path, _)| *path == file.path);
    let too_long = files(".").into_iter().filter(|file| long(file) && !excused(file));
    let mut broken: Vec<String> =
        too_long.map(|file| file.at(400, "longer than 400 lines: split it")).collect();
    let idle = reasons.iter().filter(|(path, _)| !long(&file(path)));
    broken.extend(idle.map(|(path, _)| format!("{path}: needs no reason any more")));
    none(&broken);
}

#[test]
fn no_comment_is_wider_than_120_columns() {
    // Not yet: a line or two of each.
    let later = ["crates/verify/", "crates/local-aws/"];
    let mut broken = Vec::new();
    for file in files(".").into_iter().filter(|file| file.path.ends_with(".rs")) {
        let wide = |line: &str| line.trim_start().starts_with("//") && line.chars().count() > 120;
        let lines = file.text.lines().enumerate().filter(|(_, line)| wide(line));
        if !later.iter().any(|folder| file.path.starts_with(folder)) {
            broken.extend(lines.map(|(index, _)| file.at(index, "wider than 120 columns: reflow it")));
        }
    }
    none(&broken);
}

#[test]
fn no_module_is_named_for_what_did_not_fit_elsewhere() {
    let names = ["util", "utils", "helper", "helpers", "common", "misc", "shared", "manager"];
    let stray = |file: &File| {
        let mut parts = file.path.trim_end_matches(".rs").split('/');
        parts.any(|part| names.contains(&part))
    };
    let rust = files(".").into_iter().filter(|file| file.path.ends_with(".rs"));
    let broken: Vec<String> = rust.filter(stray).map(|file| file.at(0, "name it for what it does")).collect();
    none(&broken);
}

#[test]
fn error_texts_start_in_lower_case_and_end_without_a_full_stop() {
    /// Names that are written so.
    const NAMES: [&str; 4] = ["DB ", "RDS ", "KMS ", "SNS "];
    let mut broken = Vec::new();
    for file in product() {
        for (start, _) in file.text.match_indices("#[error(") {
            let Some(text) = file.text[start + "#[error(".len()..].trim_start().strip_prefix('"') else {
                continue; // transparent
            };
            let text = text.split("\"\n").next().unwrap().split("\")]").next().unwrap();
            let text = text.split("\",").next().unwrap();
            let index = file.text[..start].matches('\n').count();
            if text.starts_with(char::is_uppercase) && !NAMES.iter().any(|name| text.starts_with(name)) {
                broken.push(file.at(index, &format!("starts in upper case: {text}")));
            }
            if text.ends_with(['.', '!', '?']) {
                broken.push(file.at(index, &format!("ends like a sentence: {text}")));
            }
        }
    }
    none(&broken);
}

#[test]
fn requests_refuse_unknown_fields_in_camel_case() {
    let (mut broken, mut requests) = (Vec::new(), 0);
    for file in product() {
        let lines: Vec<&str> = file.text.lines().collect();
        for (index, _) in
            lines.iter().enumerate().filter(|(_, line)| line.starts_with("pub struct Request {"))
        {
            requests += 1;
            let attributes: Vec<&&str> =
                lines[..index].iter().rev().take_while(|it| it.starts_with("#[")).collect();
            for needed in ["rename_all = \"camelCase\"", "deny_unknown_fields"] {
                if !attributes.iter().any(|line| line.contains(needed)) {
                    broken.push(file.at(index, &format!("a request without {needed}")));
                }
            }
        }
    }
    none(&broken);
    assert!(requests >= 8, "{requests}");
}

#[test]
fn every_step_is_tested_for_repetition_and_for_bad_input() {
    let mut broken = Vec::new();
    for step in step_crates() {
        let sources = files_named(&format!("crates/{step}/src"), ".rs");
        let functions = sources.iter().filter(|file| file.text.contains("lambda_runtime::run(")).count();
        let tests = files_named(&format!("crates/{step}/tests"), ".rs");
        for name in ["repeating_a_finished_step_changes_nothing", "bad_input_is_invalid_request"] {
            let test = format!("async fn {name}()");
            let found = tests.iter().filter(|file| file.text.contains(&test)).count();
            if found != functions {
                broken.push(format!(
                    "crates/{step}/tests: {found} of {functions} functions have the test {name}"
                ));
            }
        }
    }
    none(&broken);
}

#[test]
fn names_of_tests_are_sentences() {
    let broken: Vec<String> = tests_of_the_tree()
        .into_iter()
        .filter(|(name, _)| name.starts_with("test_") || name.matches('_').count() < 2)
        .map(|(name, place)| format!("{place}{name} is no sentence about behaviour"))
        .collect();
    none(&broken);
}

/// The binary, such as `stage-secret`, whose `handle` a file has.
fn binary(step: &str, file: &File) -> String {
    let folder = file.path.strip_suffix("/mod.rs").and_then(|path| path.rsplit('/').next());
    folder.map_or_else(|| step.to_owned(), |folder| format!("{folder}-{}", step.rsplit('-').next().unwrap()))
}

/// The names between `Errors:` and `Source:` of the comment that `handle` has.
fn documented(file: &File) -> Option<BTreeSet<String>> {
    let before = file.text.split("\npub async fn handle(").next().filter(|it| it.len() < file.text.len())?;
    let errors = before.rsplit("/// Errors:").next().unwrap().split("/// Source:").next().unwrap();
    let names = errors.split('`').skip(1).step_by(2);
    Some(names.map(|name| name.trim_start_matches("Snapferry.").to_owned()).collect())
}

#[test]
fn every_step_documents_the_failures_that_it_can_end_in() {
    let mut broken = Vec::new();
    // It answers each message of a batch by itself, and fails as a whole only for what is no batch.
    for step in step_crates().iter().filter(|step| *step != "receive") {
        let sources = files_named(&format!("crates/{step}/src"), ".rs");
        let handles: Vec<(&File, BTreeSet<String>)> =
            sources.iter().filter_map(|file| Some((file, documented(file)?))).collect();
        let all: BTreeSet<&String> = handles.iter().flat_map(|(_, names)| names).collect();
        let error = file(&format!("crates/{step}/src/error.rs"));
        let raised: BTreeSet<String> = error
            .text
            .split("=> ErrorName::")
            .skip(1)
            .map(|rest| rest.chars().take_while(char::is_ascii_alphanumeric).collect())
            .collect();
        for name in raised.iter().filter(|name| !all.contains(name)) {
            broken.push(error.at(0, &format!("{name} is not among the errors that a handle documents")));
        }
        for (handle, names) in handles {
            for name in names {
                let of_a_call = name.ends_with("Unavailable") || name.ends_with("Refused");
                let known = ErrorName::ALL.iter().any(|it| it.as_str() == format!("Snapferry.{name}"));
                if !known || !(of_a_call || error.text.contains(&format!("ErrorName::{name}"))) {
                    broken.push(handle.at(0, &format!("documents {name}, which it does not raise")));
                }
            }
        }
    }
    none(&broken);
}

#[test]
fn a_task_retries_what_its_step_documents_as_retryable_and_nothing_else() {
    let (mut broken, mut tasks) = (Vec::new(), 0);
    for machine in files_named("statemachines", ".asl.json") {
        let definition: Value = serde_json::from_str(&machine.text).unwrap();
        let states = definition["States"].as_object().unwrap();
        for (name, task) in states.iter().filter(|(_, state)| state["Type"] == "Task") {
            tasks += 1;
            // What a machine does twice is done `Again`.
            let name = name.strip_suffix("Again").unwrap_or(name);
            let named =
                task["Retry"].as_array().into_iter().flatten().flat_map(|it| it["ErrorEquals"].as_array());
            let named = named.flatten().filter_map(|it| it.as_str()?.strip_prefix("Snapferry."));
            let retried: BTreeSet<String> = named.map(str::to_owned).collect();
            let handle = step_crates().into_iter().find_map(|step| {
                let mut sources = files_named(&format!("crates/{step}/src"), ".rs").into_iter();
                sources.find(|file| documented(file).is_some() && binary(&step, file) == kebab(name))
            });
            let Some(handle) = handle else {
                broken.push(machine.at(0, &format!("{name}: no crate has its handle")));
                continue;
            };
            let mut retryable = documented(&handle).unwrap();
            retryable.retain(|it| it.ends_with("Unavailable"));
            if retried != retryable {
                broken.push(
                    handle.at(0, &format!("documents {retryable:?}, {} retries {retried:?}", machine.path)),
                );
            }
        }
    }
    none(&broken);
    assert!(tasks >= 12, "{tasks}");
}
