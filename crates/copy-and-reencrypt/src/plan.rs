//! Decides what a look at the snapshot and its copy leads to; sees only its arguments.

use crate::{Error, KeySeen, Request};
use database::snapshot::Copying;
use database::{Refusal, SnapshotSeen};
use lambda_support::CallFailed;
use replication::{Account, Run};
use step::Look;

/// What was seen of the snapshot to copy; looked at only while there is no copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSeen {
    /// The snapshot.
    pub snapshot: SnapshotSeen,
    /// The key that it is encrypted under, and what was seen of it; `None` when it is under none, or under one that
    /// AWS owns, which nobody can look at.
    pub key: Option<(String, KeySeen)>,
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Plan {
    /// Start this copy, then look again.
    Copy(Copying),
    /// The snapshot can be shared as it is. A copy of a copy is always full, so none is made.
    ShareAsItIs(Look),
    /// Nothing now; the look says whether ever.
    Answer(Look),
}

/// Decides once the copy exists.
pub fn plan_with_copy(request: &Request, run: &Run, seen: &SnapshotSeen) -> Result<Plan, Error> {
    let (identifier, status) = (request.target_db_snapshot_identifier(), seen.status.clone());
    if !run.made_or_is_making(&identifier, &seen.tags, seen.is_being_made()) {
        return Err(Error::CopyNotOurs(identifier));
    }
    if let Some(found) = seen.kms_key_id.as_ref().filter(|found| is_another_key(&request.kms_key_id, found)) {
        let (found, expected) = (found.clone(), request.kms_key_id.clone());
        return Err(Error::CopyUnderOtherKey { identifier, found, expected });
    }
    let reason = format!("DB snapshot {identifier} is {status}");
    if seen.is_available() {
        return Ok(Plan::Answer(request.waiting.done(&status, reason)));
    }
    if seen.is_lost() {
        return Err(Error::CopyFailed { identifier, status });
    }
    wait(request, &status, seen.percent, reason).map(Plan::Answer)
}

/// Decides while there is no copy. `source` is `None` when it cannot be seen: gone, or no longer shared.
pub fn plan_without_copy(
    request: &Request,
    run: &Run,
    source: Option<&SourceSeen>,
    target_key: &KeySeen,
) -> Result<Plan, Error> {
    let arn = request.source_db_snapshot_arn.to_string();
    let Some(source) = source else { return Err(request.source_missing()) };
    let found = source.snapshot.db_instance_identifier.clone().unwrap_or_default();
    if !found.eq_ignore_ascii_case(&request.source_db_instance_identifier) {
        let expected = request.source_db_instance_identifier.clone();
        return Err(Error::SnapshotOfAnother { arn, found, expected });
    }
    if source.snapshot.is_lost() {
        return Err(request.source_missing());
    }
    if !source.snapshot.is_available() {
        let status = &source.snapshot.status;
        return wait(request, status, None, format!("DB snapshot {arn} is {status}")).map(Plan::Answer);
    }
    if let Some(region) = source.key.as_ref().and_then(|_| region_that_needs_a_signature(request)) {
        return Err(Error::AcrossRegionsOfGovCloud { arn, region: region.to_owned() });
    }
    let declared = |key: &String| request.shareable_keys.contains(key);
    let shareable = source.key.as_ref().is_some_and(|(key, seen)| declared(key) && seen.is_shareable());
    match request.force_copy {
        None | Some(false) if shareable => {
            let reason = "the snapshot's key is shareable: no copy needed";
            return Ok(Plan::ShareAsItIs(request.waiting.done("available", reason)));
        }
        Some(false) => return Err(Error::SnapshotNotShareable { arn, encryption: encryption(source) }),
        None | Some(true) => {}
    }
    let of_snapshot = source.key.iter().map(|(key, seen)| (key.as_str(), seen));
    for (key, seen) in of_snapshot.chain([(request.kms_key_id.as_str(), target_key)]) {
        match seen {
            KeySeen::Usable { customer_managed: false }
                if request.account == Account::Source && key == request.kms_key_id =>
            {
                return Err(request.key_not_usable(key, "AWS manages it, so it cannot be shared"));
            }
            KeySeen::Usable { .. } | KeySeen::Elsewhere => {}
            KeySeen::Unusable { problem, may_pass: true } => {
                return after_key_refused(request, key, problem).map(Plan::Answer);
            }
            KeySeen::Unusable { problem, may_pass: false } => {
                return Err(request.key_not_usable(key, problem));
            }
        }
    }
    let placement = &request.placement;
    let mut tags = placement.tags.clone();
    tags.extend(run.tags());
    Ok(Plan::Copy(Copying {
        source_db_snapshot_arn: arn,
        target_db_snapshot_identifier: request.target_db_snapshot_identifier(),
        kms_key_id: request.kms_key_id.clone(),
        option_group_name: placement.option_group_name.clone(),
        copy_option_group: placement.copy_option_group,
        tags,
    }))
}

