//! The rules of the templates, which refuse parameters that do not go together before a stack is made. No checker
//! evaluates them, so this does, as far as the templates use them.

use crate::templates::{Template, templates};
use crate::yaml::{Entry, Kind, Node};
use std::collections::BTreeMap;

type Parameters<'a> = BTreeMap<&'a str, &'a str>;

/// Source: CloudFormation User Guide, "Rule-specific intrinsic functions". A list is written with commas.
fn holds(condition: &Node, given: &Parameters<'_>) -> bool {
    let (function, arguments) = function(condition);
    let Kind::List(items) = &arguments.kind else { panic!("{function} has no list") };
    match (function, items.as_slice()) {
        ("Not", [one]) => !holds(one, given),
        ("Equals", [one, other]) => values(one, given) == values(other, given),
        ("EachMemberEquals", [list, one]) => {
            let one = values(one, given).join(",");
            values(list, given).iter().all(|it| *it == one)
        }
        _ => panic!("{function} with {} arguments is not known here", items.len()),
    }
}

/// `Not` of `!Not [...]` and of `{'Fn::Not': [...]}`, with its arguments.
fn function(node: &Node) -> (&str, &Node) {
    match (node.tag.as_deref(), node.entries()) {
        (Some(tag), _) => (tag, node),
        (None, [Entry { key, value, .. }]) => (key.trim_start_matches("Fn::"), value),
        _ => panic!("no function stands there"),
    }
}

/// What a text or a `!Ref` says.
fn values<'a>(node: &'a Node, given: &Parameters<'a>) -> Vec<&'a str> {
    let text = node.text().expect("a text");
    match node.tag.as_deref() {
        None => vec![text],
        Some("Ref") => given.get(text).unwrap_or_else(|| panic!("no parameter {text}")).split(',').collect(),
        Some(tag) => panic!("{tag} is not known here"),
    }
}

/// What the rules of a template say against these parameters; the others have their defaults.
fn refused(template: &Template, given: &[(&str, &str)]) -> Vec<String> {
    let default = |it: &'_ Entry| it.value.get("Default").and_then(Node::text).unwrap_or_default().to_owned();
    let defaults: BTreeMap<String, String> =
        template.section("Parameters").iter().map(|it| (it.key.clone(), default(it))).collect();
    let mut parameters: Parameters<'_> =
        defaults.iter().map(|(key, it)| (key.as_str(), it.as_str())).collect();
    for (key, value) in given {
        parameters.insert(key, value).unwrap_or_else(|| panic!("no parameter {key}"));
    }
    let mut refused = Vec::new();
    for rule in template.section("Rules") {
        if rule.value.get("RuleCondition").is_some_and(|it| !holds(it, &parameters)) {
            continue;
        }
        let Some(Kind::List(assertions)) = rule.value.get("Assertions").map(|it| &it.kind) else {
            panic!("{} asserts nothing", rule.key)
        };
        for it in assertions {
            if !holds(it.get("Assert").unwrap(), &parameters) {
                refused.push(it.get("AssertDescription").and_then(Node::text).unwrap().to_owned());
            }
        }
    }
    refused
}

#[test]
fn parameters_that_do_not_go_together_are_refused_in_words() {
    let all = templates();
    let check = |file: &str, given: &[(&str, &str)], expected: &[&str]| {
        let template = all.iter().find(|it| it.file.path.ends_with(file)).unwrap();
        let refused = refused(template, given);
        assert_eq!(refused.len(), expected.len(), "{given:?}: {refused:?}");
        for (words, expected) in refused.iter().zip(expected) {
            assert!(words.starts_with(expected), "{given:?}: {words}");
        }
    };
    let subnets = ("VerifySubnetIds", "subnet-1,subnet-2");
    let groups = ("VerifySecurityGroupIds", "sg-1");
    check("target-account.yaml", &[], &[]);
    check("target-account.yaml", &[subnets, groups], &[]);
    check("target-account.yaml", &[subnets], &["VerifySubnetIds needs VerifySecurityGroupIds"]);
    check("target-account.yaml", &[groups], &["VerifySecurityGroupIds needs VerifySubnetIds"]);

    let replication = ("ScheduleReplication", "orders");
    let instance = ("ScheduleDbInstanceIdentifier", "orders-prod");
    let account = ("ScheduleTargetAccountId", "222222222222");
    let (needs_instance, needs_account) = (
        "ScheduleReplication needs ScheduleDbInstanceIdentifier",
        "ScheduleReplication needs ScheduleTargetAccountId",
    );
    check("source-account.yaml", &[], &[]);
    check("source-account.yaml", &[replication, instance, account], &[]);
    check("source-account.yaml", &[replication], &[needs_instance, needs_account]);
    check("source-account.yaml", &[replication, account], &[needs_instance]);
    check("source-account.yaml", &[replication, instance], &[needs_account]);

    let instance = ("DbInstanceIdentifier", "shop");
    let group = ("TargetGroupArn", "arn:a");
    let replication = ("Replication", "orders");
    let lanes = ("ReachTargetGroupArns", "arn:a,arn:b");
    let secret = ("ApplicationSecretArn", "arn:c");
    let file = "follow-failover.yaml";
    check(file, &[instance, group], &[]);
    check(file, &[replication, lanes, secret], &[]);
    check(file, &[], &["Name what to follow", "DbInstanceIdentifier needs TargetGroupArn"]);
    check(file, &[instance], &["DbInstanceIdentifier needs TargetGroupArn"]);
    check(file, &[replication, secret], &["Replication needs ReachTargetGroupArns"]);
    check(file, &[replication, lanes], &["Replication needs ApplicationSecretArn"]);
    let both = [instance, group, replication, lanes, secret];
    check(file, &both, &["Name DbInstanceIdentifier or Replication, not both", "Replication takes"]);
}
