//! Decides whether a snapshot may be shared, and whether it is already; sees only its arguments.

use crate::key_policy::{role, verdict};
use crate::{Error, Request};
use database::Refusal;
use lambda_support::CallFailed;
use replication::Run;
use step::{AccountId, Look, Tags};

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
    run: &Run,
    db_snapshot_identifier: &str,
    tags: &Tags,
    target: &AccountId,
    allowed: &[String],
    shared_with: &[String],
) -> Result<Plan, Error> {
    if !allowed.iter().any(|it| it == target.as_str()) {
        return Err(Error::AccountNotAllowed(target.clone()));
    }
    if !run.made(db_snapshot_identifier, tags) {
        return Err(Error::SnapshotNotOurs(db_snapshot_identifier.to_owned()));
    }
    Ok(if shared_with.iter().any(|it| it == target.as_str()) { Plan::AlreadyShared } else { Plan::Share })
}

/// What a refused ModifyDBSnapshotAttribute leads to: another look, or a failure. Permissions may still come through.
pub fn after_refusal(request: &Request, failed: CallFailed) -> Result<Look, Error> {
    let (waiting, deadline) = (&request.waiting, request.stage_deadline_seconds);
    let identifier = request.db_snapshot_arn.db_snapshot_identifier.clone();
    match Refusal::of(&failed) {
        Refusal::WrongState => {
            let reason = format!("DB snapshot {identifier} cannot be shared yet");
            Ok(waiting.wait("unshared", None, deadline, reason)?)
        }
        Refusal::Denied => Ok(waiting.refused(deadline, failed.to_string())?.ok_or(failed)?),
        Refusal::SnapshotNotFound => Err(Error::SnapshotNotFound(identifier)),
        _ => Err(failed.into()),
    }
}

/// The key, when it is this account's: another one's policy is not for this role to read.
pub fn own_key<'a>(key: Option<&'a str>, account: &AccountId) -> Option<&'a str> {
    // arn:<partition>:kms:<region>:<account>:key/<id>
    key.filter(|key| key.split(':').nth(4) == Some(account.as_str()))
}

/// Refuses a key whose policy certainly does not let the target account copy the snapshot. A policy that cannot be
/// understood allows nothing. Answers the actions for which the policy asks what only the target account knows.
pub fn check_policy(key: &str, policy: &str, target: &AccountId) -> Result<Vec<&'static str>, Error> {
    let policy = serde_json::from_str(policy).unwrap_or_default();
    let verdict = verdict(&policy, key, target.as_str());
    if verdict.refused.is_empty() {
        return Ok(verdict.unknown);
    }
    let role = role(key.split(':').nth(1).unwrap_or("aws"), target.as_str());
    Err(Error::KeyNotShared { key: key.to_owned(), account: target.clone(), role, refused: verdict.refused })
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_support::Service;
    use serde_json::json;

    // P0-7: an execution's input shares any database with any account.
    #[test]
    fn only_our_snapshots_are_shared_and_only_with_allowed_accounts() {
        let run = Run::from_identifier("orders-20261120t160812z-3f9a").unwrap();
        let target = AccountId::try_from("222222222222".to_owned()).unwrap();
        let check = |identifier: &str, tags: &Tags, allowed: &[&str], shared: &[&str], expected: &str| {
            let strings = |list: &[&str]| list.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
            let got = match plan(&run, identifier, tags, &target, &strings(allowed), &strings(shared)) {
                Ok(plan) => format!("{plan:?}"),
                Err(error) => error.name().to_string(),
            };
            assert_eq!(got, expected);
        };
        let (ours, name) = (run.tags(), run.reencrypted_identifier());
        check(&name, &ours, &["222222222222"], &[], "Share");
        check(&run.identifier(), &ours, &["222222222222"], &[], "Share");
        check(&name, &ours, &["333333333333", "222222222222"], &["222222222222"], "AlreadyShared");
        check(&name, &ours, &["333333333333"], &[], "Snapferry.AccountNotAllowed");
        check(&name, &ours, &[], &[], "Snapferry.AccountNotAllowed");
        check(&name, &ours, &["all"], &[], "Snapferry.AccountNotAllowed");
        check("payroll-manual", &ours, &["222222222222"], &[], "Snapferry.SnapshotNotOurs");
        check(&name, &Tags::new(), &["222222222222"], &[], "Snapferry.SnapshotNotOurs");
    }

    #[test]
    fn a_refused_share_is_asked_again_while_permissions_may_still_come_through() {
        let request = |stage: serde_json::Value| -> Request {
            serde_json::from_value(json!({
                "replication": "orders", "run": "20261120t160812z-3f9a", "targetAccountId": "222222222222",
                "dbSnapshotArn": "arn:aws:rds:us-east-1:111111111111:snapshot:orders-20261120t160812z-3f9a-copy",
                "topicArn": "arn:aws:sns:us-east-1:111111111111:handoff", "stageDeadlineSeconds": 3600, "stage": stage,
            }))
            .unwrap()
        };
        let check = |stage: serde_json::Value, code: &str, expected: &str| {
            let failed = CallFailed::new(Service::Rds, "ModifyDBSnapshotAttribute", code, "", false);
            let got = match after_refusal(&request(stage), failed) {
                Ok(look) => format!("in {} s", look.wait_seconds),
                Err(error) => error.name().to_string(),
            };
            assert_eq!(got, expected, "{code}");
        };
        check(json!({}), "InvalidDBSnapshotState", "in 15 s");
        check(json!({}), "AccessDenied", "in 150 s");
        let third = json!({"seconds": 300, "looks": 2, "status": "refused twice"});
        check(third, "AccessDenied", "Snapferry.RdsRefused");
        check(json!({}), "DBSnapshotNotFound", "Snapferry.SnapshotNotFound");
        check(json!({}), "SharedSnapshotQuotaExceeded", "Snapferry.RdsRefused");
    }
}
