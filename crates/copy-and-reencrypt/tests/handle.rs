//! `CopyAndReencrypt` on the real RDS and KMS clients: what it answers, and every request that it sends.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use aws_sdk_rds::config::retry::RetryConfig;
use aws_sdk_rds::operation::add_tags_to_resource::AddTagsToResourceOutput;
use aws_sdk_rds::types::{DbSnapshot, Tag};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use copy_and_reencrypt::{Error, Response, handle};
use serde_json::{Value, json};
use support::*;
use test_support::{Calls, actions, assert_fails, tags_sent, the};

const PRINCIPAL: &str = "arn:aws:iam::111111111111:role/copier";

#[tokio::test]
async fn the_copy_is_requested_by_arn_under_the_key_with_the_three_tags_alone() {
    let (answer, sent) = look(&[no_copy(), source(), started()], &keys(), request()).await;
    assert_eq!(sent, [looks(), vec![start()]].concat());
    assert_eq!(assert_waits(answer).db_snapshot_arn, None);
}

#[tokio::test]
async fn the_settings_tags_are_on_the_copy_but_never_in_place_of_snapferrys() {
    let tags = json!({"cost-centre": "42", "snapferry:made-by": "somebody"});
    let request = with("placement", Some(json!({ "tags": tags })));
    let (_, sent) = look(&[no_copy(), source(), started()], &keys(), request).await;
    let start = sent.last().unwrap();
    let tag = |at: u8| [&start[format!("Tags.Tag.{at}.Key")], &start[format!("Tags.Tag.{at}.Value")]];
    assert_eq!([tag(1), tag(2)], [["cost-centre", "42"], ["snapferry:made-by", "snapferry"]]);
    assert!(tag(4)[0].is_string() && tag(5)[0].is_null(), "{start}");
}

#[tokio::test]
async fn repeating_a_finished_step_changes_nothing() {
    let (_, sent) = look(&[no_copy(), source(), started()], &keys(), request()).await;
    let begun = the("CopyDBSnapshot", &sent);
    assert_eq!(begun["TargetDBSnapshotIdentifier"], COPY);

    // What it asked for is there now. There is no rule for a call that changes anything: the mock panics on one.
    let tags = tags_sent(&sent).into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build());
    let made = DbSnapshot::builder()
        .db_snapshot_arn(format!("{SOURCE_ARN}-copy"))
        .kms_key_id(begun["KmsKeyId"].as_str().unwrap())
        .status("available")
        .set_tag_list(Some(tags.collect()));
    let (answer, sent) = look(&[found(COPY, made)], &[], request()).await;
    let answer = answer.unwrap();
    assert!(answer.look.done);
    assert_eq!(answer.db_snapshot_arn, Some(format!("{SOURCE_ARN}-copy")));
    assert_eq!(sent, [look_at_copy()]);
}

#[tokio::test]
async fn the_time_of_the_last_copy_is_expected_and_that_of_this_one_kept() {
    let (answer, _) = look(&[no_copy(), source(), started()], &keys(), request()).await;
    let look_of_start = assert_waits(answer).look;
    assert_eq!((look_of_start.waiting.expected_seconds, look_of_start.wait_seconds), (Some(740), 300));
    // An execution that is resumed meets the copy on its way.
    let (answer, _) = look(&[copy("creating")], &[], request()).await;
    assert_eq!(assert_waits(answer).look.waiting.expected_seconds, Some(740));

    let kept = mock!(aws_sdk_rds::Client::add_tags_to_resource)
        .then_output(|| AddTagsToResourceOutput::builder().build());
    let waited = with(
        "stage",
        Some(json!({"seconds": 700, "looks": 9, "status": "creating", "startedAtSeconds": 60})),
    );
    let (answer, sent) = look(&[copy("available"), kept], &[], waited).await;
    assert!(answer.unwrap().look.done);
    let tag = json!({"Action": "AddTagsToResource", "ResourceName": format!("{SOURCE_ARN}-copy"),
        "Tags.Tag.1.Key": "snapferry:seconds", "Tags.Tag.1.Value": "640"});
    assert_eq!(sent, [look_at_copy(), tag]);
}

