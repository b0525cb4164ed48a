//! The form of a step: its files, its request, and the two tests that each function has.

use crate::floors::{Package, steps};
use crate::tree::{File, files, files_named, none, product};

/// How a function is wired.
const SERVES: &str = "lambda_support::serve(";

fn sources(step: &Package) -> Vec<File> {
    files_named(&format!("{}/src", step.folder), ".rs")
}

#[test]
fn every_step_wires_acts_decides_and_names_its_failures_in_files_of_their_own() {
    let mut broken = Vec::new();
    for step in steps() {
        let sources = sources(&step);
        let lacks = |name: &str| !sources.iter().any(|file| file.name() == name);
        for name in ["lib.rs", "plan.rs", "error.rs"].into_iter().filter(|name| lacks(name)) {
            broken.push(format!("{}/src: has no {name}", step.folder));
        }
        for file in sources.iter().filter(|file| file.text.contains(SERVES)) {
            if !(file.path.ends_with("/src/main.rs") || file.path.contains("/src/bin/")) {
                broken.push(file.at(0, "functions are wired in main.rs or below bin/"));
            }
            if file.text.lines().count() > 15 {
                broken.push(file.at(15, "wiring needs no more than 15 lines"));
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
        let begin = |line: &str| line.starts_with("pub struct Request {");
        for (index, _) in lines.iter().enumerate().filter(|(_, line)| begin(line)) {
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

// Invariant: a step repeated changes nothing that is done.
#[test]
fn every_function_is_tested_for_repetition_and_for_bad_input() {
    let mut broken = Vec::new();
    for step in steps() {
        let functions = sources(&step).iter().filter(|file| file.text.contains(SERVES)).count();
        let tests = files(&format!("{}/tests", step.folder));
        for name in ["repeating_a_finished_step_changes_nothing", "bad_input_is_invalid_request"] {
            let test = format!("async fn {name}()");
            let found = tests.iter().filter(|file| file.text.contains(&test)).count();
            if found != functions {
                broken
                    .push(format!("{}: {found} of {functions} functions have the test {name}", step.folder));
            }
        }
    }
    none(&broken);
}
