//! The matrix of roles and actions: what is not Snapferry's cannot be touched with the credentials of any role.

mod attempts;
mod strangers;

use crate::world;
use anyhow::{Result, ensure};
use attempts::attempt;
use std::collections::BTreeSet;
use strangers::{Stranger, make, state};
use tests::{Account, Denials, Kind, Looks, in_words};

/// How services say it: RDS, and those of the JSON protocol.
const DENIED: [&str; 2] = ["AccessDenied", "AccessDeniedException"];

/// A function's role of an account, with what others made there.
struct Role<'a> {
    /// `source Snapshot`.
    name: String,
    account: Account,
    strangers: &'a [Stranger],
}

// Invariant: no role may do with RDS, KMS or a secret what its function does not do.
// Invariant: nothing is deleted whose identifier is not exactly the one rebuilt from its own tags.
#[tokio::test]
async fn nothing_of_others_can_be_touched_with_the_credentials_of_a_role() -> Result<()> {
    let mut world = world().await?;
    let denials = Denials::read()?;
    let source = make(&world.source, world.source_outputs.get("ShareableKeyArn")?).await?;
    let target = make(&world.target, world.target_outputs.get("CopyKeyArn")?).await?;
    let mut roles = Vec::new();
    for (prefix, account, strangers) in
        [("source", &world.source, &source), ("target", &world.target, &target)]
    {
        for function in account.functions().await? {
            let name = format!("{prefix} {}", function.step()?);
            roles.push(Role { name, account: account.in_the_role_of(&function).await?, strangers });
        }
    }
    roles.sort_by(|a, b| a.name.cmp(&b.name));
    let before = [state(&world.source, &source).await?, state(&world.target, &target).await?];
    let first = world.local_aws.calls().await?.len() as u64;

    // All that is denied is tried first, as what is allowed changes things.
    let mut broken = Vec::new();
    for role in &roles {
        for (column, stranger) in cells(&denials, role) {
            if is_excepted(&denials, role, column, stranger.looks) {
                continue;
            }
            for code in attempt(&role.account, column.1, stranger).await? {
                if !DENIED.contains(&code.as_str()) {
                    broken.push(format!("{} on {}: {code}", words(role, column), stranger.name));
                }
            }
        }
    }
    let calls = world.local_aws.calls_since(first).await?;
    let callers = callers(&calls);
    let after = [state(&world.source, &source).await?, state(&world.target, &target).await?];
    assert!(broken.is_empty(), "not denied: {broken:#?}");
    assert_eq!(after, before, "nothing was changed");
    assert_eq!(callers.len(), roles.len(), "each role called in its own name: {callers:#?}");

    // An exception stands only as long as it is needed.
    for role in &roles {
        for (column, stranger) in cells(&denials, role) {
            if !is_excepted(&denials, role, column, stranger.looks) {
                continue;
            }
            let codes = attempt(&role.account, column.1, stranger).await?;
            let (denied, others): (Vec<_>, Vec<_>) =
                codes.into_iter().partition(|it| DENIED.contains(&it.as_str()));
            let what =
                format!("{} on {}: {others:?}, denied {}", words(role, column), stranger.name, denied.len());
            ensure!(!others.is_empty(), "{what}: no longer allowed, so no exception is needed");
            ensure!(others.iter().all(|code| code == "done"), "{what}: fails for another reason");
        }
    }
    every_exception_is_of_a_role(&denials, &roles);
    print(&denials, &roles);
    world.local_aws.stop().await
}

/// Every action with every stranger that it can be tried on.
fn cells<'a>(denials: &'a Denials, role: &'a Role<'_>) -> Vec<((Kind, &'a str), &'a Stranger)> {
    let of_kind = |kind: Kind| role.strangers.iter().filter(move |it| it.kind == kind);
    denials.columns().flat_map(|column| of_kind(column.0).map(move |it| (column, it))).collect()
}

fn is_excepted(denials: &Denials, role: &Role<'_>, column: (Kind, &str), looks: Looks) -> bool {
    denials.allowed(&role.name, column).is_some_and(|it| it.looks.contains(&looks))
}

fn words(role: &Role<'_>, (kind, action): (Kind, &str)) -> String {
    format!("{}: {action} ({})", role.name, in_words(kind))
}

/// Who the record says that called, but for the accounts themselves.
fn callers(calls: &[serde_json::Value]) -> BTreeSet<&str> {
    let callers = calls.iter().filter_map(|call| call["who"].as_str());
    callers.filter(|who| !who.ends_with("/root")).collect()
}

fn every_exception_is_of_a_role(denials: &Denials, roles: &[Role<'_>]) {
    for it in &denials.allowed {
        let found = roles.iter().any(|role| role.name == it.role);
        let column = denials.columns().any(|column| column == (it.on, it.action.as_str()));
        assert!(found && column, "tests/denials.toml: nothing is tried of {it:?}");
    }
}

fn print(denials: &Denials, roles: &[Role<'_>]) {
    for (number, (kind, action)) in denials.columns().enumerate() {
        println!("{:>2}  {action} ({})", number + 1, in_words(kind));
    }
    print!("\n{:<24}", "role");
    for (number, _) in denials.columns().enumerate() {
        print!("{:<7}", number + 1);
    }
    println!();
    for role in roles {
        print!("{:<24}", role.name);
        for column in denials.columns() {
            print!("{:<7}", denials.allowed(&role.name, column).map_or("denied", |it| &it.reason));
        }
        println!();
    }
    println!();
    for (letter, words) in denials.reasons() {
        println!("{letter}: {words}");
    }
}
