//! Least privilege, both ways: what the functions called is what their roles allow, and no role allows more.

use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use tests::World;

/// Role -> actions.
type Actions = BTreeMap<String, BTreeSet<String>>;

/// Actions that are allowed though no function of ours is seen to call them, with the reason. `*` ends a name.
const NOT_SEEN: &[(&str, &str)] = &[
    ("logs:", "Lambda and Step Functions write logs in the role's name, past the relay"),
    ("sqs:", "Lambda polls the queue in the role's name, past the relay"),
    ("lambda:InvokeFunction", "Step Functions calls in the role's name, past the relay"),
    ("states:StartExecution", "EventBridge and the scheduler call in the role's name, past the relay"),
    ("kms:", "RDS and Secrets Manager use keys in the role's name: local-aws decides it without a call"),
    ("ec2:", "Lambda makes the network interface of Verify and RegisterTargets in the role's name"),
    ("elasticloadbalancing:", "no lanes are named in these runs: the calls of the test of lanes"),
    ("rds:DescribeDBSubnetGroups", "no lanes are named in these runs: a call of the test of lanes"),
    ("rds:DescribeDBProx", "no lanes are named in these runs: calls of the test of lanes"),
    ("iam:CreateServiceLinkedRole", "RDS makes its role in the caller's name, in a fresh account"),
    ("iam:PassRole", "RDS checks it when a monitoring role is given"),
    ("secretsmanager:RestoreSecret", "a handle test's: a run resumed after its clean-up, a week ago at most"),
    ("secretsmanager:TagResource", "Secrets Manager asks for it when a secret is made with tags"),
    (
        "secretsmanager:DescribeSecret",
        "no call of its own on a copy's secret; the application's is described",
    ),
    ("rds:CrossRegionCommunication", "RDS asks for it when the Regions differ"),
    ("rds:CopyOptionGroup", "RDS may ask for it when a copy brings its option group"),
    ("rds:CreateOptionGroup", "RDS may ask for it when a copy brings its option group"),
    ("rds:AddTagsToResource", "RDS asks for it when a thing is made with tags"),
];

/// Roles of functions that these runs do not call, with the reason.
const NOT_CALLED: &[(&str, &str)] = &[("RegisterTargetsRole", "no lanes are named in these runs")];

/// What the functions have called so far are all the actions that their roles allow, and nothing else.
pub async fn every_action_that_a_role_allows_is_used_and_every_one_used_is_allowed(
    world: &World,
) -> Result<()> {
    let used = used(&world.local_aws.calls().await?);
    let mut spare = Vec::new();
    for (template, account) in [("source-account", "111111111111"), ("target-account", "222222222222")] {
        for (role, allowed) in allowed(template)? {
            let used = used.get(&format!("{account} {role}")).cloned().unwrap_or_default();
            let names: Vec<&str> = used.iter().map(String::as_str).collect();
            println!("{template:<15} {role:<28} {}", names.join(" "));
            spare.extend(
                used.difference(&allowed).map(|it| format!("{role} calls {it}, which is not allowed")),
            );
            let is_called = !NOT_CALLED.iter().any(|(it, _)| role == *it);
            let unused = allowed
                .difference(&used)
                .filter(|_| is_called)
                .filter(|action| !NOT_SEEN.iter().any(|(it, _)| action.starts_with(it)));
            spare.extend(unused.map(|it| format!("{role} allows {it}, which nothing calls")));
        }
    }
    assert!(spare.is_empty(), "{spare:#?}");
    for (action, reason) in NOT_SEEN.iter().chain(NOT_CALLED) {
        println!("not seen: {action:<30} {reason}");
    }
    Ok(())
}

/// What was called, by account and role.
fn used(calls: &[Value]) -> Actions {
    let mut used = Actions::new();
    for call in calls {
        let text = |key: &str| call[key].as_str().unwrap_or_default();
        // <account>/<stack>-<Role>-<letters>/…, or the one role that has a name of its own.
        let role = text("who").split(['/', '-']).find(|part| part.ends_with("Role"));
        let named = text("who").contains("snapferry-CopyAndReencrypt-").then_some("CopyAndReencryptRole");
        let Some(role) = role.or(named) else { continue };
        let action = format!("{}:{}", text("service"), text("operation"));
        used.entry(format!("{} {role}", text("accountId"))).or_default().insert(action);
    }
    used
}

/// What a template allows to its roles: the actions of all statements that allow.
fn allowed(template: &str) -> Result<Actions> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../cloudformation/");
    let text = std::fs::read_to_string(format!("{file}{template}.yaml"))?;
    let resources = text.split("\nResources:\n").nth(1).context("a template has resources")?;
    let mut allowed = Actions::new();
    for resource in resources.split("\n\n").filter(|it| it.contains("Type: AWS::IAM::Role")) {
        let name = resource.lines().find(|line| line.starts_with("  ") && !line.trim().starts_with('#'));
        let name = name.context("a resource has a name")?.trim().trim_end_matches(':');
        let policies = resource.split("Policies:").nth(1).unwrap_or_default();
        for statement in policies.split("Sid: ").skip(1).filter(|it| it.contains("Effect: Allow")) {
            let actions = statement.lines().find(|line| line.trim().starts_with("Action:"));
            let actions = actions.context("a statement has actions")?;
            let actions = actions.split('\'').skip(1).step_by(2).map(str::to_owned);
            allowed.entry(name.to_owned()).or_default().extend(actions);
        }
    }
    Ok(allowed)
}
