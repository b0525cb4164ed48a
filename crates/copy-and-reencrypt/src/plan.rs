//! Decides what a look at the snapshot and its copy leads to; sees only its arguments.

use crate::{Error, KeySeen, Request};
use replication::{Copy, Look, Tags, made_here};

/// What was seen of the copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopySeen {
    /// Its ARN.
    pub arn: String,
    /// RDS's status.
    pub status: String,
    /// RDS's progress.
    pub percent: Option<u8>,
    /// The key that it is encrypted under.
    pub kms_key_id: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// What was seen of the snapshot to copy; looked at only while there is no copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSeen {
    /// RDS's status.
    pub status: String,
    /// The DB instance that it was taken of.
    pub db_instance_identifier: String,
    /// The key that it is encrypted under, and what was seen of it; `None` when it is under none, or under one that
    /// AWS owns, which nobody can look at.
    pub key: Option<(String, KeySeen)>,
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Plan {
    /// Start the copy, then look again.
    Copy,
    /// The snapshot can be shared as it is: a copy of a copy is always full, so none is made.
    ShareAsItIs,
    /// Nothing now; the look says whether ever.
    Answer(Look),
}

/// Decides once the copy exists.
pub fn plan_with_copy(request: &Request, copy: &Copy, seen: &CopySeen) -> Result<Plan, Error> {
    let identifier = request.target_db_snapshot_identifier.clone();
    if made_here(&identifier, &seen.tags).as_ref() != Some(copy) {
        return Err(Error::CopyNotOurs(identifier));
    }
    if let Some(found) = seen.kms_key_id.as_ref().filter(|found| is_another_key(&request.kms_key_id, found)) {
        let (found, expected) = (found.clone(), request.kms_key_id.clone());
        return Err(Error::CopyUnderOtherKey { identifier, found, expected });
    }
    let reason = format!("DB snapshot {identifier} is {}", seen.status);
    match seen.status.as_str() {
        "available" => Ok(Plan::Answer(request.stage.done("available", reason))),
        "failed" | "deleting" | "deleted" => {
            Err(Error::CopyFailed { identifier, status: seen.status.clone() })
        }
        status => Ok(Plan::Answer(request.stage.wait(
            status,
            seen.percent,
            request.stage_deadline_seconds,
            reason,
        )?)),
    }
}

/// Decides while there is no copy. `source` is `None` when it cannot be seen: gone, or no longer shared.
pub fn plan_without_copy(
    request: &Request,
    source: Option<&SourceSeen>,
    target_key: &KeySeen,
) -> Result<Plan, Error> {
    let arn = request.source_db_snapshot_arn.to_string();
    let Some(source) = source else { return Err(request.source_missing()) };
    if !source.db_instance_identifier.eq_ignore_ascii_case(&request.source_db_instance_identifier) {
        let (found, expected) =
            (source.db_instance_identifier.clone(), request.source_db_instance_identifier.clone());
        return Err(Error::SnapshotOfAnother { arn, found, expected });
    }
    match source.status.as_str() {
        "available" => {}
        "failed" | "deleting" | "deleted" => return Err(request.source_missing()),
        status => {
            let reason = format!("DB snapshot {arn} is {status}");
            return Ok(Plan::Answer(request.stage.wait(
                status,
                None,
                request.stage_deadline_seconds,
                reason,
            )?));
        }
    }
    let shareable = source
        .key
        .as_ref()
        .is_some_and(|(key, seen)| request.shareable_keys.contains(key) && seen.is_shareable());
    match request.force_copy {
        None if shareable => return Ok(Plan::ShareAsItIs),
        Some(false) if shareable => return Ok(Plan::ShareAsItIs),
        Some(false) => return Err(Error::SnapshotNotShareable { arn, encryption: encryption(source) }),
        None | Some(true) => {}
    }
    let keys = source
        .key
        .iter()
        .map(|(key, seen)| (key.as_str(), seen))
        .chain([(request.kms_key_id.as_str(), target_key)]);
    for (key, seen) in keys {
        match seen {
            KeySeen::Usable { customer_managed: false }
                if !request.is_foreign() && key == request.kms_key_id =>
            {
                return Err(request.key_not_usable(key, "AWS manages it, so it cannot be shared"));
            }
            KeySeen::Usable { .. } => {}
            KeySeen::Unusable { problem, may_pass: true } => {
                return Ok(Plan::Answer(plan_after_key_refused(request, key, problem)?));
            }
            KeySeen::Unusable { problem, may_pass: false } => {
                return Err(request.key_not_usable(key, problem));
            }
        }
    }
    Ok(Plan::Copy)
}