#[tokio::test]
async fn bad_input_is_invalid_request() {
    let check = async |field: &str, value: Option<Value>, expected: &str| {
        let (answer, sent) = look(&[], &[], with(field, value)).await;
        assert_fails(answer, "Snapferry.InvalidRequest", expected);
        assert!(sent.is_empty());
    };
    check("kmsKeyId", None, "missing field `kmsKeyId`").await;
    check("surprise", Some(json!(1)), "`surprise`: unknown field").await;
    check("stageDeadlineSeconds", Some(json!("1 day")), "`stageDeadlineSeconds`: invalid type").await;
    check("shareableKeys", Some(json!([1])), "`shareableKeys[0]`: invalid type").await;
    check("sourceDbSnapshotArn", Some(json!("orders")), "`sourceDbSnapshotArn`: \"orders\" is not").await;
    check("account", Some(json!("other")), "`account`: unknown variant `other`").await;
}

#[tokio::test]
async fn a_snapshot_under_a_shareable_key_is_shared_as_it_is() {
    let (answer, sent) = look(&[no_copy(), source()], &keys(), declared()).await;
    let answer = answer.unwrap();
    assert_eq!(sent, looks());
    assert!(answer.look.done);
    assert_eq!(answer.db_snapshot_arn.as_deref(), Some(SOURCE_ARN));
}

#[tokio::test]
async fn a_snapshot_that_is_unencrypted_or_whose_key_is_not_declared_or_aws_managed_is_copied() {
    let aws_managed = [key("source", "AWS", "Enabled", "SYMMETRIC_DEFAULT"), shareable("shareable")];
    let unencrypted = found(SOURCE_ARN, of_orders().set_kms_key_id(None));
    let not_declared = with("shareableKeys", Some(json!([KEY])));
    for (source, keys, request) in [
        (source(), keys(), not_declared),
        (source(), aws_managed, declared()),
        (unencrypted, keys(), declared()),
    ] {
        let (answer, sent) = look(&[no_copy(), source, started()], &keys, request).await;
        assert_waits(answer);
        assert_eq!(*sent.last().unwrap(), start());
    }
}

#[tokio::test]
async fn a_key_that_is_disabled_asymmetric_or_gone_is_named_before_rds_is_asked() {
    let gone = |id| kms(id, 400, json!({"__type": "NotFoundException"}));
    for (id, other) in [("source", "shareable"), ("shareable", "source")] {
        for (unusable, problem) in [
            (key(id, "CUSTOMER", "Disabled", "SYMMETRIC_DEFAULT"), "its state is Disabled"),
            (key(id, "CUSTOMER", "PendingDeletion", "SYMMETRIC_DEFAULT"), "its state is PendingDeletion"),
            (key(id, "CUSTOMER", "Enabled", "RSA_2048"), "its key spec is RSA_2048"),
            (gone(id), "KMS DescribeKey failed: NotFoundException: no message"),
        ] {
            let (answer, sent) = look(&[no_copy(), source()], &[unusable, shareable(other)], request()).await;
            let message = format!("key/{id} ({problem})");
            assert_fails(answer, "Snapferry.KeyNotUsable", &message);
            assert_eq!(sent, looks());
        }
    }
}

#[tokio::test]
async fn force_copy_copies_under_a_shareable_key_and_its_refusal_copies_nothing() {
    let force = |force: bool, mut request: Value| {
        request["forceCopy"] = json!(force);
        request
    };
    let (answer, sent) = look(&[no_copy(), source(), started()], &keys(), force(true, declared())).await;
    assert_waits(answer);
    assert_eq!(*sent.last().unwrap(), start());

    let (answer, sent) = look(&[no_copy(), source()], &keys(), force(false, request())).await;
    assert_fails(answer, "Snapferry.SnapshotNotShareable", "forceCopy is false");
    assert_eq!(sent, looks());
}

#[tokio::test]
async fn copies_in_flight_are_waited_for_and_a_full_account_is_not() {
    let refused = |message| refused("SnapshotQuotaExceeded", message);
    let in_flight = refused("Cannot copy more than 20 snapshots across regions.");
    assert_waits(look(&[no_copy(), source(), in_flight], &keys(), request()).await.0);

    let full = refused("Cannot create more than 100 manual snapshots");
    let (answer, _) = look(&[no_copy(), source(), full], &keys(), request()).await;
    assert_fails(answer, "Snapferry.SnapshotQuotaExceeded", "as many manual DB snapshots");
}

