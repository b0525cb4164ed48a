//! Decides whether a message is a hand-off that this account accepts; sees only its arguments.
//!
//! Nothing in a message is believed because the message says it: topic, snapshot and hand-off must agree with each
//! other, and all of them with the target's own settings.

use crate::Error;
use jiff::Timestamp;
use replication::{Handoff, Placement, TargetSettings};
use serde::Deserialize;
use serde_json::{Value, json};
use step::{ErrorName, InvalidRequest, MESSAGE_VERSION, parse};

/// The largest hand-off, in bytes. A real one has about 1,500; executions take 262,144 with their settings.
pub const HANDOFF_LIMIT_BYTES: usize = 32 * 1024;

/// The envelope that SNS puts around a message on its way to SQS, when delivery is not raw.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope {
    topic_arn: String,
    message: String,
}

/// Reads a hand-off out of an SQS message, and checks all that needs no settings.
pub fn read_handoff(body: &str, accepted_topic_arns: &[String]) -> Result<Handoff, Error> {
    let envelope: Envelope =
        serde_json::from_str(body).map_err(|error| Error::NotANotification(error.to_string()))?;
    if !accepted_topic_arns.contains(&envelope.topic_arn) {
        return Err(Error::TopicNotAccepted(envelope.topic_arn));
    }
    if envelope.message.len() > HANDOFF_LIMIT_BYTES {
        return Err(Error::TooLarge { bytes: envelope.message.len(), limit: HANDOFF_LIMIT_BYTES });
    }
    let message: Value = serde_json::from_str(&envelope.message)
        .map_err(|error| Error::NotANotification(error.to_string()))?;
    // The version comes first: a newer sender may have a shape that cannot be read at all.
    let version =
        message.get("version").and_then(Value::as_u64).and_then(|it| u32::try_from(it).ok()).unwrap_or(0);
    if !(MESSAGE_VERSION.saturating_sub(1).max(1)..=MESSAGE_VERSION).contains(&version) {
        return Err(Error::UnknownVersion { found: version, accepted: MESSAGE_VERSION });
    }
    let handoff: Handoff = parse(message).map_err(Error::NotAHandoff)?;
    let snapshot = &handoff.db_snapshot_arn;
    // arn:<partition>:sns:<region>:<account>:<name>
    let topic: Vec<&str> = envelope.topic_arn.split(':').collect();
    let [_, partition, _, region, account, _] = topic[..] else {
        return Err(Error::TopicNotAccepted(envelope.topic_arn));
    };
    must_equal("sourceAccountId", handoff.source_account_id.as_str(), account, "its topic")?;
    must_equal("sourceRegion", &handoff.source_region, region, "its topic")?;
    must_equal("dbSnapshotArn's partition", &snapshot.partition, partition, "its topic")?;
    must_equal("dbSnapshotArn's account", snapshot.account_id.as_str(), account, "its topic")?;
    must_equal("dbSnapshotArn's Region", &snapshot.region, region, "its topic")?;
    let run = handoff.run();
    if snapshot.db_snapshot_identifier != run.reencrypted_identifier() {
        must_equal(
            "dbSnapshotArn's identifier",
            &snapshot.db_snapshot_identifier,
            &run.identifier(),
            "its replication and run",
        )?;
    }
    Ok(handoff)
}

/// Checks a hand-off against the clock and the target's settings of its replication.
pub fn accept(handoff: &Handoff, settings: &TargetSettings, now: Timestamp) -> Result<(), Error> {
    if !handoff.run.has_begun(now) {
        return must_equal("run", handoff.run.as_str(), "one that has begun", "this account's clock");
    }
    let (source, by) = (&settings.source, "the replication's settings");
    must_equal("sourceAccountId", handoff.source_account_id.as_str(), source.account_id.as_str(), by)?;
    must_equal("sourceRegion", &handoff.source_region, &source.region, by)?;
    // RDS answers identifiers in lower case, people write them in any.
    must_equal(
        "dbInstanceIdentifier",
        &handoff.db_instance_identifier,
        &source.db_instance_identifier.to_lowercase(),
        by,
    )
}

/// Refuses a copy that Verify could not reach: a function in no VPC reaches public addresses alone.
///
/// Source: Lambda Developer Guide, "Giving Lambda functions access to resources in an Amazon VPC".
pub fn can_be_verified(placement: &Placement, verify_subnet_ids: &[String]) -> Result<(), InvalidRequest> {
    if placement.publicly_accessible || !verify_subnet_ids.is_empty() {
        return Ok(());
    }
    let message = "the copy gets no public address, and Verify is in no VPC, so Verify cannot reach the copy: deploy the \
                   target stack with VerifySubnetIds and VerifySecurityGroupIds, or set placement.publiclyAccessible to true";
    Err(InvalidRequest { path: "placement.publiclyAccessible".to_owned(), message: message.to_owned() })
}