/// This Region, when an encrypted snapshot of the source's Region cannot be copied here: in GovCloud, RDS asks for a
/// PreSignedUrl then, which the SDK for Rust does not make.
///
/// Source: RDS API, CopyDBSnapshot, PreSignedUrl: "applies only to GovCloud (US) Regions".
fn region_that_needs_a_signature(request: &Request) -> Option<&str> {
    let source = &request.source_db_snapshot_arn;
    // arn:<partition>:kms:<region>:<account>:key/<id>: the copy's key is of this Region.
    let region = request.kms_key_id.split(':').nth(3)?;
    (source.partition == "aws-us-gov" && source.region != region).then_some(region)
}

fn encryption(source: &SourceSeen) -> String {
    match &source.key {
        None => "not encrypted under a key of this account".to_owned(),
        Some((key, KeySeen::Usable { customer_managed: false })) => format!("under {key}, which AWS manages"),
        Some((key, KeySeen::Usable { .. } | KeySeen::Elsewhere)) => {
            format!("under {key}, which shareableKeys does not list")
        }
        Some((key, KeySeen::Unusable { problem, .. })) => {
            format!("under {key}, which cannot be used ({problem})")
        }
    }
}

/// What a refused CopyDBSnapshot leads to: another look, or a failure.
pub fn after_refusal(
    request: &Request,
    source: Option<&SourceSeen>,
    failed: CallFailed,
) -> Result<Look, Error> {
    let (arn, target) = (&request.source_db_snapshot_arn, request.target_db_snapshot_identifier());
    match Refusal::of(&failed) {
        Refusal::AlreadyExists => {
            wait(request, "copying", None, format!("DB snapshot {target} exists already"))
        }
        Refusal::WrongState => wait(request, "busy", None, format!("DB snapshot {arn} cannot be copied yet")),
        Refusal::TooManyCopies => {
            wait(request, "queued", None, "as many copies are in flight as the quota allows".to_owned())
        }
        Refusal::KeyNotAccessible => {
            // RDS's message tells which of the two keys it means.
            let of_snapshot = source.and_then(|it| it.key.as_ref()).map_or("of the snapshot", |(key, _)| key);
            let key = if failed.message.contains("source") { of_snapshot } else { &request.kms_key_id };
            after_key_refused(request, key, &failed.message)
        }
        Refusal::SnapshotNotFound => Err(request.source_missing()),
        Refusal::SnapshotQuota => Err(Error::SnapshotQuotaExceeded),
        Refusal::OptionGroupNotFound => {
            Err(Error::OptionGroupNotFound(request.placement.option_group_name.clone().unwrap_or_default()))
        }
        _ => Err(failed.into()),
    }
}

/// What a refused key leads to: patience, then the error that names it.
fn after_key_refused(request: &Request, key: &str, message: &str) -> Result<Look, Error> {
    let reason = format!("key {key} cannot be used yet: {message}");
    let look = request.waiting.refused(request.stage_deadline_seconds, reason)?;
    look.ok_or_else(|| request.key_not_usable(key, message))
}

fn wait(request: &Request, status: &str, percent: Option<u8>, reason: String) -> Result<Look, Error> {
    Ok(request.waiting.wait(status, percent, request.stage_deadline_seconds, reason)?)
}

