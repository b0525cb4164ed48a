//! `Receive` on the real Systems Manager and Step Functions clients: what it answers, and every request that it sends.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use aws_sdk_sfn::config::retry::RetryConfig;
use aws_sdk_sns::operation::publish::PublishOutput;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use receive::{Clients, Error, Guard, Response, handle};
use replication::StackDefaults;
use serde_json::{Value, json};
use test_support::{Calls, actions, assert_fails, json_answer, ssm as ssm_client, the};

const TOPIC: &str = "arn:aws:sns:us-east-1:111111111111:handoff";
const LANE: &str =
    "arn:aws:elasticloadbalancing:us-east-1:222222222222:targetgroup/orders-a/0123456789abcdef";
const OPERATIONS: &str = "arn:aws:sns:us-east-1:222222222222:operations";
const MACHINE: &str = "arn:aws:states:us-east-1:222222222222:stateMachine:target";
const EXECUTION: &str = "arn:aws:states:us-east-1:222222222222:execution:target:orders-20261120t160812z-3f9a";
const SNAPSHOT: &str = "arn:aws:rds:us-east-1:111111111111:snapshot:orders-20261120t160812z-3f9a";

#[tokio::test]
async fn a_handoff_starts_one_execution_by_the_runs_name_with_handoff_and_settings() {
    let (answer, sent) = receive(&[parameter(settings())], &[started()], &[notification(handoff())]).await;
    assert_eq!(failed(answer), [""; 0]);
    let look = json!({"Action": "GetParameter", "Name": "/snapferry/replications/orders"});
    assert_eq!((&sent[0], actions(&sent)), (&look, vec!["GetParameter", "StartExecution"]));
    let start = &sent[1];
    assert_eq!(start["stateMachineArn"], MACHINE);
    assert_eq!(start["name"], "orders-20261120t160812z-3f9a");
    let input = input_of(start);
    assert_eq!(input["handoff"]["dbSnapshotArn"], SNAPSHOT);
    assert_eq!(input["handoff"]["run"], "20261120t160812z-3f9a");
    assert_eq!(
        input["settings"]["dbInstance"],
        json!({"dbInstanceClass": "db.t4g.medium", "multiAz": false, "deletionProtection": false})
    );
    assert_eq!(input["settings"]["applicationSecretArn"], "the stack's secret");
    assert_eq!(input["settings"]["kmsKeyId"], "the stack's key");
    assert_eq!(input["settings"]["retention"]["cutoverGraceHours"], 24, "defaults are filled in");
    assert_eq!(input.as_object().unwrap().len(), 2);
}

#[tokio::test]
async fn one_bad_message_of_a_batch_fails_alone() {
    let batch = [notification(handoff()), "not a notification".to_owned(), notification(handoff())];
    let (answer, sent) = receive(&[parameter(settings())], &[started()], &batch).await;
    let response = answer.unwrap();
    assert_eq!(
        serde_json::to_value(&response).unwrap(),
        json!({"batchItemFailures": [{"itemIdentifier": "message-1"}]})
    );
    assert_eq!(actions(&sent), ["GetParameter", "StartExecution", "GetParameter", "StartExecution"]);
}

#[tokio::test]
async fn repeating_a_finished_step_changes_nothing() {
    let message = [notification(handoff())];
    let (_, first) = receive(&[parameter(settings())], &[started()], &message).await;
    // Step Functions takes the same name and input once: its refusal, or its first answer, is the proof.
    let rules = [exists(), execution("SUCCEEDED", &first[1]["input"])];
    let (answer, again) = receive(&[parameter(settings())], &rules, &message).await;
    assert_eq!(failed(answer), [""; 0]);
    assert_eq!(again[..2], first[..], "the same request, byte for byte");
    assert_eq!(again[2..], [look_at_execution()]);
}

