//! One word, everywhere: a state, its function, role, policy, zip and binary.

use crate::floors::functions;
use crate::templates::templates;
use crate::tree::{files, kebab, none};
use crate::yaml::Node;
use std::collections::BTreeSet;

#[test]
fn a_function_its_policy_its_zip_and_its_binary_are_one_word() {
    let binaries: BTreeSet<String> = functions().into_iter().flat_map(|it| it.binaries).collect();
    let mut broken = Vec::new();
    for template in templates() {
        for (word, function) in template.functions() {
            let mut lacks = |what: String| {
                broken.push(template.file.at(function.line, &format!("{word} lacks {what}")));
            };
            let kebab = kebab(&word);
            if !binaries.contains(&kebab) {
                lacks(format!("a binary {kebab}"));
            }
            let zip = format!("${{ArtifactPrefix}}{kebab}.zip");
            let key = function.value.at(&["Properties", "Code", "S3Key"]).and_then(Node::text);
            if key != Some(zip.as_str()) {
                lacks(zip);
            }
            let role = template.resources_of("AWS::IAM::Role").find(|it| it.key == format!("{word}Role"));
            let policies = role.and_then(|it| it.value.at(&["Properties", "Policies"]));
            let names = policies.map(Node::all).unwrap_or_default();
            let names: Vec<&str> =
                names.iter().filter_map(|it| it.get("PolicyName").and_then(Node::text)).collect();
            if names != [word.as_str()] {
                lacks(format!("a policy of its name alone: {names:?}"));
            }
        }
    }
    none(&broken);
}

#[test]
fn every_function_is_deployed() {
    let templates = templates();
    let deployed = templates.iter().flat_map(|it| it.functions());
    let deployed: BTreeSet<String> = deployed.map(|(word, _)| kebab(&word)).collect();
    let mut broken = Vec::new();
    for step in functions() {
        let serves = files(&format!("{}/src", step.folder)).iter().any(|it| it.text.contains("::serve("));
        let idle = step.binaries.iter().filter(|it| serves && !deployed.contains(*it));
        broken.extend(idle.map(|binary| format!("{}: no template deploys {binary}", step.folder)));
    }
    none(&broken);
}