/// Whether the key found is certainly another one: an alias or a bare key id cannot be compared with an ARN.
fn is_another_key(wanted: &str, found: &str) -> bool {
    wanted.contains(":key/") && wanted != found
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_support::Service;
    use serde_json::json;

    fn run() -> Run {
        Run::from_identifier("orders-20261120t160812z-3f9a").unwrap()
    }

    const KEY: &str = "arn:aws:kms:us-east-1:111111111111:key/1";

    fn request(force_copy: Option<bool>) -> Request {
        serde_json::from_value(json!({
            "replication": "orders", "run": "20261120t160812z-3f9a",
            "sourceDbSnapshotArn": "arn:aws:rds:us-east-1:111111111111:snapshot:orders-20261120t160812z-3f9a",
            "sourceDbInstanceIdentifier": "orders-prod",
            "account": "source", "kmsKeyId": KEY, "principalArn": "arn:aws:iam::111111111111:role/copier", "forceCopy": force_copy, "stageDeadlineSeconds": 3600, "stage": {}
        }))
        .unwrap()
    }

    fn name(plan: Result<Plan, Error>) -> String {
        match plan {
            Ok(Plan::Answer(look)) => format!("done={}", look.done),
            Ok(Plan::Copy(_)) => "Copy".to_owned(),
            Ok(Plan::ShareAsItIs(_)) => "ShareAsItIs".to_owned(),
            Err(error) => error.name().to_string(),
        }
    }

    const CUSTOMER: KeySeen = KeySeen::Usable { customer_managed: true };
    const AWS: KeySeen = KeySeen::Usable { customer_managed: false };

    fn source(key: Option<(&str, KeySeen)>) -> SourceSeen {
        SourceSeen {
            snapshot: SnapshotSeen {
                status: "available".to_owned(),
                db_instance_identifier: Some("orders-prod".to_owned()),
                ..SnapshotSeen::default()
            },
            key: key.map(|(key, seen)| (key.to_owned(), seen)),
        }
    }

    fn unusable() -> KeySeen {
        KeySeen::Unusable { problem: "its state is Disabled".to_owned(), may_pass: false }
    }

    #[test]
    fn an_encrypted_snapshot_of_another_region_of_govcloud_is_refused_by_name() {
        let check = |partition: &str, region: &str, key: Option<(&str, KeySeen)>, expected: &str| {
            let source_arn = format!("arn:{partition}:rds:{region}:111111111111:snapshot:orders");
            let request = Request {
                source_db_snapshot_arn: source_arn.try_into().unwrap(),
                kms_key_id: format!("arn:{partition}:kms:us-gov-west-1:222222222222:key/1"),
                account: Account::Target,
                ..request(None)
            };
            let got = name(plan_without_copy(&request, &run(), Some(&source(key)), &CUSTOMER));
            assert_eq!(got, expected, "{partition} {region}");
        };
        let encrypted = Some(("key", KeySeen::Elsewhere));
        check("aws-us-gov", "us-gov-east-1", encrypted.clone(), "Snapferry.AcrossRegionsNotServed");
        check("aws-us-gov", "us-gov-west-1", encrypted.clone(), "Copy");
        check("aws-us-gov", "us-gov-east-1", None, "Copy");
        check("aws", "us-gov-east-1", encrypted, "Copy");
    }

    // R6: the re-encrypted copy goes first, so every copy is full.
    // P1-10: the source cannot see whether the target may use a key.
    #[test]
    fn a_snapshot_is_copied_unless_its_key_is_declared_and_can_be_shared() {
        let check = |key: Option<(&str, KeySeen)>, force_copy, expected: &str| {
            let request = Request { shareable_keys: vec!["declared".to_owned()], ..request(force_copy) };
            let seen = source(key);
            assert_eq!(
                name(plan_without_copy(&request, &run(), Some(&seen), &CUSTOMER)),
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
            assert_eq!(
                name(plan_without_copy(request, &run(), Some(&source(None)), &seen)),
                expected,
                "{seen:?}"
            );
        };
        check(unusable(), &request(None), "Snapferry.KeyNotUsable");
        check(AWS, &request(None), "Snapferry.KeyNotUsable");
        let denied = KeySeen::Unusable { problem: "AccessDeniedException".to_owned(), may_pass: true };
        check(denied, &request(None), "done=false");
        // Nobody copies the target's copy, so there the key may be anyone's.
        let target = Request { account: Account::Target, ..request(None) };
        check(AWS, &target, "Copy");
    }

    #[test]
    fn a_missing_foreign_or_busy_snapshot_is_told_apart() {
        let check = |request: &Request, seen: Option<SourceSeen>, expected: &str| {
            assert_eq!(
                name(plan_without_copy(request, &run(), seen.as_ref(), &CUSTOMER)),
                expected,
                "{seen:?}"
            );
        };
        let target = Request { account: Account::Target, ..request(None) };
        check(&request(None), None, "Snapferry.SnapshotNotFound");
        check(&target, None, "Snapferry.SnapshotNoLongerShared");
        let in_status = |status: &str| {
            let mut seen = source(None);
            seen.snapshot.status = status.to_owned();
            Some(seen)
        };
        check(&target, in_status("failed"), "Snapferry.SnapshotNoLongerShared");
        check(&target, in_status("creating"), "done=false");
        let mut other = source(None);
        other.snapshot.db_instance_identifier = Some("hr".to_owned());
        check(&target, Some(other), "Snapferry.HandoffRefused");
    }

    #[test]
    fn what_only_needs_patience_is_no_error() {
        let check = |code: &str, message: &str, expected: &str| {
            let failed = CallFailed::new(Service::Rds, "CopyDBSnapshot", code, message, false);
            assert_eq!(
                name(after_refusal(&request(None), None, failed).map(Plan::Answer)),
                expected,
                "{code} {message}"
            );
        };
        check("DBSnapshotAlreadyExists", "", "done=false");
        check("InvalidDBSnapshotState", "", "done=false");
        check("SnapshotQuotaExceeded", "Cannot copy more than 20 snapshots", "done=false");
        check("KMSKeyNotAccessibleFault", "the source key", "done=false");
        check("SnapshotQuotaExceeded", "Cannot create more than 100", "Snapferry.SnapshotQuotaExceeded");
        check("DBSnapshotNotFound", "", "Snapferry.SnapshotNotFound");
        check("OptionGroupNotFoundFault", "", "Snapferry.OptionGroupNotFound");
        check("InvalidParameterValue", "", "Snapferry.RdsRefused");
    }

    #[test]
    fn a_refused_key_is_asked_three_times_over_five_minutes() {
        let mut request = request(None);
        for seconds in [150, 300] {
            let look = after_key_refused(&request, KEY, "no").unwrap();
            assert_eq!(look.waiting.seconds, seconds);
            request.waiting = look.waiting;
        }
        let error = after_key_refused(&request, KEY, "no").unwrap_err();
        assert_eq!(error.name(), step::ErrorName::KeyNotUsable);
        assert!(error.to_string().contains("arn:aws:iam::111111111111:role/copier"), "{error}");
    }

    // R3: a copy that is not ready crashes the machine.
    #[test]
    fn a_copy_is_waited_for_until_it_is_available_or_hopeless() {
        let seen = |status: &str| SnapshotSeen {
            status: status.to_owned(),
            percent: Some(40),
            kms_key_id: Some(KEY.to_owned()),
            tags: run().tags(),
            ..SnapshotSeen::default()
        };
        let check = |seen: SnapshotSeen, expected: &str| {
            assert_eq!(name(plan_with_copy(&request(None), &run(), &seen)), expected, "{seen:?}");
        };
        check(seen("copying"), "done=false");
        check(seen("creating"), "done=false");
        check(seen("available"), "done=true");
        check(seen("failed"), "Snapferry.CopyFailed");
        check(SnapshotSeen { tags: step::Tags::new(), ..seen("available") }, "Snapferry.CopyNotOurs");
        // Its tags may come later.
        check(SnapshotSeen { tags: step::Tags::new(), ..seen("copying") }, "done=false");
        let foreign = [("snapferry:run".to_owned(), "20261120t160812z-0000".to_owned())];
        check(SnapshotSeen { tags: foreign.into(), ..seen("copying") }, "Snapferry.CopyNotOurs");
        check(
            SnapshotSeen { kms_key_id: Some(format!("{KEY}2")), ..seen("available") },
            "Snapferry.CopyNotOurs",
        );
    }

    #[test]
    fn a_snapshot_that_must_not_be_copied_is_told_with_its_encryption() {
        let check = |key: Option<KeySeen>, expected: &str| {
            assert_eq!(encryption(&source(key.map(|seen| ("KEY", seen)))), expected);
        };
        check(None, "not encrypted under a key of this account");
        check(Some(KeySeen::Usable { customer_managed: false }), "under KEY, which AWS manages");
        check(
            Some(KeySeen::Usable { customer_managed: true }),
            "under KEY, which shareableKeys does not list",
        );
        check(Some(KeySeen::Elsewhere), "under KEY, which shareableKeys does not list");
        check(Some(unusable()), "under KEY, which cannot be used (its state is Disabled)");
    }
}