#[tokio::test]
async fn bad_input_is_invalid_request() {
    let check = async |payload: Value, expected: &str| {
        let (clients, calls) = clients(&[], &[]);
        let answer = handle(&clients, &guard(), payload).await;
        assert_fails(answer, "Snapferry.InvalidRequest", expected);
        assert!(calls.sent().is_empty());
    };
    check(json!({}), "missing field `Records`").await;
    check(json!({"Records": [{"body": "{}"}]}), "`Records[0]`: missing field `messageId`").await;
    check(json!({"Records": [{"messageId": "1", "body": {}}]}), "`Records[0].body`: invalid type").await;
    // SQS adds fields to its records as it likes; a field that a hand-off does not know is refused.
    let unknown = with(handoff(), "surprise", json!(1));
    let (answer, sent) = receive(&[parameter(settings())], &[], &[notification(unknown)]).await;
    assert_eq!((failed(answer), sent), (vec!["message-0".to_owned()], vec![]));
}

#[tokio::test]
async fn a_message_of_a_topic_that_is_not_accepted_is_not_even_looked_up() {
    let envelope = |topic: &str| json!({"TopicArn": topic, "Message": handoff().to_string()}).to_string();
    for topic in ["arn:aws:sns:us-east-1:333333333333:handoff", "arn:aws:sns:us-east-1:111111111111:other"] {
        let (answer, sent) = receive(&[], &[], &[envelope(topic)]).await;
        assert_eq!((failed(answer), sent), (vec!["message-0".to_owned()], vec![]), "{topic}");
    }
}

#[tokio::test]
async fn a_handoff_that_contradicts_its_topic_is_not_even_looked_up() {
    for (field, value) in [
        ("sourceAccountId", "333333333333"),
        ("sourceRegion", "eu-west-1"),
        ("dbSnapshotArn", "arn:aws:rds:us-east-1:333333333333:snapshot:orders-20261120t160812z-3f9a"),
        ("dbSnapshotArn", "arn:aws:rds:us-east-1:111111111111:snapshot:payroll"),
    ] {
        let lie = with(handoff(), field, json!(value));
        let (answer, sent) = receive(&[], &[], &[notification(lie)]).await;
        assert_eq!((failed(answer), sent), (vec!["message-0".to_owned()], vec![]), "{field}");
    }
}

#[tokio::test]
async fn a_source_that_the_settings_do_not_name_starts_nothing() {
    for (field, value) in
        [("accountId", "333333333333"), ("region", "eu-west-1"), ("dbInstanceIdentifier", "payroll")]
    {
        let mut settings = settings();
        settings["source"][field] = json!(value);
        assert_starts_nothing(parameter(settings), field).await;
    }
}

#[tokio::test]
async fn settings_that_are_missing_or_cannot_be_read_start_nothing() {
    assert_starts_nothing(json!({"__type": "ParameterNotFound"}), "missing").await;
    let not_json = json!({"Parameter": {"Value": "copies = 2"}});
    assert_starts_nothing(not_json, "not JSON").await;
    assert_starts_nothing(parameter(with(settings(), "copies", json!(2))), "unknown field").await;
    assert_starts_nothing(parameter(with(settings(), "retention", json!({"copies": "2"}))), "wrong type")
        .await;
    assert_starts_nothing(parameter(json!({})), "no source").await;
}

#[tokio::test]
async fn settings_that_cannot_work_for_this_source_start_nothing_and_are_reported_with_their_path() {
    let mut settings = settings();
    settings["dbInstance"]["maxAllocatedStorage"] = json!(21);
    let (answer, sent) = receive_at(1, &[parameter(settings)], &[], &[notification(handoff())]).await;
    assert_eq!(
        (failed(answer), actions(&sent)),
        (vec!["message-0".to_owned()], vec!["GetParameter", "Publish"])
    );
    let report = the("Publish", &sent)["Message"].as_str().unwrap();
    for part in [
        "Snapferry.InvalidSettings",
        "/snapferry/replications/orders",
        "`dbInstance.maxAllocatedStorage`",
        "22",
    ] {
        assert!(report.contains(part), "{report} lacks {part}");
    }
}

