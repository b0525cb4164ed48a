//! Decides whether a snapshot may be shared, and whether it is already; sees only its arguments.

use crate::Error;
use crate::key_policy::missing_actions;
use replication::{AccountId, Copy, Tags, made_here};

/// What to do before the hand-off is published.
#[derive(Debug, PartialEq, Eq)]
pub enum Plan {
    /// Add the account to the snapshot's `restore` attribute.
    Share,
    /// It is there already.
    AlreadyShared,
}

/// Only a snapshot of this run, and only with an account that the stack's own environment lists: the execution's input
/// alone cannot share anything with anybody. `all` is no account, so it never gets here.
pub fn plan(
    copy: &Copy,
    db_snapshot_identifier: &str,
    tags: &Tags,
    target: &AccountId,
    allowed: &[String],
    shared_with: &[String],
) -> Result<Plan, Error> {
    if !allowed.iter().any(|it| it == target.as_str()) {
        return Err(Error::AccountNotAllowed(target.clone()));
    }
    if made_here(db_snapshot_identifier, tags).as_ref() != Some(copy) {
        return Err(Error::SnapshotNotOurs(db_snapshot_identifier.to_owned()));
    }
    Ok(if shared_with.iter().any(|it| it == target.as_str()) { Plan::AlreadyShared } else { Plan::Share })
}

/// The key, when it is this account's: another one's policy is not for this role to read.
pub fn own_key<'a>(key: Option<&'a str>, account: &AccountId) -> Option<&'a str> {
    // arn:<partition>:kms:<region>:<account>:key/<id>
    key.filter(|key| key.split(':').nth(4) == Some(account.as_str()))
}

/// Refuses a key whose policy lets nobody in the target account copy the snapshot. A policy that cannot be understood
/// allows nothing.
pub fn check_policy(key: &str, policy: &str, target: &AccountId) -> Result<(), Error> {
    let policy = serde_json::from_str(policy).unwrap_or_default();
    let missing = missing_actions(&policy, target.as_str());
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::KeyNotShared { key: key.to_owned(), account: target.clone(), missing })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_snapshots_are_shared_and_only_with_allowed_accounts() {
        let copy = Copy::from_identifier("orders-20261120t160812z-3f9a").unwrap();
        let target = AccountId::try_from("222222222222".to_owned()).unwrap();
        let check = |identifier: &str, tags: &Tags, allowed: &[&str], shared: &[&str], expected: &str| {
            let strings = |list: &[&str]| list.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
            let got = match plan(&copy, identifier, tags, &target, &strings(allowed), &strings(shared)) {
                Ok(plan) => format!("{plan:?}"),
                Err(error) => error.name().to_string(),
            };
            assert_eq!(got, expected);
        };
        let (ours, name) = (copy.tags(), copy.reencrypted_identifier());
        check(&name, &ours, &["222222222222"], &[], "Share");
        check(&copy.identifier(), &ours, &["222222222222"], &[], "Share");
        check(&name, &ours, &["333333333333", "222222222222"], &["222222222222"], "AlreadyShared");
        check(&name, &ours, &["333333333333"], &[], "Snapferry.AccountNotAllowed");
        check(&name, &ours, &[], &[], "Snapferry.AccountNotAllowed");
        check(&name, &ours, &["all"], &[], "Snapferry.AccountNotAllowed");
        check("payroll-manual", &ours, &["222222222222"], &[], "Snapferry.SnapshotNotOurs");
        check(&name, &Tags::new(), &["222222222222"], &[], "Snapferry.SnapshotNotOurs");
    }
}
