//! `Share` on the real RDS and SNS clients: what it answers, and every request that it sends.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use aws_sdk_rds::Client;
use aws_sdk_rds::config::retry::RetryConfig;
use aws_sdk_rds::primitives::{DateTime, DateTimeFormat};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use serde_json::{Value, json};
use share::{Clients, Error, Response, handle};
use support::*;
use test_support::{Calls, actions, assert_fails, fault, the};

const IDENTIFIER: &str = "orders-20261120t160812z-3f9a-copy";
const TARGET: &str = "222222222222";
const TOPIC: &str = "arn:aws:sns:us-east-1:111111111111:handoff";

#[tokio::test]
async fn the_account_is_added_to_the_restore_attribute_before_the_handoff_is_published() {
    let (answer, sent) = look(&[snapshot(), accounts(&[]), shared(), source()], request()).await;
    assert!(answer.unwrap().look.done);
    let [snapshot, accounts, source] = [look_at_snapshot(), look_at_accounts(), look_at_source()];
    assert_eq!(sent[..5], [snapshot, accounts, look_at_policy(), add_the_account(), source]);
    assert_eq!(actions(&sent[5..]), ["Publish"]);
    assert_eq!(sent[5]["TopicArn"], TOPIC);
}

#[tokio::test]
async fn the_handoff_is_the_documented_json_with_the_sources_settings() {
    let (answer, sent) = look(&[snapshot(), accounts(&[TARGET]), source()], request()).await;
    let expected = json!({
        "version": 1, "replication": "orders", "run": "20261120t160812z-3f9a",
        "sourceAccountId": "111111111111", "sourceRegion": "us-east-1", "dbInstanceIdentifier": "orders-prod",
        "dbSnapshotArn": ARN, "engine": "postgres", "engineVersion": "16.14",
        "kmsKeyId": "arn:aws:kms:us-east-1:111111111111:key/shareable", "allocatedStorage": 500,
        "dataCurrentAt": "2026-11-20T16:08:12Z", "masterUsername": "orders_master", "dbName": "orders",
        "dbInstance": {
            "dbInstanceClass": "db.r6g.large", "multiAz": true, "port": 5433, "storageType": "gp3",
            "iops": 12000, "storageThroughput": 500, "maxAllocatedStorage": 1000,
            "enableIamDatabaseAuthentication": true, "backupRetentionPeriod": 7,
            "preferredBackupWindow": "03:00-03:30", "preferredMaintenanceWindow": "sun:04:00-sun:04:30",
            "autoMinorVersionUpgrade": false, "engineLifecycleSupport": "open-source-rds-extended-support",
            "licenseModel": "postgresql-license", "deletionProtection": true, "copyTagsToSnapshot": true,
            "monitoringInterval": 60, "enablePerformanceInsights": true,
            "performanceInsightsRetentionPeriod": 7,
        },
    });
    assert_eq!(message(&sent), expected);
    assert_eq!(serde_json::to_value(answer.unwrap().handoff).unwrap(), expected);
}

#[tokio::test]
async fn no_name_that_exists_only_in_the_source_account_crosses() {
    // All such names of `source` begin like this.
    let (_, sent) = look(&[snapshot(), accounts(&[TARGET]), source()], request()).await;
    assert!(!sent.last().unwrap().to_string().contains("local-"), "{sent:?}");
}

#[tokio::test]
async fn repeating_a_finished_step_changes_nothing() {
    // There is no rule for a call that changes RDS: the mock panics on one. The receiver knows a hand-off that it has
    // seen when it is the same one, byte for byte.
    let (_, first) = look(&[snapshot(), accounts(&[]), shared(), source()], request()).await;
    let mut later = request();
    later["stage"] = json!({"seconds": 0, "looks": 1, "status": "shared"});
    let (answer, repeated) = look(&[snapshot(), accounts(&[TARGET]), source()], later).await;
    assert!(answer.unwrap().look.done);
    assert_eq!(repeated[..4], [look_at_snapshot(), look_at_accounts(), look_at_policy(), look_at_source()]);
    assert_eq!(repeated[4..], first[5..]);
}

#[tokio::test]
async fn bad_input_is_invalid_request() {
    let check = async |field: &str, value: Option<Value>, expected: &str| {
        let (answer, sent) = look(&[], with(field, value)).await;
        assert_fails(answer, "Snapferry.InvalidRequest", expected);
        assert!(sent.is_empty());
    };
    check("topicArn", None, "missing field `topicArn`").await;
    check("surprise", Some(json!(1)), "`surprise`: unknown field").await;
    check("stage", Some(json!({"waited": 1})), "`stage.waited`: unknown field").await;
    check("stageDeadlineSeconds", Some(json!("1 day")), "`stageDeadlineSeconds`: invalid type").await;
    check("dbSnapshotArn", Some(json!("orders")), "`dbSnapshotArn`").await;
    // Everybody is no account.
    check("targetAccountId", Some(json!("all")), "`targetAccountId`: \"all\" is not an account").await;
}