fn encryption(source: &SourceSeen) -> String {
    match &source.key {
        None => "not encrypted under a key of this account".to_owned(),
        Some((key, KeySeen::Usable { customer_managed: false })) => format!("under {key}, which AWS manages"),
        Some((key, KeySeen::Usable { .. })) => format!("under {key}, which shareableKeys does not list"),
        Some((key, KeySeen::Unusable { problem, .. })) => {
            format!("under {key}, which cannot be used ({problem})")
        }
    }
}

/// What a refused key leads to: patience, then the error that names it.
pub fn plan_after_key_refused(request: &Request, key: &str, message: &str) -> Result<Look, Error> {
    let reason = format!("key {key} cannot be used yet: {message}");
    let look = request.stage.refused(request.stage_deadline_seconds, reason)?;
    look.ok_or_else(|| request.key_not_usable(key, message))
}

/// Whether the key found is certainly another one: an alias or a bare key id cannot be compared with an ARN.
fn is_another_key(wanted: &str, found: &str) -> bool {
    wanted.contains(":key/") && wanted != found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const KEY: &str = "arn:aws:kms:us-east-1:111111111111:key/1";

    fn request(force_copy: Option<bool>) -> Request {
        serde_json::from_value(json!({
            "replication": "orders", "run": "20261120t160812z-3f9a",
            "sourceDbSnapshotArn": "arn:aws:rds:us-east-1:111111111111:snapshot:orders-20261120t160812z-3f9a",
            "sourceDbInstanceIdentifier": "orders-prod",
            "targetDbSnapshotIdentifier": "orders-20261120t160812z-3f9a-copy",
            "kmsKeyId": KEY, "principalArn": "arn:aws:iam::111111111111:role/copier", "forceCopy": force_copy, "stageDeadlineSeconds": 3600, "stage": {}
        }))
        .unwrap()
    }

    fn name(plan: Result<Plan, Error>) -> String {
        match plan {
            Ok(Plan::Answer(look)) => format!("done={}", look.done),
            Ok(plan) => format!("{plan:?}"),
            Err(error) => error.name().to_string(),
        }
    }

    const CUSTOMER: KeySeen = KeySeen::Usable { customer_managed: true };
    const AWS: KeySeen = KeySeen::Usable { customer_managed: false };

    fn source(key: Option<(&str, KeySeen)>) -> SourceSeen {
        SourceSeen {
            status: "available".to_owned(),
            db_instance_identifier: "orders-prod".to_owned(),
            key: key.map(|(key, seen)| (key.to_owned(), seen)),
        }
    }

    fn unusable() -> KeySeen {
        KeySeen::Unusable { problem: "its state is Disabled".to_owned(), may_pass: false }
    }

    #[test]
    fn a_snapshot_is_copied_unless_its_key_is_declared_and_can_be_shared() {
        let check = |key: Option<(&str, KeySeen)>, force_copy, expected: &str| {
            let request = Request { shareable_keys: vec!["declared".to_owned()], ..request(force_copy) };
            let seen = source(key);
            assert_eq!(
                name(plan_without_copy(&request, Some(&seen), &CUSTOMER)),
                expected,
                "{seen:?} {force_copy:?}"
            );
        };
        for key in [None, Some(("aws/rds", AWS)), Some(("other", CUSTOMER)), Some(("declared", AWS))] {
            check(key.clone(), None, "Copy");
            check(key.clone(), Some(true), "Copy");
            check(key, Some(false), "Snapferry.SnapshotNotShareable");
        }
        check(Some(("declared", CUSTOMER)), None, "ShareAsItIs");
        check(Some(("declared", CUSTOMER)), Some(false), "ShareAsItIs");
        check(Some(("declared", CUSTOMER)), Some(true), "Copy");
        check(Some(("declared", unusable())), None, "Snapferry.KeyNotUsable");
    }

    #[test]
    fn a_key_that_cannot_work_fails_before_rds_is_asked() {
        let check = |seen: KeySeen, request: &Request, expected: &str| {
            assert_eq!(name(plan_without_copy(request, Some(&source(None)), &seen)), expected, "{seen:?}");
        };
        check(unusable(), &request(None), "Snapferry.KeyNotUsable");
        check(AWS, &request(None), "Snapferry.KeyNotUsable");
        let denied = KeySeen::Unusable { problem: "AccessDeniedException".to_owned(), may_pass: true };
        check(denied, &request(None), "done=false");
        // Nobody copies the target's copy, so there the key may be anyone's.
        let target = Request {
            target_db_snapshot_identifier: "orders-20261120t160812z-3f9a".to_owned(),
            ..request(None)
        };
        check(AWS, &target, "Copy");
    }

    #[test]
    fn a_missing_foreign_or_busy_snapshot_is_told_apart() {
        let check = |request: &Request, seen: Option<SourceSeen>, expected: &str| {
            assert_eq!(name(plan_without_copy(request, seen.as_ref(), &CUSTOMER)), expected, "{seen:?}");
        };
        let target = Request {
            target_db_snapshot_identifier: "orders-20261120t160812z-3f9a".to_owned(),
            ..request(None)
        };
        check(&request(None), None, "Snapferry.SnapshotNotFound");
        check(&target, None, "Snapferry.SnapshotNoLongerShared");
        check(
            &target,
            Some(SourceSeen { status: "failed".to_owned(), ..source(None) }),
            "Snapferry.SnapshotNoLongerShared",
        );
        check(&target, Some(SourceSeen { status: "creating".to_owned(), ..source(None) }), "done=false");
        let other = SourceSeen { db_instance_identifier: "hr".to_owned(), ..source(None) };
        check(&target, Some(other), "Snapferry.HandoffRefused");
    }

    #[test]
    fn a_refused_key_is_asked_three_times_over_five_minutes() {
        let mut request = request(None);
        for seconds in [150, 300] {
            let look = plan_after_key_refused(&request, KEY, "no").unwrap();
            assert_eq!(look.stage.seconds, seconds);
            request.stage = look.stage;
        }
        let error = plan_after_key_refused(&request, KEY, "no").unwrap_err();
        assert_eq!(error.name(), replication::ErrorName::KeyNotUsable);
        assert!(error.to_string().contains("arn:aws:iam::111111111111:role/copier"), "{error}");
    }

    #[test]
    fn a_copy_is_waited_for_until_it_is_available_or_hopeless() {
        let copy = Copy::from_identifier("orders-20261120t160812z-3f9a").unwrap();
        let seen = |status: &str| CopySeen {
            arn: String::new(),
            status: status.to_owned(),
            percent: Some(40),
            kms_key_id: Some(KEY.to_owned()),
            tags: copy.tags(),
        };
        let check = |seen: CopySeen, expected: &str| {
            assert_eq!(name(plan_with_copy(&request(None), &copy, &seen)), expected, "{seen:?}");
        };
        check(seen("copying"), "done=false");
        check(seen("creating"), "done=false");
        check(seen("available"), "done=true");
        check(seen("failed"), "Snapferry.CopyFailed");
        check(CopySeen { tags: Tags::new(), ..seen("available") }, "Snapferry.CopyNotOurs");
        check(CopySeen { kms_key_id: Some(format!("{KEY}2")), ..seen("available") }, "Snapferry.CopyNotOurs");
    }
}