#[tokio::test]
async fn lanes_that_the_stack_does_not_list_start_nothing() {
    let group = |arn: &str, port: u16| json!({"targetGroupArn": arn, "port": port});
    let foreign = LANE.replace("222222222222", "333333333333");
    let proxy = |name: &str| {
        let secret = format!("arn:aws:secretsmanager:us-east-1:222222222222:secret:{name}-AbCdEf");
        json!({"dbProxyName": name, "laneSecretId": secret})
    };
    for (reach, parts) in [
        (
            json!({"networkLoadBalancer": {"lanes": [group(LANE, 5432), group(&foreign, 5433)]}}),
            ["lanes[1].targetGroupArn", "ReachTargetGroupArns"],
        ),
        (
            json!({"dbProxy": {"lanes": [proxy("a"), proxy("b")]}}),
            ["lanes[0].laneSecretId", "ReachLaneSecretArns"],
        ),
    ] {
        let mut settings = settings();
        settings["reach"] = reach;
        let (clients, calls) = clients(&[parameter(settings)], &[]);
        let record = json!({"messageId": "message-0", "body": notification(handoff())});
        let answer = handle(&clients, &guard(), json!({ "Records": [record] })).await;
        let sent = calls.sent();
        assert_eq!(
            (failed(answer), actions(&sent)),
            (vec!["message-0".to_owned()], vec!["GetParameter", "Publish"])
        );
        let report = the("Publish", &sent)["Message"].as_str().unwrap();
        for part in parts {
            assert!(report.contains(part), "{report} lacks {part}");
        }
    }
}

// A1: a copy that Verify cannot reach fails hours later.
#[tokio::test]
async fn a_private_copy_starts_nothing_while_verify_is_in_no_vpc() {
    let (clients, calls) = clients(&[parameter(settings())], &[]);
    let guard = Guard { verify_subnet_ids: Vec::new(), ..guard() };
    let record = json!({"messageId": "message-0", "body": notification(handoff())});
    let answer = handle(&clients, &guard, json!({ "Records": [record] })).await;
    let sent = calls.sent();
    assert_eq!(
        (failed(answer), actions(&sent)),
        (vec!["message-0".to_owned()], vec!["GetParameter", "Publish"])
    );
    let report = the("Publish", &sent)["Message"].as_str().unwrap();
    assert!(
        report.contains("`placement.publiclyAccessible`") && report.contains("VerifySubnetIds"),
        "{report}"
    );
}

#[tokio::test]
async fn an_execution_that_runs_or_succeeded_makes_a_duplicate_and_one_that_ended_badly_a_dead_letter() {
    for (status, duplicate) in
        [("RUNNING", true), ("SUCCEEDED", true), ("FAILED", false), ("TIMED_OUT", false), ("ABORTED", false)]
    {
        let input = json!(json!({"handoff": handoff(), "settings": {}}).to_string());
        let rules = [exists(), execution(status, &input)];
        let (answer, sent) = receive(&[parameter(settings())], &rules, &[notification(handoff())]).await;
        assert_eq!(failed(answer).is_empty(), duplicate, "{status}");
        assert_eq!(sent[2], look_at_execution());
    }
}

#[tokio::test]
async fn an_execution_of_another_handoff_is_no_duplicate() {
    let other = with(handoff(), "dbSnapshotArn", json!(format!("{SNAPSHOT}-copy")));
    let input = json!(json!({"handoff": other, "settings": {}}).to_string());
    let rules = [exists(), execution("RUNNING", &input)];
    let (answer, _) = receive(&[parameter(settings())], &rules, &[notification(handoff())]).await;
    assert_eq!(failed(answer), ["message-0"]);
}