#[tokio::test]
async fn with_an_account_that_is_not_allowed_nothing_is_shared_and_nothing_published() {
    let other = with("targetAccountId", Some(json!("333333333333")));
    let (answer, sent) = look(&[snapshot(), accounts(&["333333333333"])], other).await;
    assert_fails(answer, "Snapferry.AccountNotAllowed", "account 333333333333");
    assert_eq!(sent, [look_at_snapshot(), look_at_accounts()]);
}

#[tokio::test]
async fn a_snapshot_that_this_run_did_not_make_is_not_shared() {
    let untagged = found(of_source().set_tag_list(None));
    let (answer, sent) = look(&[untagged, accounts(&[])], request()).await;
    assert_fails(answer, "Snapferry.SnapshotNotOurs", IDENTIFIER);
    assert_eq!(sent, [look_at_snapshot(), look_at_accounts()]);

    let of_another_run = with("run", Some(json!("20261121t160812z-3f9a")));
    let (answer, _) = look(&[snapshot(), accounts(&[])], of_another_run).await;
    assert_fails(answer, "Snapferry.SnapshotNotOurs", IDENTIFIER);
}

#[tokio::test]
async fn a_key_that_the_target_account_may_not_use_is_named_and_nothing_is_shared() {
    let too_little = [json!({
        "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::222222222222:root"},
        "Action": ["kms:DescribeKey", "kms:Decrypt"],
    })];
    // What it allows to everybody, it allows to the source account alone.
    let to_the_source = [json!({
        "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:*",
        "Condition": {"StringEquals": {"kms:CallerAccount": "111111111111"}},
    })];
    let denied = [
        json!({"Effect": "Allow", "Principal": {"AWS": TARGET}, "Action": "kms:*"}),
        json!({"Sid": "Fence", "Effect": "Deny", "Principal": {"AWS": TARGET}, "Action": "kms:*Grant*"}),
    ];
    for (statements, expected) in [
        (&[][..], "no statement allows kms:CreateGrant"),
        (&too_little, "no statement allows kms:CreateGrant"),
        (&to_the_source, "no statement allows kms:Decrypt"),
        (&denied, "statement Fence denies kms:CreateGrant"),
    ] {
        let rules = [snapshot(), accounts(&[])];
        let (answer, sent) = look_with(&rules, policy(statements), published(), request()).await;
        assert_fails(answer, "Snapferry.KeyNotShared", expected);
        assert_eq!(sent, [look_at_snapshot(), look_at_accounts(), look_at_policy()]);
    }
}

#[tokio::test]
async fn a_policy_that_cannot_be_decided_here_does_not_stop_the_run_and_is_told() {
    let of_an_organisation = [json!({
        "Effect": "Allow", "Principal": "*", "Action": "kms:*",
        "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}},
    })];
    let rules = [snapshot(), accounts(&[TARGET]), source()];
    let (answer, _) = look_with(&rules, policy(&of_an_organisation), published(), request()).await;
    let look = serde_json::to_string(&answer.unwrap().look).unwrap();
    assert!(look.contains("kms:CreateGrant, kms:Decrypt there is not known here"), "{look}");
}

#[tokio::test]
async fn only_the_policy_of_a_key_of_this_account_is_read() {
    let foreign = of_source().kms_key_id("arn:aws:kms:us-east-1:999999999999:key/1");
    for snapshot in [foreign, of_source().set_kms_key_id(None)] {
        let (answer, sent) = look(&[found(snapshot), accounts(&[TARGET]), source()], request()).await;
        assert!(answer.unwrap().look.done);
        assert_eq!(sent[..3], [look_at_snapshot(), look_at_accounts(), look_at_source()]);
    }
}

#[tokio::test]
async fn an_account_that_is_there_already_is_not_added_again() {
    let rules = [snapshot(), accounts(&["333333333333", TARGET]), source()];
    let (answer, sent) = look(&rules, request()).await;
    assert!(answer.unwrap().look.done);
    assert_eq!(sent[..4], [look_at_snapshot(), look_at_accounts(), look_at_policy(), look_at_source()]);
}

#[tokio::test]
async fn the_data_is_as_old_as_the_original_snapshot_not_as_its_copy() {
    let at = |text: &str| DateTime::from_str(text, DateTimeFormat::DateTime).unwrap();
    let copied =
        of_source().set_snapshot_database_time(None).snapshot_create_time(at("2026-11-20T18:30:00Z"));
    let original = copied.clone().original_snapshot_create_time(at("2026-11-20T16:09:00.7Z"));
    let database = original.clone().snapshot_database_time(at("2026-11-20T16:08:12.345Z"));
    for (snapshot, expected) in [
        (copied.set_original_snapshot_create_time(None), "2026-11-20T18:30:00Z"),
        (original, "2026-11-20T16:09:00Z"),
        (database, "2026-11-20T16:08:12Z"),
    ] {
        let (_, sent) = look(&[found(snapshot), accounts(&[TARGET]), source()], request()).await;
        assert_eq!(message(&sent)["dataCurrentAt"], expected);
    }
}

