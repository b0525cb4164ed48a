//! Decides what a look at the snapshot and its copy leads to; sees only its arguments.

use crate::{Error, Request};
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
    /// The key that it is encrypted under.
    pub kms_key_id: Option<String>,
    /// The DB instance that it was taken of.
    pub db_instance_identifier: String,
    /// Whether its key is declared shareable and KMS says: customer managed, enabled, symmetric.
    pub under_shareable_key: bool,
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
pub fn plan_without_copy(request: &Request, source: Option<&SourceSeen>) -> Result<Plan, Error> {
    let arn = &request.source_db_snapshot_arn;
    let Some(source) = source else { return Err(Error::SnapshotNotFound(arn.to_string())) };
    if source.db_instance_identifier != request.source_db_instance_identifier {
        return Err(Error::SnapshotOfAnother {
            arn: arn.to_string(),
            found: source.db_instance_identifier.clone(),
            expected: request.source_db_instance_identifier.clone(),
        });
    }
    match source.status.as_str() {
        "available" if source.under_shareable_key && !request.force_copy => Ok(Plan::ShareAsItIs),
        "available" => Ok(Plan::Copy),
        "failed" | "deleting" | "deleted" => Err(Error::SnapshotNotFound(arn.to_string())),
        status => {
            let reason = format!("DB snapshot {arn} is {status}");
            Ok(Plan::Answer(request.stage.wait(status, None, request.stage_deadline_seconds, reason)?))
        }
    }
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

    fn request(force_copy: bool) -> Request {
        serde_json::from_value(json!({
            "replication": "orders", "run": "20261120t160812z-3f9a",
            "sourceDbSnapshotArn": "arn:aws:rds:us-east-1:111111111111:snapshot:orders-20261120t160812z-3f9a",
            "sourceDbInstanceIdentifier": "orders-prod",
            "targetDbSnapshotIdentifier": "orders-20261120t160812z-3f9a-copy",
            "kmsKeyId": KEY, "forceCopy": force_copy, "stageDeadlineSeconds": 100, "stage": {}
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

    #[test]
    fn a_snapshot_is_copied_unless_its_key_is_shareable() {
        let check = |source: Option<SourceSeen>, force_copy, expected: &str| {
            assert_eq!(
                name(plan_without_copy(&request(force_copy), source.as_ref())),
                expected,
                "{source:?}"
            );
        };
        let seen = |status: &str, under_shareable_key| {
            Some(SourceSeen {
                status: status.to_owned(),
                kms_key_id: None,
                db_instance_identifier: "orders-prod".to_owned(),
                under_shareable_key,
            })
        };
        check(seen("available", false), false, "Copy");
        check(seen("available", true), false, "ShareAsItIs");
        check(seen("available", true), true, "Copy");
        check(seen("creating", true), false, "done=false");
        check(seen("failed", false), false, "Snapferry.SnapshotNotFound");
        check(None, false, "Snapferry.SnapshotNotFound");
        let other =
            seen("available", false).map(|it| SourceSeen { db_instance_identifier: "hr".to_owned(), ..it });
        check(other, false, "Snapferry.HandoffRefused");
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
            assert_eq!(name(plan_with_copy(&request(false), &copy, &seen)), expected, "{seen:?}");
        };
        check(seen("copying"), "done=false");
        check(seen("creating"), "done=false");
        check(seen("available"), "done=true");
        check(seen("failed"), "Snapferry.CopyFailed");
        check(CopySeen { tags: Tags::new(), ..seen("available") }, "Snapferry.CopyNotOurs");
        check(CopySeen { kms_key_id: Some(format!("{KEY}2")), ..seen("available") }, "Snapferry.CopyNotOurs");
    }
}
