//! The floors of the house: arrows point down only, and no step knows another.

use crate::tree::{checkout, none};
use serde_json::Value;
use std::process::Command;

/// Names, contracts and decisions: no client, no clock.
pub const PURE: &[&str] = &["failover", "rds-authorities", "replication", "step"];
/// Calls to AWS that several steps make.
pub const CALLS: &[&str] = &["lambda-support", "database", "login", "secret", "target-group"];
/// What shows how applications use what the steps make.
pub const EXAMPLES: &[&str] = &["example-application"];
/// Tests and what they need. Nothing of it is deployed.
pub const APART: &[&str] = &["executions", "hostile-input", "local-aws", "test-support", "tests"];

/// What tests are built with, whatever they test.
const FOR_TESTS: &[&str] = &["test-support", "local-aws"];
/// Clients, and what only a client needs.
const CLIENTS: &[&str] = &["aws-", "hyper", "lambda_runtime", "reqwest", "sqlx", "tokio"];

/// A package of the workspace.
pub struct Package {
    pub name: String,
    /// Its folder, from the checkout's root.
    pub folder: String,
    /// Its binaries.
    pub binaries: Vec<String>,
    dependencies: Vec<Dependency>,
}

impl Package {
    /// Whether it is built with that package.
    pub fn knows(&self, name: &str) -> bool {
        self.dependencies.iter().any(|it| it.name == name && !it.of_tests)
    }
}

struct Dependency {
    name: String,
    /// Whether only its tests are built with it.
    of_tests: bool,
}

fn cargo(arguments: &[&str]) -> String {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let done = Command::new(cargo).args(arguments).current_dir(checkout()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// Every package of the workspace.
pub fn packages() -> Vec<Package> {
    let metadata = cargo(&["metadata", "--format-version", "1", "--no-deps", "--offline"]);
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    let root = metadata["workspace_root"].as_str().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let dependency = |it: &Value| Dependency { name: text(&it["name"]), of_tests: it["kind"] == "dev" };
    let package = |it: &Value| Package {
        name: text(&it["name"]),
        folder: {
            let manifest = it["manifest_path"].as_str().unwrap();
            manifest.strip_prefix(root).unwrap().trim_matches('/').trim_end_matches("/Cargo.toml").to_owned()
        },
        binaries: {
            let targets = it["targets"].as_array().unwrap().iter();
            targets.filter(|target| target["kind"][0] == "bin").map(|target| text(&target["name"])).collect()
        },
        dependencies: it["dependencies"].as_array().unwrap().iter().map(dependency).collect(),
    };
    metadata["packages"].as_array().unwrap().iter().map(package).collect()
}

/// The crates that Lambda functions are built from: the steps, and the examples.
pub fn functions() -> Vec<Package> {
    let examples = packages().into_iter().filter(|it| EXAMPLES.contains(&it.name.as_str()));
    steps().into_iter().chain(examples).collect()
}

/// The crates of the steps: what lies on no other floor.
pub fn steps() -> Vec<Package> {
    let on_another = |name: &str| [PURE, CALLS, EXAMPLES, APART].iter().any(|floor| floor.contains(&name));
    packages().into_iter().filter(|it| !on_another(&it.name)).collect()
}

/// Whether one package may know another.
fn may_know(name: &str, other: &str) -> bool {
    let (pure, calls) = (PURE.contains(&other), CALLS.contains(&other));
    match name {
        "rds-authorities" | "step" | "local-aws" => false,
        "replication" | "lambda-support" => other == "step",
        // The form of RDS's names, and what must be so in a database.
        "failover" => other == "step" || other == "replication",
        // It wires the clients of functions over its own answers.
        "test-support" => other == "lambda-support",
        "database" | "secret" | "target-group" | "executions" => pure || other == "lambda-support",
        "login" => pure || ["lambda-support", "secret"].contains(&other),
        "tests" | "hostile-input" => true,
        _ => pure || calls,
    }
}

// Invariant: no step knows another.
#[test]
fn arrows_point_down_only_and_no_step_knows_another() {
    let packages = packages();
    let mut broken = Vec::new();
    for Package { name, dependencies, .. } in &packages {
        for it in dependencies.iter().filter(|it| packages.iter().any(|ours| ours.name == it.name)) {
            let for_tests = it.of_tests && (FOR_TESTS.contains(&&*it.name) || PURE.contains(&&*it.name));
            if !for_tests && !may_know(name, &it.name) {
                broken.push(format!("{name} must not depend on {}", it.name));
            }
        }
    }
    none(&broken);
}

#[test]
fn nothing_that_is_pure_is_built_with_a_client() {
    let mut broken = Vec::new();
    for name in PURE {
        let tree = cargo(&["tree", "--offline", "--edges", "normal", "--prefix", "none", "--package", name]);
        assert!(tree.starts_with(name), "{tree}");
        let is_client = |line: &&str| CLIENTS.iter().any(|client| line.starts_with(client));
        broken.extend(tree.lines().filter(is_client).map(|line| format!("{name} is built with {line}")));
    }
    none(&broken);
}

#[test]
fn every_crate_lies_flat_in_a_folder_of_its_own_name() {
    let ours = |it: &Package| match it.name.as_str() {
        "tests" => it.folder == "tests",
        "hostile-input" => it.folder == "tests/hostile-input",
        name => it.folder == format!("crates/{name}"),
    };
    let strays = packages().into_iter().filter(|it| !ours(it));
    none(&strays.map(|it| format!("{} lies in {}", it.name, it.folder)).collect::<Vec<_>>());
}

#[test]
fn no_package_is_published_and_all_have_the_lints_of_the_workspace() {
    let mut broken = Vec::new();
    for Package { name, folder, .. } in packages() {
        let manifest = crate::tree::file(&format!("{folder}/Cargo.toml")).text;
        for inherited in ["\npublish.workspace = true\n", "\n[lints]\nworkspace = true\n"] {
            if !manifest.contains(inherited) {
                broken.push(format!("{name} lacks {}", inherited.trim().replace('\n', " ")));
            }
        }
    }
    let root = crate::tree::file("Cargo.toml").text;
    for declared in ["publish = false\n", "[workspace.lints.rust]\n"] {
        assert!(root.contains(declared), "Cargo.toml lacks {}", declared.trim());
    }
    none(&broken);
}