#[tokio::test]
async fn a_snapshot_whose_instance_is_gone_is_handed_off_without_defaults() {
    let gone = mock!(Client::describe_db_instances)
        .then_http_response(|| fault(404, "DBInstanceNotFound", "not found"));
    let (_, sent) = look(&[snapshot(), accounts(&[TARGET]), gone], request()).await;
    assert_eq!(message(&sent)["dbInstance"], json!({}));
    assert_eq!(message(&sent).get("dbName"), None);
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_shared_yet_is_waited_for_and_not_handed_off() {
    let rules = [snapshot(), accounts(&[]), refused("InvalidDBSnapshotState")];
    let (answer, sent) = look(&rules, request()).await;
    let answer = answer.unwrap();
    assert!(!answer.look.done && answer.look.wait_seconds > 0 && answer.handoff.is_none());
    assert_eq!(sent, [look_at_snapshot(), look_at_accounts(), look_at_policy(), add_the_account()]);
}

#[tokio::test]
async fn throttling_is_retryable_and_a_refusal_is_not() {
    for (code, name) in [
        ("Throttling", "Snapferry.RdsUnavailable"),
        ("SharedSnapshotQuotaExceeded", "Snapferry.RdsRefused"),
        ("DBSnapshotNotFound", "Snapferry.SnapshotNotFound"),
    ] {
        let (answer, sent) = look(&[snapshot(), accounts(&[]), refused(code)], request()).await;
        assert_fails(answer, name, "");
        assert_eq!(sent.len(), 4, "nothing is published after a failure: {sent:?}");
    }
    for (status, code, name) in [
        (400, "Throttled", "Snapferry.SnsUnavailable"),
        (500, "InternalError", "Snapferry.SnsUnavailable"),
        (403, "AuthorizationError", "Snapferry.SnsRefused"),
    ] {
        let publish = mock!(aws_sdk_sns::Client::publish).then_http_response(move || fault(status, code, ""));
        let rules = [snapshot(), accounts(&[TARGET]), source()];
        let (answer, _) = look_with(&rules, policy(&everything()), publish, request()).await;
        assert_fails(answer, name, &format!("Publish failed: {code}"));
    }
}

fn request() -> Value {
    json!({
        "replication": "orders", "run": "20261120t160812z-3f9a", "dbSnapshotArn": ARN, "targetAccountId": TARGET,
        "topicArn": TOPIC, "stageDeadlineSeconds": 3600, "stage": {},
    })
}

/// The request with one field set to another value, or left out.
fn with(field: &str, value: Option<Value>) -> Value {
    let mut request = request();
    request.as_object_mut().unwrap().remove(field);
    value.into_iter().for_each(|value| request[field] = value);
    request
}

fn look_at_snapshot() -> Value {
    json!({"Action": "DescribeDBSnapshots", "DBSnapshotIdentifier": IDENTIFIER})
}

fn look_at_accounts() -> Value {
    json!({"Action": "DescribeDBSnapshotAttributes", "DBSnapshotIdentifier": IDENTIFIER})
}

fn look_at_source() -> Value {
    json!({"Action": "DescribeDBInstances", "DBInstanceIdentifier": "orders-prod"})
}

fn look_at_policy() -> Value {
    json!({"Action": "GetKeyPolicy", "KeyId": "arn:aws:kms:us-east-1:111111111111:key/shareable"})
}

fn add_the_account() -> Value {
    json!({
        "Action": "ModifyDBSnapshotAttribute", "DBSnapshotIdentifier": IDENTIFIER,
        "AttributeName": "restore", "ValuesToAdd.AttributeValue.1": TARGET,
    })
}

/// The message that was published.
fn message(sent: &[Value]) -> Value {
    serde_json::from_str(the("Publish", sent)["Message"].as_str().unwrap()).unwrap()
}

/// What the step answers, and every request that it sends, in order. The key's policy allows everything, and SNS takes
/// what is published.
async fn look(rds: &[Rule], request: Value) -> (Result<Response, Error>, Vec<Value>) {
    look_with(rds, policy(&everything()), published(), request).await
}

async fn look_with(
    rds: &[Rule],
    kms: Rule,
    sns: Rule,
    request: Value,
) -> (Result<Response, Error>, Vec<Value>) {
    let calls = Calls::default();
    let rds = mock_client!(aws_sdk_rds, RuleMode::MatchAny, rds, |config| {
        config.retry_config(RetryConfig::disabled()).interceptor(calls.clone())
    });
    let kms = mock_client!(aws_sdk_kms, RuleMode::MatchAny, [&kms], |config| {
        config.retry_config(RetryConfig::disabled()).interceptor(calls.clone())
    });
    let sns = mock_client!(aws_sdk_sns, RuleMode::MatchAny, [&sns], |config| {
        config.retry_config(RetryConfig::disabled()).interceptor(calls.clone())
    });
    let answer = handle(&Clients { rds, kms, sns }, &[TARGET.to_owned()], request).await;
    (answer, calls.sent())
}
