//! The templates: what outlives a stack, what bounds its parameters, and what every function has.

use crate::tree::{File, files, files_named, none, product};
use crate::yaml::{Entry, Node};

/// A template with its YAML.
pub struct Template {
    pub file: File,
    root: Node,
}

impl Template {
    pub fn of(path: &str, text: &str) -> Self {
        Self { root: Node::parse(text), file: File { path: path.to_owned(), text: text.to_owned() } }
    }

    /// The entries of a section, such as `Parameters`.
    pub fn section(&self, name: &str) -> &[Entry] {
        let section = self.root.get(name).unwrap_or_else(|| panic!("{} has no {name}", self.file.path));
        section.entries()
    }

    /// The resources of a type.
    pub fn resources_of(&self, kind: &str) -> impl Iterator<Item = &Entry> {
        let is_one = move |it: &&Entry| it.value.get("Type").and_then(Node::text) == Some(kind);
        self.section("Resources").iter().filter(is_one)
    }

    /// The functions: the word before `Function`, and the resource.
    pub fn functions(&self) -> Vec<(String, &Entry)> {
        let word = |it: &Entry| match it.key.strip_suffix("Function") {
            Some(word) => word.to_owned(),
            None => panic!("{}", self.file.at(it.line, "a function is named `…Function`")),
        };
        self.resources_of("AWS::Lambda::Function").map(|it| (word(it), it)).collect()
    }
}

/// Every template.
pub fn templates() -> Vec<Template> {
    let files = files_named("cloudformation", ".yaml");
    files.iter().map(|file| Template::of(&file.path, &file.text)).collect()
}

/// Every entry of a section, in all templates, that breaks a rule; the rule gives what is wrong.
fn broken(section: &str, rule: impl Fn(&Entry) -> Option<String>) -> Vec<String> {
    let mut broken = Vec::new();
    for template in templates() {
        for entry in template.section(section) {
            let wrong = rule(entry);
            broken.extend(wrong.map(|it| template.file.at(entry.line, &format!("{} {it}", entry.key))));
        }
    }
    broken
}

// R8: the Region is written into the code.
#[test]
fn no_partition_region_or_account_is_written_into_what_is_deployed() {
    let deployed = files("cloudformation").into_iter().chain(files("statemachines"));
    let deployed = deployed.filter(|file| !file.path.ends_with(".md"));
    // The one place that knows what partitions are called.
    let product = product().into_iter().filter(|file| file.path != "crates/lambda-support/src/partition.rs");
    for file in product.chain(deployed) {
        let code = file.code().filter(|(_, line)| !line.trim_start().starts_with('#'));
        for (index, line) in code {
            for literal in ["arn:aws:", "us-east-1", "us-west-2", "eu-west-1", "amazonaws.com.cn"] {
                assert!(!line.contains(literal), "{}", file.at(index, line));
            }
        }
    }
}

// R20: every role may do everything. R21: the runtime is no longer patched.
#[test]
fn every_function_has_the_same_runtime_and_a_role_and_a_log_group_of_its_own() {
    let mut seen = 0;
    for template in templates() {
        let functions = template.functions();
        for (word, function) in &functions {
            let of = |path: &[&str]| {
                let node = function.value.at(path).unwrap_or_else(|| panic!("{word} has no {path:?}"));
                format!("{} {}", node.tag.as_deref().unwrap_or_default(), node.text().unwrap())
            };
            assert_eq!(of(&["Properties", "Runtime"]), " provided.al2023", "{word}");
            assert_eq!(of(&["Properties", "Role"]), format!("GetAtt {word}Role.Arn"));
            assert_eq!(of(&["Properties", "LoggingConfig", "LogGroup"]), format!("Ref {word}LogGroup"));
        }
        seen += functions.len();
    }
    assert!(seen >= 15, "{seen}");
}