#[tokio::test]
async fn a_key_that_rds_refuses_is_asked_again_for_five_minutes_and_then_named() {
    let message =
        "The target KMS key does not exist, is not enabled or you do not have permissions to access it.";
    let rules = [no_copy(), source(), refused("KMSKeyNotAccessibleFault", message)];
    let mut request = request();
    let mut waited = 0;
    while waited < 300 {
        let answer = assert_waits(look(&rules, &keys(), request.clone()).await.0);
        assert!(answer.look.reason.contains(message), "{}", answer.look.reason);
        waited += answer.look.wait_seconds;
        request["stage"] = serde_json::to_value(answer.look.waiting).unwrap();
    }
    assert_fails(look(&rules, &keys(), request).await.0, "Snapferry.KeyNotUsable", message);
}

#[tokio::test]
async fn a_copy_that_exists_already_or_is_under_way_and_a_snapshot_that_is_not_ready_are_looked_at_again() {
    for code in ["DBSnapshotAlreadyExists", "InvalidDBSnapshotState"] {
        assert_waits(look(&[no_copy(), source(), refused(code, "")], &keys(), request()).await.0);
    }
    let answer = assert_waits(look(&[copy("copying")], &[], request()).await.0);
    assert_eq!(answer.look.percent, Some(40));
}

#[tokio::test]
async fn a_shared_snapshot_of_another_region_is_copied_without_a_look_at_it() {
    let arn = SOURCE_ARN.replace("us-east-1", "eu-west-1");
    let request = with("sourceDbSnapshotArn", Some(json!(arn)));
    let (answer, sent) = look(&[no_copy(), started()], &keys(), request).await;
    assert_waits(answer);
    let mut start = start();
    start["SourceDBSnapshotIdentifier"] = json!(arn);
    assert_eq!(sent, [look_at_copy(), look_at_key("shareable"), start]);
}

#[tokio::test]
async fn the_key_of_a_snapshot_of_another_region_is_the_one_that_the_handoff_names() {
    let request_for = |partition: &str, region: &str, key: &str| {
        let arn = format!("arn:{partition}:rds:{region}:111111111111:snapshot:orders-20261120t160812z-3f9a");
        let mut request = with("sourceDbSnapshotArn", Some(json!(arn)));
        request["sourceKmsKeyId"] = json!(SOURCE_KEY);
        request["kmsKeyId"] = json!(key);
        request
    };
    let message =
        "The source snapshot KMS key does not exist, is not enabled or you do not have permissions.";
    let mut refused_twice = request_for("aws", "eu-west-1", KEY);
    refused_twice["stage"] = json!({"seconds": 300, "looks": 2, "status": "refused twice"});
    let rules = [no_copy(), refused("KMSKeyNotAccessibleFault", message)];
    let (answer, _) = look(&rules, &keys(), refused_twice).await;
    assert_fails(answer, "Snapferry.KeyNotUsable", &format!("cannot use key {SOURCE_KEY} ({message})"));

    let key = "arn:aws-us-gov:kms:us-gov-west-1:222222222222:key/shareable";
    let encrypted = request_for("aws-us-gov", "us-gov-east-1", key);
    let (answer, sent) = look(&[no_copy()], &keys(), encrypted.clone()).await;
    assert_fails(answer, "Snapferry.AcrossRegionsNotServed", "us-gov-west-1");
    assert!(!actions(&sent).contains(&"CopyDBSnapshot"), "{sent:?}");
    let mut unencrypted = encrypted;
    unencrypted["sourceKmsKeyId"] = Value::Null;
    assert_waits(look(&[no_copy(), started()], &keys(), unencrypted).await.0);
}

#[tokio::test]
async fn a_snapshot_of_another_db_instance_is_refused() {
    let other = found(SOURCE_ARN, of_orders().db_instance_identifier("payroll"));
    let (answer, sent) = look(&[no_copy(), other], &keys(), request()).await;
    let message = "is of DB instance payroll, but this run copies orders-prod";
    assert_fails(answer, "Snapferry.HandoffRefused", message);
    assert!(!actions(&sent).contains(&"CopyDBSnapshot"), "{sent:?}");
}

#[tokio::test]
async fn a_snapshot_that_is_gone_is_told_by_name_whichever_call_notices() {
    let lost_meanwhile = refused("DBSnapshotNotFound", "");
    for rules in [vec![no_copy(), missing(SOURCE_ARN)], vec![no_copy(), source(), lost_meanwhile]] {
        assert_fails(look(&rules, &keys(), request()).await.0, "Snapferry.SnapshotNotFound", SOURCE_ARN);
    }
}

