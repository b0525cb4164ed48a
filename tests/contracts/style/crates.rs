//! Crates: where they lie, what they are made of, and what they may know of each other.

use crate::tree::{File, crates, file, files, files_named, none, step_crates};

fn manifests() -> Vec<File> {
    let ours = crates().into_iter().map(|name| file(&format!("crates/{name}/Cargo.toml")));
    ours.chain([file("tests/Cargo.toml")]).collect()
}

/// A line of a table of dependencies.
struct Dependency {
    index: usize,
    name: String,
    line: String,
    /// Whether only tests are built with it.
    of_tests: bool,
}

fn dependencies(manifest: &File) -> Vec<Dependency> {
    let (mut table, mut found) = ("", Vec::new());
    for (index, line) in manifest.text.lines().enumerate() {
        if line.starts_with('[') {
            table = line;
        } else if table.ends_with("dependencies]") && !line.is_empty() && !line.starts_with('#') {
            let name = line.split(['.', ' ', '=']).next().unwrap().to_owned();
            found.push(Dependency { index, name, line: line.to_owned(), of_tests: table.contains("dev-") });
        }
    }
    found
}

#[test]
fn every_crate_lies_flat_in_a_folder_of_its_own_name() {
    let mut broken = Vec::new();
    for manifest in files_named("crates", "Cargo.toml") {
        let parts: Vec<&str> = manifest.path.split('/').collect();
        if parts.len() != 3 {
            broken.push(manifest.at(0, "crates lie flat in crates/"));
        } else if !manifest.text.contains(&format!("[package]\nname = \"{}\"\n", parts[1])) {
            broken.push(manifest.at(1, "the package is not named as its folder"));
        }
    }
    none(&broken);
}

#[test]
fn versions_lints_and_publishing_are_declared_once_in_the_root() {
    let mut broken = Vec::new();
    let root = file("Cargo.toml");
    for declared in ["version = \"0.0.0\"\n", "publish = false\n", "[workspace.lints.rust]\n"] {
        if !root.text.contains(declared) {
            broken.push(root.at(0, &format!("lacks {}", declared.trim())));
        }
    }
    for manifest in manifests() {
        for inherited in
            ["\nversion.workspace = true\n", "\npublish.workspace = true\n", "\n[lints]\nworkspace = true\n"]
        {
            if !manifest.text.contains(inherited) {
                broken.push(manifest.at(0, &format!("lacks {}", inherited.trim().replace('\n', " "))));
            }
        }
        for it in dependencies(&manifest).iter().filter(|it| !it.line.contains("workspace = true")) {
            broken.push(manifest.at(it.index, &format!("not from the workspace: {}", it.line)));
        }
    }
    none(&broken);
}

#[test]
fn steps_know_only_the_contracts_and_the_support_and_neither_knows_a_step() {
    let (ours, mut broken) = (crates(), Vec::new());
    for manifest in manifests() {
        let name = manifest.path.split('/').rev().nth(1).unwrap();
        let allowed: &[&str] = match name {
            "replication" | "local-aws" | "test-support" => &[],
            "lambda-support" => &["replication"],
            // The leaky step of the tests is built from it.
            "tests" => &["replication", "lambda-support", "rotate-secret"],
            _ => &["replication", "lambda-support"],
        };
        for it in dependencies(&manifest) {
            let for_tests = it.of_tests && ["test-support", "local-aws"].contains(&it.name.as_str());
            let known = for_tests || allowed.contains(&it.name.as_str());
            if ours.contains(&it.name) && !known {
                broken.push(manifest.at(it.index, &format!("{name} may not depend on {}", it.name)));
            }
            // A step asks for it by a feature; what does not, neither builds nor links it.
            let asked_for = name == "lambda-support" && it.line.contains("optional = true");
            let shared = ["replication", "lambda-support"].contains(&name);
            if it.name.starts_with("aws-sdk-") && shared && !asked_for {
                broken.push(manifest.at(it.index, &format!("{name} knows no service: {}", it.name)));
            }
        }
    }
    none(&broken);
}

#[test]
fn every_step_wires_acts_decides_and_names_its_failures_in_files_of_their_own() {
    let mut broken = Vec::new();
    for step in step_crates() {
        let sources = files(&format!("crates/{step}/src"));
        let lacks = |name: &str| !sources.iter().any(|file| file.name() == name);
        for name in ["lib.rs", "plan.rs", "error.rs"].into_iter().filter(|name| lacks(name)) {
            broken.push(format!("crates/{step}/src: has no {name}"));
        }
        for file in sources.iter().filter(|file| file.text.contains("lambda_runtime::run(")) {
            if !(file.path.ends_with("/src/main.rs") || file.path.contains("/src/bin/")) {
                broken.push(file.at(0, "functions are wired in main.rs or below bin/"));
            }
            if file.text.lines().count() > 30 {
                broken.push(file.at(30, "wiring needs no more than 30 lines"));
            }
        }
    }
    none(&broken);
}