#[test]
fn every_parameter_is_described_and_bounded() {
    none(&broken("Parameters", |parameter| {
        let bounds = ["AllowedPattern", "AllowedValues", "MinValue", "MaxValue", "MaxLength"];
        let has = |key: &&str| parameter.value.get(key).is_some();
        match (has(&"Description"), bounds.iter().any(has)) {
            (true, true) => None,
            (false, _) => Some("needs a description".to_owned()),
            (true, false) => Some("needs a bound".to_owned()),
        }
    }));
}

#[test]
fn keys_and_secrets_outlive_the_stack() {
    let precious = |kind: &str| ["AWS::KMS::Key", "AWS::SecretsManager::Secret"].contains(&kind);
    none(&broken("Resources", |it| {
        let says = |key: &str| it.value.get(key).and_then(Node::text);
        let kept = ["DeletionPolicy", "UpdateReplacePolicy"].iter().all(|key| says(key) == Some("Retain"));
        let lost = says("Type").is_some_and(precious) && !kept;
        lost.then(|| "is neither retained on deletion nor on replacement".to_owned())
    }));
}

/// A resource with a physical name cannot be replaced, and is there once in an account.
#[test]
fn names_are_left_to_cloudformation_unless_a_comment_says_why() {
    const NAMES: [&str; 8] = [
        "RoleName",
        "FunctionName",
        "TopicName",
        "QueueName",
        "LogGroupName",
        "StateMachineName",
        "ManagedPolicyName",
        "SecretName",
    ];
    let mut broken = Vec::new();
    for template in templates() {
        let lines: Vec<&str> = template.file.text.lines().collect();
        for resource in template.section("Resources") {
            let properties = resource.value.get("Properties").map(Node::entries).unwrap_or_default();
            for it in properties.iter().filter(|it| NAMES.contains(&it.key.as_str())) {
                let refers = matches!(it.value.tag.as_deref(), Some("Ref" | "GetAtt"));
                if !refers && !lines[it.line - 1].trim_start().starts_with('#') {
                    broken.push(template.file.at(it.line, &format!("{} has no comment", it.key)));
                }
            }
        }
    }
    none(&broken);
}

#[test]
fn every_output_is_exported_under_the_stacks_name() {
    none(&broken("Outputs", |output| {
        let name = output.value.at(&["Export", "Name"]).and_then(Node::text);
        let own = format!("${{AWS::StackName}}-{}", output.key);
        (name != Some(own.as_str())).then(|| format!("is not exported as {own}"))
    }));
}

// Events of executions are best effort, so the rule that starts the clean-up may miss a failure.
#[test]
fn every_machine_has_an_alarm_for_each_way_to_end_without_success() {
    let mut missing = Vec::new();
    for template in templates() {
        for machine in template.resources_of("AWS::StepFunctions::StateMachine") {
            for metric in ["ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"] {
                let alarms = template.resources_of("AWS::CloudWatch::Alarm");
                if !alarms.map(|it| &it.value).any(|it| tells_of(it, &machine.key, metric)) {
                    let what = format!("{} has no alarm on {metric}", machine.key);
                    missing.push(template.file.at(machine.line, &what));
                }
            }
        }
    }
    none(&missing);
}

/// Whether an alarm tells the operations topic as soon as a metric of a machine counts anything.
fn tells_of(alarm: &Node, machine: &str, metric: &str) -> bool {
    let says = |key: &str| alarm.at(&["Properties", key]).map(Node::texts).unwrap_or_default();
    let dimensions = alarm.at(&["Properties", "Dimensions"]).map(Node::all).unwrap_or_default();
    let of_machine = dimensions.into_iter().filter_map(Node::text).any(|it| it == machine);
    let expected = [
        ("Namespace", "AWS/States"),
        ("MetricName", metric),
        ("Statistic", "Sum"),
        ("ComparisonOperator", "GreaterThanThreshold"),
        ("TreatMissingData", "notBreaching"),
        ("AlarmActions", "OperationsTopic"),
    ];
    of_machine && expected.iter().all(|(key, value)| says(key) == [*value])
}