/// What an execution of the run's name means: `Ok` for a duplicate of a hand-off that is at work or done.
pub fn known(
    arn: &str,
    name: &str,
    status: &str,
    known: Option<&Handoff>,
    handoff: &Handoff,
) -> Result<(), Error> {
    // Whatever a run that failed was handed, the way on is the same; it may be re-encrypted by now.
    if !matches!(status, "RUNNING" | "SUCCEEDED" | "PENDING_REDRIVE") {
        return Err(Error::RunFailedBefore {
            arn: arn.to_owned(),
            name: name.to_owned(),
            status: status.to_owned(),
        });
    }
    match known {
        Some(it) if it.db_snapshot_arn != handoff.db_snapshot_arn => {
            Err(Error::OtherHandoff { arn: arn.to_owned(), found: it.db_snapshot_arn.to_string() })
        }
        _ => Ok(()),
    }
}

/// Whether the operations topic hears of it: a refusal that is final, at the message's first delivery.
pub fn is_reported(error: ErrorName, approximate_receive_count: &str) -> bool {
    matches!(approximate_receive_count, "" | "1") && !error.retryable()
}

/// What the operations topic is told of a hand-off that was refused.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The notification's subject.
    pub subject: String,
    /// One JSON object.
    pub message: String,
}

/// Words a refusal; `cause` is cut to what a notification holds.
pub fn refusal(error: ErrorName, cause: &str, message_id: &str) -> Refusal {
    let message = json!({
        "version": MESSAGE_VERSION,
        "outcome": "REFUSED",
        "messageId": message_id,
        "error": error.as_str(),
        "cause": cause.chars().filter(|c| !c.is_control()).take(2_000).collect::<String>(),
        "advice": "mend the cause, then move the message from the dead-letter queue back to the hand-off queue",
    });
    Refusal {
        subject: format!("Snapferry: a hand-off was refused with {error}"),
        message: message.to_string(),
    }
}

