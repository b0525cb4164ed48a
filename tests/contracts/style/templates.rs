//! Templates: sections, parameters, conditions, statements, what is retained, outputs.

use crate::tree::{File, files_named, none};

fn templates() -> Vec<File> {
    files_named("cloudformation", ".yaml")
}

/// An entry of a section: its name, its first line, and its text.
struct Entry {
    name: String,
    index: usize,
    text: String,
}

impl Entry {
    fn has(&self, line: &str) -> bool {
        self.text.lines().any(|it| it.trim_start().starts_with(line))
    }

    /// What stands behind a key, without quotes.
    fn value(&self, key: &str) -> Option<&str> {
        let line = self.text.lines().find(|line| line.trim_start().starts_with(&format!("{key}: ")))?;
        Some(line.split_once(": ").unwrap().1.trim_matches('\''))
    }
}

/// The entries of a section, such as `Parameters`.
fn entries(template: &File, section: &str) -> Vec<Entry> {
    let (mut inside, mut entries) = (false, Vec::<Entry>::new());
    for (index, line) in template.text.lines().enumerate() {
        if line.starts_with(|first: char| first.is_alphabetic()) {
            inside = line == format!("{section}:");
        } else if inside && line.starts_with("  ") && line[2..].starts_with(char::is_alphabetic) {
            let name = line[2..].split(':').next().unwrap().to_owned();
            entries.push(Entry { name, index, text: format!("{line}\n") });
        } else if let (true, Some(entry)) = (inside, entries.last_mut()) {
            entry.text.push_str(&format!("{line}\n"));
        }
    }
    assert!(!entries.is_empty(), "{} has no {section}", template.path);
    entries
}

/// Every entry of a section, in all templates, that breaks a rule; the rule gives what is wrong.
fn broken(section: &str, rule: impl Fn(&Entry) -> Option<String>) -> Vec<String> {
    let mut broken = Vec::new();
    for template in templates() {
        for entry in entries(&template, section) {
            broken
                .extend(rule(&entry).map(|what| template.at(entry.index, &format!("{} {what}", entry.name))));
        }
    }
    broken
}

#[test]
fn sections_stand_in_order_and_the_description_names_snapferry() {
    const ORDER: [&str; 8] = [
        "AWSTemplateFormatVersion",
        "Description",
        "Metadata",
        "Parameters",
        "Rules",
        "Conditions",
        "Resources",
        "Outputs",
    ];
    let mut broken = Vec::new();
    for template in templates() {
        let mut last = 0;
        for (index, line) in template.text.lines().enumerate() {
            let Some((section, _)) = line.split_once(':').filter(|_| line.starts_with(char::is_alphabetic))
            else {
                continue;
            };
            match ORDER.iter().position(|it| *it == section) {
                Some(place) if place >= last => last = place,
                _ => broken.push(template.at(index, &format!("{section} is not where {ORDER:?} has it"))),
            }
            if section == "Description" && !line.starts_with("Description: 'Snapferry: ") {
                broken.push(template.at(index, "does not start with 'Snapferry: '"));
            }
        }
    }
    none(&broken);
}

#[test]
fn every_parameter_is_described_and_bounded() {
    none(&broken("Parameters", |parameter| {
        let description = parameter.value("Description").unwrap_or_default();
        let bounds = ["AllowedPattern:", "AllowedValues:", "MinValue:", "MaxLength:"];
        if description.len() < 20 || !description.ends_with('.') {
            Some("needs a description in sentences".to_owned())
        } else if !bounds.iter().any(|bound| parameter.has(bound)) {
            Some("needs a bound".to_owned())
        } else if parameter.has("Default: ''") && !description.to_lowercase().contains("ignored ") {
            Some("must say when it is ignored".to_owned())
        } else {
            None
        }
    }));
}