#[tokio::test]
async fn a_message_is_delivered_again_when_a_service_does_not_answer() {
    let throttled = json!({"__type": "ThrottlingException", "message": "Rate exceeded"});
    assert_starts_nothing(throttled.clone(), "Systems Manager").await;

    let start =
        mock!(aws_sdk_sfn::Client::start_execution).then_http_response(move || json_answer(&throttled));
    let (answer, sent) = receive(&[parameter(settings())], &[start], &[notification(handoff())]).await;
    assert_eq!(failed(answer), ["message-0"]);
    assert_eq!(sent.len(), 2, "{sent:?}");
}

#[tokio::test]
async fn a_refusal_is_reported_by_its_name_at_the_first_delivery_alone() {
    let no_settings = || json!({"__type": "ParameterNotFound"});
    let elsewhere = json!({"TopicArn": "arn:aws:sns:us-east-1:1:x", "Message": "{}"}).to_string();
    for (body, name) in [
        (notification(handoff()), "Snapferry.InvalidSettings"),
        (elsewhere, "Snapferry.HandoffRefused"),
        (notification(with(handoff(), "version", json!(2))), "Snapferry.HandoffVersionUnknown"),
        (notification(with(handoff(), "engine", json!("x".repeat(40_000)))), "Snapferry.HandoffTooLarge"),
        ("not a notification".to_owned(), "Snapferry.HandoffNotReadable"),
    ] {
        let (_, sent) = receive_at(1, &[no_settings()], &[], std::slice::from_ref(&body)).await;
        let report = the("Publish", &sent);
        assert_eq!((report, &report["TopicArn"]), (sent.last().unwrap(), &json!(OPERATIONS)));
        assert_eq!(report["Subject"], format!("Snapferry: a hand-off was refused with {name}"));
        let message: Value = serde_json::from_str(report["Message"].as_str().unwrap()).unwrap();
        assert_eq!((&message["error"], &message["messageId"]), (&json!(name), &json!("message-0")));

        let (answer, sent) = receive_at(2, &[no_settings()], &[], &[body]).await;
        assert_eq!(failed(answer), ["message-0"]);
        assert!(!actions(&sent).contains(&"Publish"), "{sent:?}");
    }
}

#[tokio::test]
async fn what_a_later_delivery_may_mend_is_not_reported() {
    let throttled = json!({"__type": "ThrottlingException"});
    let (answer, sent) = receive_at(1, &[throttled], &[], &[notification(handoff())]).await;
    assert_eq!(failed(answer), ["message-0"]);
    assert_eq!(actions(&sent), ["GetParameter"; 3]);
}

fn handoff() -> Value {
    json!({
        "version": 1, "replication": "orders", "run": "20261120t160812z-3f9a",
        "sourceAccountId": "111111111111", "sourceRegion": "us-east-1", "dbInstanceIdentifier": "orders-prod",
        "dbSnapshotArn": SNAPSHOT, "engine": "postgres", "engineVersion": "16.14", "allocatedStorage": 20,
        "dataCurrentAt": "2026-11-20T16:08:12Z", "masterUsername": "orders_master",
    })
}

fn settings() -> Value {
    json!({
        "source": {"accountId": "111111111111", "region": "us-east-1", "dbInstanceIdentifier": "orders-prod"},
        "dbInstance": {"dbInstanceClass": "db.t4g.medium", "multiAz": false},
    })
}

fn with(mut object: Value, field: &str, value: Value) -> Value {
    object[field] = value;
    object
}

/// What SNS puts into the queue.
fn notification(handoff: Value) -> String {
    json!({"Type": "Notification", "TopicArn": TOPIC, "Message": handoff.to_string()}).to_string()
}

fn look_at_execution() -> Value {
    json!({"Action": "DescribeExecution", "executionArn": EXECUTION})
}

fn input_of(start: &Value) -> Value {
    serde_json::from_str(start["input"].as_str().unwrap()).unwrap()
}

/// The messages that are delivered again.
fn failed(answer: Result<Response, Error>) -> Vec<String> {
    answer.unwrap().batch_item_failures.into_iter().map(|it| it.item_identifier).collect()
}