fn must_equal(
    field: &'static str,
    found: &str,
    expected: &str,
    authority: &'static str,
) -> Result<(), Error> {
    if found == expected {
        return Ok(());
    }
    Err(Error::Disagrees { field, found: found.to_owned(), expected: expected.to_owned(), authority })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const TOPIC: &str = "arn:aws:sns:us-east-1:111111111111:handoff";

    fn message() -> Value {
        json!({
            "version": 1, "replication": "orders", "run": "20261120t160812z-3f9a",
            "sourceAccountId": "111111111111", "sourceRegion": "us-east-1", "dbInstanceIdentifier": "orders-prod",
            "dbSnapshotArn": "arn:aws:rds:us-east-1:111111111111:snapshot:orders-20261120t160812z-3f9a-copy",
            "engine": "postgres", "engineVersion": "16.14", "allocatedStorage": 20,
            "dataCurrentAt": "2026-11-20T16:08:12Z", "masterUsername": "app"
        })
    }

    fn with(field: &str, value: Value) -> Value {
        let mut message = message();
        message[field] = value;
        message
    }

    fn check(topic: &str, message: &str, expected: &str) {
        let body = json!({"Type": "Notification", "TopicArn": topic, "Message": message}).to_string();
        let got = match read_handoff(&body, &[TOPIC.to_owned()]) {
            Ok(_) => "accepted".to_owned(),
            Err(error) => error.to_string(),
        };
        assert!(got.contains(expected), "{got:?} lacks {expected:?}");
    }

    // P0-8: one source hands off in another's name.
    #[test]
    fn topic_snapshot_and_handoff_must_agree() {
        check(TOPIC, &message().to_string(), "accepted");
        let original = "arn:aws:rds:us-east-1:111111111111:snapshot:orders-20261120t160812z-3f9a";
        check(TOPIC, &with("dbSnapshotArn", json!(original)).to_string(), "accepted");
        check("arn:aws:sns:us-east-1:333333333333:handoff", &message().to_string(), "not among those");
        check(TOPIC, &with("sourceAccountId", json!("333333333333")).to_string(), "sourceAccountId");
        check(TOPIC, &with("sourceRegion", json!("eu-west-1")).to_string(), "sourceRegion");
        for (arn, expected) in [
            ("arn:aws:rds:us-east-1:333333333333:snapshot:orders-20261120t160812z-3f9a", "account"),
            ("arn:aws:rds:eu-west-1:111111111111:snapshot:orders-20261120t160812z-3f9a", "Region"),
            ("arn:aws-cn:rds:us-east-1:111111111111:snapshot:orders-20261120t160812z-3f9a", "partition"),
            ("arn:aws:rds:us-east-1:111111111111:snapshot:payroll", "identifier"),
        ] {
            check(TOPIC, &with("dbSnapshotArn", json!(arn)).to_string(), expected);
        }
    }

    #[test]
    fn what_is_not_a_handoff_is_refused_by_name() {
        check(TOPIC, "not json", "not a notification");
        check(TOPIC, "{}", "version 0");
        check(TOPIC, &with("version", json!(2)).to_string(), "version 2");
        check(TOPIC, &with("surprise", json!(1)).to_string(), "not a hand-off");
        check(TOPIC, &with("replication", json!("Orders")).to_string(), "not a hand-off");
        check(TOPIC, &"x".repeat(32_768), "not a notification");
        check(TOPIC, &"x".repeat(32_769), "holds 32769 bytes, a hand-off at most 32768");
        assert!(matches!(read_handoff("raw", &[TOPIC.to_owned()]), Err(Error::NotANotification(_))));
    }

    // P0-8: one source hands off in another's name.
    #[test]
    fn the_targets_settings_name_the_one_source() {
        let handoff: Handoff = serde_json::from_value(message()).unwrap();
        let check = |account: &str, region: &str, instance: &str, good: bool| {
            let source = json!({"accountId": account, "region": region, "dbInstanceIdentifier": instance});
            let settings: TargetSettings = serde_json::from_value(json!({ "source": source })).unwrap();
            let now = handoff.run.began_at();
            assert_eq!(accept(&handoff, &settings, now).is_ok(), good);
            let hours = jiff::SignedDuration::from_hours;
            assert_eq!(accept(&handoff, &settings, now - hours(1)).is_ok(), good);
            let early = accept(&handoff, &settings, now - hours(2)).unwrap_err();
            assert!(early.to_string().contains("clock"), "{early}");
        };
        check("111111111111", "us-east-1", "orders-prod", true);
        check("333333333333", "us-east-1", "orders-prod", false);
        check("111111111111", "eu-west-1", "orders-prod", false);
        check("111111111111", "us-east-1", "payroll", false);
    }

    // A1: a copy that Verify cannot reach fails hours later.
    #[test]
    fn a_private_copy_needs_verify_in_a_vpc() {
        let check = |publicly_accessible: bool, subnets: &[&str], expected: Option<&str>| {
            let placement = Placement { publicly_accessible, ..Placement::default() };
            let subnets: Vec<String> = subnets.iter().map(|it| (*it).to_owned()).collect();
            let refused = can_be_verified(&placement, &subnets).err();
            assert_eq!(refused.map(|it| it.path).as_deref(), expected, "{publicly_accessible} {subnets:?}");
        };
        check(false, &[], Some("placement.publiclyAccessible"));
        check(false, &["subnet-1"], None);
        check(true, &[], None);
        check(true, &["subnet-1"], None);
    }

    // P1-23: a name that exists hides a run that failed.
    #[test]
    fn a_known_run_is_a_duplicate_unless_it_failed_or_differs() {
        let handoff: Handoff = serde_json::from_value(message()).unwrap();
        let check = |status: &str, found: Option<&Handoff>, expected: Option<&str>| {
            let got =
                known("arn", "orders-r", status, found, &handoff).err().map(|error| error.name().as_str());
            assert_eq!(got, expected, "{status}");
        };
        check("RUNNING", Some(&handoff), None);
        check("SUCCEEDED", Some(&handoff), None);
        check("FAILED", Some(&handoff), Some("Snapferry.RunFailedBefore"));
        check("ABORTED", None, Some("Snapferry.RunFailedBefore"));
        let original = "arn:aws:rds:us-east-1:111111111111:snapshot:orders-20261120t160812z-3f9a";
        let other: Handoff = serde_json::from_value(with("dbSnapshotArn", json!(original))).unwrap();
        check("SUCCEEDED", Some(&other), Some("Snapferry.HandoffRefused"));
    }
    #[test]
    fn a_final_refusal_is_reported_once_and_in_one_line() {
        for (error, delivery, expected) in [
            (ErrorName::InvalidSettings, "1", true),
            (ErrorName::InvalidSettings, "", true),
            (ErrorName::InvalidSettings, "2", false),
            (ErrorName::SsmUnavailable, "1", false),
        ] {
            assert_eq!(is_reported(error, delivery), expected, "{error} {delivery}");
        }
        let refusal = refusal(ErrorName::HandoffRefused, &"x\n".repeat(5_000), "message-0");
        assert_eq!(refusal.subject, "Snapferry: a hand-off was refused with Snapferry.HandoffRefused");
        let message: Value = serde_json::from_str(&refusal.message).unwrap();
        assert_eq!(message["cause"], "x".repeat(2_000));
    }
}