#[tokio::test]
async fn a_copy_that_is_not_ours_or_under_another_key_is_left_alone() {
    let untagged = found(COPY, DbSnapshot::builder().status("available").kms_key_id(KEY));
    let (answer, _) = look(&[untagged], &[], request()).await;
    assert_fails(answer, "Snapferry.CopyNotOurs", "without the tags of this run");

    let another_key = with("kmsKeyId", Some(json!(SOURCE_KEY)));
    let (answer, _) = look(&[copy("available")], &[], another_key).await;
    assert_fails(answer, "Snapferry.CopyNotOurs", &format!("{COPY} exists under key {KEY}"));
}

#[tokio::test]
async fn throttling_is_retryable_and_a_refusal_is_not() {
    for (code, name) in [("Throttling", "Snapferry.RdsUnavailable"), ("AccessDenied", "Snapferry.RdsRefused")]
    {
        let rules = [no_copy(), source(), refused(code, "said RDS")];
        let (answer, _) = look(&rules, &keys(), request()).await;
        assert_fails(answer, name, &format!("CopyDBSnapshot failed: {code}: said RDS"));
    }
    let throttled = kms("source", 400, json!({"__type": "ThrottlingException"}));
    let (answer, _) = look(&[no_copy(), source()], &[throttled], request()).await;
    assert_fails(answer, "Snapferry.KmsUnavailable", "DescribeKey failed: ThrottlingException");
}

fn request() -> Value {
    json!({
        "replication": "orders", "run": "20261120t160812z-3f9a",
        "sourceDbSnapshotArn": SOURCE_ARN, "sourceDbInstanceIdentifier": "orders-prod",
        "account": "source", "kmsKeyId": KEY, "principalArn": PRINCIPAL, "stageDeadlineSeconds": 3600, "stage": {},
    })
}

/// The request with one field set to another value, or left out.
fn with(field: &str, value: Option<Value>) -> Value {
    let mut request = request();
    request.as_object_mut().unwrap().remove(field);
    value.into_iter().for_each(|value| request[field] = value);
    request
}

/// The request that declares the source's key shareable.
fn declared() -> Value {
    with("shareableKeys", Some(json!([KEY, SOURCE_KEY])))
}

fn look_at_copy() -> Value {
    json!({"Action": "DescribeDBSnapshots", "DBSnapshotIdentifier": COPY})
}

fn look_at_key(id: &str) -> Value {
    json!({"Action": "DescribeKey", "KeyId": format!("arn:aws:kms:us-east-1:111111111111:key/{id}")})
}

/// Every look before a copy is started.
fn looks() -> Vec<Value> {
    let source =
        json!({"Action": "DescribeDBSnapshots", "DBSnapshotIdentifier": SOURCE_ARN, "IncludeShared": "true"});
    vec![look_at_copy(), source, look_at_key("source"), look_at_key("shareable")]
}

fn start() -> Value {
    json!({
        "Action": "CopyDBSnapshot", "SourceDBSnapshotIdentifier": SOURCE_ARN,
        "TargetDBSnapshotIdentifier": COPY, "KmsKeyId": KEY, "CopyTags": "false",
        "Tags.Tag.1.Key": "snapferry:made-by", "Tags.Tag.1.Value": "snapferry",
        "Tags.Tag.2.Key": "snapferry:replication", "Tags.Tag.2.Value": "orders",
        "Tags.Tag.3.Key": "snapferry:run", "Tags.Tag.3.Value": "20261120t160812z-3f9a",
    })
}

fn assert_waits(answer: Result<Response, Error>) -> Response {
    let answer = answer.unwrap();
    assert!(!answer.look.done && answer.look.wait_seconds > 0, "{:?}", answer.look);
    answer
}

/// What the step answers, and every request that it sends, in order, but for the look at the last runs.
async fn look(rds: &[Rule], kms: &[Rule], request: Value) -> (Result<Response, Error>, Vec<Value>) {
    let calls = Calls::default();
    let rds = [rds, &[last_runs()]].concat();
    let rds = mock_client!(aws_sdk_rds, RuleMode::MatchAny, &rds, |config| {
        config.retry_config(RetryConfig::disabled()).interceptor(calls.clone())
    });
    let kms = mock_client!(aws_sdk_kms, RuleMode::MatchAny, kms, |config| {
        config.retry_config(RetryConfig::disabled()).interceptor(calls.clone())
    });
    let answer = handle(&rds, &kms, request).await;
    let mut sent = calls.sent();
    sent.retain(|it| it["SnapshotType"] != "manual");
    (answer, sent)
}