/// There is no rule for StartExecution: the mock panics on one.
async fn assert_starts_nothing(ssm: Value, why: &str) {
    let (answer, sent) = receive(&[ssm], &[], &[notification(handoff())]).await;
    assert_eq!(failed(answer), ["message-0"], "{why}");
    // A parameter that is throttled is asked for three times, as the SDK does.
    assert!(actions(&sent).iter().all(|it| *it == "GetParameter"), "{why}: {sent:?}");
}

fn parameter(settings: Value) -> Value {
    json!({"Parameter": {"Value": settings.to_string()}})
}

fn started() -> Rule {
    let answer = json!({"executionArn": EXECUTION, "startDate": 1_795_190_892});
    mock!(aws_sdk_sfn::Client::start_execution).then_http_response(move || json_answer(&answer))
}

fn exists() -> Rule {
    let answer = json!({"__type": "ExecutionAlreadyExists"});
    mock!(aws_sdk_sfn::Client::start_execution).then_http_response(move || json_answer(&answer))
}

fn execution(status: &str, input: &Value) -> Rule {
    let answer = json!({
        "executionArn": EXECUTION, "stateMachineArn": MACHINE, "startDate": 1_795_190_892, "status": status,
        "input": input,
    });
    mock!(aws_sdk_sfn::Client::describe_execution).then_http_response(move || json_answer(&answer))
}

fn guard() -> Guard {
    Guard {
        accepted_topic_arns: vec![TOPIC.to_owned()],
        state_machine_arn: MACHINE.to_owned(),
        operations_topic_arn: OPERATIONS.to_owned(),
        verify_subnet_ids: vec!["subnet-1".to_owned()],
        reach_target_group_arns: vec![LANE.to_owned()],
        reach_lane_secret_arns: vec![],
        defaults: StackDefaults {
            application_secret_arn: "the stack's secret".to_owned(),
            kms_key_id: "the stack's key".to_owned(),
        },
    }
}

/// What the step answers to a batch of SQS messages, and every request that it sends, in order, without its reports.
async fn receive(ssm: &[Value], states: &[Rule], bodies: &[String]) -> (Result<Response, Error>, Vec<Value>) {
    let (answer, mut sent) = receive_at(1, ssm, states, bodies).await;
    sent.retain(|call| call["Action"] != "Publish");
    (answer, sent)
}

/// The same at some delivery, with its reports.
async fn receive_at(
    delivery: u32,
    ssm: &[Value],
    states: &[Rule],
    bodies: &[String],
) -> (Result<Response, Error>, Vec<Value>) {
    let (clients, calls) = clients(ssm, states);
    let record = |(at, body)| {
        json!({
            "messageId": format!("message-{at}"), "body": body, "eventSource": "aws:sqs",
            "attributes": {"ApproximateReceiveCount": delivery.to_string(), "SentTimestamp": "1"},
        })
    };
    let records = bodies.iter().enumerate().map(record).collect::<Vec<_>>();
    let answer = handle(&clients, &guard(), json!({ "Records": records })).await;
    let sent = calls.sent();
    (answer, sent)
}

fn clients(ssm: &[Value], states: &[Rule]) -> (Clients, Calls) {
    let calls = Calls::default();
    let published = mock!(aws_sdk_sns::Client::publish).then_output(|| PublishOutput::builder().build());
    let ssm = ssm_client(ssm, &calls);
    let states = mock_client!(aws_sdk_sfn, RuleMode::MatchAny, states, |config| {
        config.retry_config(RetryConfig::disabled()).interceptor(calls.clone())
    });
    let sns = mock_client!(aws_sdk_sns, RuleMode::MatchAny, [&published], |config| {
        config.retry_config(RetryConfig::disabled()).interceptor(calls.clone())
    });
    (Clients { ssm, states, sns }, calls)
}
