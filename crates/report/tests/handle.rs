//! `Report` on the real SNS client: what it answers, and what it publishes.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use aws_sdk_sns::Client;
use aws_sdk_sns::config::retry::RetryConfig;
use aws_sdk_sns::operation::publish::PublishOutput;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use report::{Error, Response, handle};
use serde_json::{Value, json};
use test_support::{Calls, assert_fails, fault};

const TOPIC: &str = "arn:aws:sns:us-east-1:222222222222:operations";
const EXECUTION: &str = "arn:aws:states:us-east-1:222222222222:execution:target:orders-20261120t160812z-3f9a";

#[tokio::test]
async fn a_success_is_told_as_one_json_object_and_leaves_nothing_to_prune() {
    let (answer, published) = report(succeeded(true)).await;
    let answer = answer.unwrap();
    assert_eq!(answer.prune, None);
    assert_eq!(published.len(), 1);
    assert_eq!(published[0]["TopicArn"], TOPIC);
    assert_eq!(published[0]["Subject"], "Snapferry: orders-20261120t160812z-3f9a is live");
    let expected = json!({
        "version": 1, "outcome": "SUCCEEDED", "replication": "orders", "run": "20261120t160812z-3f9a",
        "executionArn": EXECUTION, "live": true, "dbInstanceIdentifier": "orders-20261120t160812z-3f9a",
        "waitedSeconds": {"Restore": 900},
    });
    assert_eq!(answer.outcome, expected, "the execution's output is its outcome");
    assert_eq!(message(&published[0]), expected);
}

#[tokio::test]
async fn a_copy_that_is_not_live_is_told_so_in_the_subject() {
    let (_, published) = report(succeeded(false)).await;
    let expected = "Snapferry: orders-20261120t160812z-3f9a is restored but not live";
    assert_eq!(published[0]["Subject"], expected);
    assert_eq!(message(&published[0])["live"], false);
}

#[tokio::test]
async fn a_failure_is_told_with_its_own_name_and_cause() {
    let (_, published) = report(ended(json!({}))).await;
    assert_eq!(published[0]["Subject"], "Snapferry: orders failed with Snapferry.RestoreFailed");
    let message = message(&published[0]);
    assert_eq!(message["outcome"], "FAILED");
    assert_eq!(message["error"], "Snapferry.RestoreFailed");
    assert_eq!(message["cause"], "DB instance orders is failed");
    assert_eq!(message["executionArn"], EXECUTION);
    assert!(message["advice"].as_str().unwrap().contains("redrive"));
}

#[tokio::test]
async fn an_execution_that_timed_out_or_was_aborted_is_told_without_error_or_cause() {
    for status in ["TIMED_OUT", "ABORTED"] {
        let (_, published) = report(ended(json!({"status": status, "error": null, "cause": null}))).await;
        assert_eq!(published[0]["Subject"], format!("Snapferry: orders failed with {status}"));
        assert_eq!(message(&published[0])["outcome"], status);
    }
}

#[tokio::test]
async fn a_subject_is_fewer_than_100_characters_of_plain_ascii() {
    let error = format!("Forged\r\nSubject: \u{7}\u{85}{}", "ö".repeat(300));
    let (_, published) = report(ended(json!({ "error": error }))).await;
    let subject = published[0]["Subject"].as_str().unwrap();
    assert_eq!(subject.len(), 99);
    assert!(subject.starts_with("Snapferry: orders failed with Forged  Subject:  ??"), "{subject:?}");
}

#[tokio::test]
async fn a_cause_that_is_too_long_for_a_notification_is_cut() {
    let (_, published) = report(ended(json!({"cause": "x\n".repeat(150_000)}))).await;
    let message = message(&published[0]);
    assert_eq!(message["cause"].as_str().unwrap().chars().count(), 2_000);
    assert!(!message["cause"].as_str().unwrap().contains('\n'));
}

#[tokio::test]
async fn after_a_failure_the_input_says_what_to_prune() {
    let target = |settings: Value| json!({"handoff": {"replication": "orders"}, "settings": settings});
    let retention = json!({"copies": 1, "cutoverGraceHours": 24, "failedCopyHours": 72});
    for (account, input, expected) in [
        (
            "source",
            json!({"replication": "orders", "source": {"dbInstanceIdentifier": "orders-prod"}}),
            json!({"source": {"replication": "orders", "retention": {"runs": 2, "minAgeHours": 72}}}),
        ),
        (
            "target",
            target(json!({"retention": {"copies": 1}, "applicationSecretArn": "the-secret"})),
            json!({"target": {
                "replication": "orders", "retention": retention, "reach": null, "applicationSecretArn": "the-secret",
            }}),
        ),
    ] {
        let (answer, _) = report(ended_in(account, json!({ "input": input.to_string() }))).await;
        assert_eq!(answer.unwrap().prune, Some(expected));
    }
}