#[test]
fn conditions_are_statements_about_the_stack() {
    let named = |name: &str| name.starts_with("Has") || name.starts_with("Is");
    none(&broken("Conditions", |it| (!named(&it.name)).then(|| "should be `Has…` or `Is…`".to_owned())));
}

#[test]
fn every_statement_says_why_it_is_there() {
    none(&broken("Resources", |resource| {
        let lines: Vec<&str> = resource.text.lines().collect();
        let nameless = lines.iter().enumerate().find(|(index, line)| {
            let statement = lines[*index..].iter().take(4).map(|it| it.to_string()).collect::<String>();
            let begins = line.trim_start().starts_with("- Effect:") || line.contains("{Effect:");
            // Who may take the role: the same in each, and said by its principal.
            begins && !statement.contains("sts:AssumeRole")
        });
        let terse = lines
            .iter()
            .filter_map(|line| line.split_once("Sid: "))
            .find(|(_, sid)| sid.chars().filter(char::is_ascii_uppercase).count() < 2);
        nameless
            .map(|(index, _)| format!("has a statement without Sid, {} lines down", index))
            .or(terse.map(|(_, sid)| format!("has a Sid that says too little: {sid}")))
    }));
}

#[test]
fn every_star_of_a_key_policy_is_explained() {
    none(&broken("Resources", |resource| {
        let stars = resource.text.contains("'kms:*'") || resource.text.contains("Resource: '*'");
        let explained = resource.text.contains("# kms:* ") && resource.text.contains("'*' is this key");
        let key = resource.has("Type: AWS::KMS::Key");
        ((key && stars && !explained) || (!key && resource.text.contains("'kms:*'")))
            .then(|| "has a `*` that no comment explains".to_owned())
    }));
}

#[test]
fn keys_and_secrets_outlive_the_stack() {
    none(&broken("Resources", |resource| {
        let kept = resource.has("DeletionPolicy: Retain") && resource.has("UpdateReplacePolicy: Retain");
        let precious = ["AWS::KMS::Key", "AWS::SecretsManager::Secret"];
        let lost = precious.iter().any(|it| resource.value("Type") == Some(it)) && !kept;
        lost.then(|| "is neither retained on deletion nor on replacement".to_owned())
    }));
}

#[test]
fn names_are_left_to_cloudformation_unless_a_comment_says_why() {
    let names = [
        "RoleName",
        "FunctionName",
        "TopicName",
        "QueueName",
        "LogGroupName",
        "StateMachineName",
        "ManagedPolicyName",
    ];
    none(&broken("Resources", |resource| {
        let lines: Vec<&str> = resource.text.lines().collect();
        let named = lines.iter().enumerate().find(|(index, line)| {
            let is_name = names.iter().any(|name| line.starts_with(&format!("      {name}: ")));
            is_name && !line.contains(": !Ref ") && !lines[index - 1].trim_start().starts_with('#')
        });
        named.map(|(_, line)| format!("is named without a comment: {}", line.trim()))
    }));
}

#[test]
fn descriptions_of_resources_name_snapferry() {
    none(&broken("Resources", |resource| {
        let lines = resource.text.lines().map(str::trim);
        let mut descriptions = lines
            .filter_map(|it| it.split_once("Description: "))
            .filter(|(key, _)| ["", "Alarm"].contains(key));
        descriptions
            .find(|(_, text)| !text.trim_start_matches("!Sub ").starts_with("'Snapferry: "))
            .map(|(_, text)| format!("is described without Snapferry's name: {text}"))
    }));
}

#[test]
fn every_output_is_described_and_exported_under_the_stacks_name() {
    none(&broken("Outputs", |output| {
        let described = output.value("Description").is_some_and(|it| it.len() > 10 && it.ends_with('.'));
        let exported =
            output.text.contains(&format!("Export: {{Name: !Sub '${{AWS::StackName}}-{}'}}", output.name));
        (!described || !exported).then(|| "needs a description and an export of its own name".to_owned())
    }));
}
