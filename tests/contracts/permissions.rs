//! What the policies of the templates allow: nothing wider than it must be.

use crate::templates::{Template, templates};
use crate::tree::none;
use crate::yaml::Node;

/// What lets a statement be wider than it looks.
const NEGATED: [&str; 3] = ["NotAction", "NotResource", "NotPrincipal"];

/// The statements of a resource's policies, wherever they stand.
fn statements(resource: &Node) -> impl Iterator<Item = &Node> {
    resource.all().into_iter().filter(|it| it.get("Effect").is_some())
}

fn is_key(resource: &Node) -> bool {
    resource.get("Type").and_then(Node::text) == Some("AWS::KMS::Key")
}

/// Whether a statement is about everything: of a service, or of an account.
fn is_wide(statement: &Node, of_a_key: bool) -> bool {
    let texts = |key: &str| statement.get(key).map(Node::texts).unwrap_or_default();
    let every_action = texts("Action").iter().any(|it| *it == "*" || it.ends_with(":*"));
    // In the policy of a key `*` is that key.
    let every_resource = !of_a_key && texts("Resource").contains(&"*");
    every_action || every_resource || NEGATED.iter().any(|key| statement.get(key).is_some())
}

/// Where wide statements have no comment above them, and how many are wide.
fn unexplained(template: &Template) -> (Vec<String>, usize) {
    let lines: Vec<&str> = template.file.text.lines().collect();
    let (mut broken, mut wide) = (Vec::new(), 0);
    for resource in template.section("Resources") {
        for statement in statements(&resource.value).filter(|it| is_wide(it, is_key(&resource.value))) {
            wide += 1;
            let above = statement.line.checked_sub(1).map(|line| lines[line].trim_start());
            if !above.is_some_and(|line| line.starts_with('#')) {
                broken.push(template.file.at(statement.line, &format!("{}: why so wide?", resource.key)));
            }
        }
    }
    (broken, wide)
}

// R20: every role may do everything.
// Invariant: no role may do with RDS, KMS or a secret what its function does not do.
#[test]
fn every_resource_star_of_a_role_has_a_comment() {
    let (mut broken, mut wide) = (Vec::new(), 0);
    for template in templates() {
        let (its, count) = unexplained(&template);
        broken.extend(its);
        wide += count;
    }
    none(&broken);
    assert!(wide >= 8, "{wide}");
}

#[test]
fn no_form_of_a_star_escapes() {
    for star in [
        "{Effect: Allow, Action: 'rds:DeleteDBInstance', Resource: '*'}",
        "{Effect: Allow, Action: 'rds:DeleteDBInstance', Resource: ['*']}",
        "{Effect: Allow, Action: 'rds:*', Resource: 'arn:x'}",
        "{Effect: Allow, Action: ['kms:Decrypt', 'kms:*'], Resource: 'arn:x'}",
        "{Effect: Allow, NotAction: 'rds:DeleteDBInstance', Resource: 'arn:x'}",
        "\n            Effect: Allow\n            Action: 'rds:DeleteDBInstance'\n            Resource:\n            - \"*\"",
    ] {
        let policy = format!("Resources:\n  Role:\n    Policies:\n      - Statement:\n          - {star}\n");
        let (broken, wide) = unexplained(&Template::of("x.yaml", &policy));
        assert_eq!((broken.len(), wide), (1, 1), "{star}");
    }
}

#[test]
fn every_statement_of_a_role_has_a_name() {
    let mut broken = Vec::new();
    for template in templates() {
        for resource in template.section("Resources") {
            for statement in statements(&resource.value) {
                // Who may take the role is the same in each, and its principal says it.
                let of_trust = statement.get("Action").is_some_and(|it| it.texts() == ["sts:AssumeRole"]);
                if !of_trust && statement.get("Sid").is_none() {
                    broken.push(template.file.at(statement.line, &format!("{}: no Sid", resource.key)));
                }
            }
        }
    }
    none(&broken);
}