#[tokio::test]
async fn an_input_that_is_unknown_prunes_nothing_and_is_told_all_the_same() {
    let unknown = json!({"anything": "else"}).to_string();
    let no_name = json!({"handoff": {"replication": "Not A Name"}}).to_string();
    for input in [json!(null), json!("not JSON"), json!(unknown), json!(no_name)] {
        let (answer, published) = report(ended(json!({ "input": input }))).await;
        assert_eq!(serde_json::to_value(answer.unwrap()).unwrap()["prune"], Value::Null);
        let name = "orders-20261120t160812z-3f9a";
        assert_eq!(published[0]["Subject"], format!("Snapferry: {name} failed with Snapferry.RestoreFailed"));
    }
}

#[tokio::test]
async fn repeating_a_finished_step_changes_nothing() {
    // Publishing is all that it does: a repetition publishes the same report, byte for byte, and nothing else.
    for request in [succeeded(true), ended(json!({}))] {
        let (first, published) = report(request.clone()).await;
        let (second, published_again) = report(request).await;
        assert_eq!(published, published_again);
        assert_eq!(published.len(), 1);
        assert_eq!(first.unwrap().prune, second.unwrap().prune);
    }
}

#[tokio::test]
async fn bad_input_is_invalid_request() {
    let check = async |field: &str, value: Value, expected: &str| {
        let mut request = succeeded(true);
        request[field] = value;
        let (answer, published) = report(request).await;
        assert_fails(answer, "Snapferry.InvalidRequest", expected);
        assert!(published.is_empty());
    };
    check("topicArn", Value::Null, "`topicArn`: invalid type").await;
    check("outcome", json!({"succeeded": {}}), "`outcome.succeeded`: missing field").await;
    let unfinished = json!({"ended": {"account": "target", "execution": {"name": "e"}}});
    check("outcome", unfinished, "`outcome.ended.execution`: missing field").await;
    let nowhere = json!({"ended": {"account": "home", "execution": {}}});
    check("outcome", nowhere, "`outcome.ended.account`: unknown variant").await;
    check("outcome", json!({"begun": {}}), "unknown variant `begun`").await;
    check("surprise", json!(1), "`surprise`: unknown field").await;
}

#[tokio::test]
async fn throttling_is_retryable_and_a_refusal_is_not() {
    for (status, code, name) in [
        (400, "Throttled", "Snapferry.SnsUnavailable"),
        (400, "KMSThrottling", "Snapferry.SnsUnavailable"),
        (500, "InternalError", "Snapferry.SnsUnavailable"),
        (403, "AuthorizationError", "Snapferry.SnsRefused"),
        (404, "NotFound", "Snapferry.SnsRefused"),
    ] {
        let topic = mock!(Client::publish).then_http_response(move || fault(status, code, "said SNS"));
        let (answer, _) = report_to(topic, succeeded(true)).await;
        assert_fails(answer, name, &format!("Publish failed: {code}"));
    }
}

fn succeeded(live: bool) -> Value {
    let copy = "orders-20261120t160812z-3f9a";
    let succeeded = json!({
        "executionArn": EXECUTION, "outcome": "SUCCEEDED",
        "subject": format!("{copy} {}", if live { "is live" } else { "is restored but not live" }),
        "waitedSeconds": {"Restore": 900},
        "facts": {"replication": "orders", "run": "20261120t160812z-3f9a", "live": live, "dbInstanceIdentifier": copy},
    });
    json!({"topicArn": TOPIC, "outcome": {"succeeded": succeeded}})
}

/// A failed execution of the target account, as EventBridge tells of it, with `changes` to the event.
fn ended(changes: Value) -> Value {
    ended_in("target", changes)
}

fn ended_in(account: &str, changes: Value) -> Value {
    let cause =
        json!({"errorType": "Snapferry.RestoreFailed", "errorMessage": "DB instance orders is failed"});
    let mut execution = json!({
        "executionArn": EXECUTION, "stateMachineArn": "arn", "name": "orders-20261120t160812z-3f9a",
        "status": "FAILED", "startDate": 1, "stopDate": 2, "output": null,
        "input": json!({"handoff": {"replication": "orders"}}).to_string(),
        "error": "Snapferry.RestoreFailed", "cause": cause.to_string(),
    });
    execution.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    json!({"topicArn": TOPIC, "outcome": {"ended": {"account": account, "execution": execution}}})
}

fn message(published: &Value) -> Value {
    serde_json::from_str(published["Message"].as_str().unwrap()).unwrap()
}

/// What the step answers, and all that it publishes.
async fn report(request: Value) -> (Result<Response, Error>, Vec<Value>) {
    report_to(mock!(Client::publish).then_output(|| PublishOutput::builder().build()), request).await
}

async fn report_to(topic: Rule, request: Value) -> (Result<Response, Error>, Vec<Value>) {
    let calls = Calls::default();
    let sns = mock_client!(aws_sdk_sns, RuleMode::MatchAny, [&topic], |config| {
        config.retry_config(RetryConfig::disabled()).interceptor(calls.clone())
    });
    let answer = handle(&sns, request).await;
    let published = calls.sent();
    (answer, published)
}
