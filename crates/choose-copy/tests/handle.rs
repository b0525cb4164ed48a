//! `ChooseCopy` on the real clients: what it answers, and every request that it sends.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use aws_sdk_rds::Client as Rds;
use aws_sdk_rds::config::retry::RetryConfig;
use aws_sdk_rds::operation::start_db_instance::StartDbInstanceOutput;
use aws_sdk_secretsmanager::Client as Secrets;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use choose_copy::{Clients, Error, Response, handle};
use replication::Run;
use serde_json::{Value, json};
use test_support::{Calls, actions, assert_fails, json_answer, rds_fault, xml_answer};

const OLDEST: &str = "orders-20261118t160812z-1111";
const OLDER: &str = "orders-20261119t160812z-2222";
const LIVE: &str = "orders-20261120t160812z-3333";
const STACKS_SECRET: &str = "arn:aws:secretsmanager:us-east-1:222222222222:secret:orders-AbCdEf";
const LOOKS: [&str; 3] = ["GetParameter", "DescribeDBInstances", "GetSecretValue"];

#[tokio::test]
async fn the_previous_copy_is_chosen_with_all_that_the_next_steps_need() {
    let (answer, sent) = look(&three(), &[live(LIVE)], request("previous")).await;
    assert_eq!(actions(&sent), LOOKS);
    assert_eq!(sent[0]["Name"], "/snapferry/replications/orders");
    let answer = serde_json::to_value(answer.unwrap()).unwrap();
    let expected = json!({
        "done": true, "run": "20261119t160812z-2222", "wasLive": false, "pin": "set",
        "dbInstanceIdentifier": OLDER, "secretId": "snapferry/orders/20261119t160812z-2222",
        "applicationSecretArn": STACKS_SECRET,
        "applicationSecret": {"templates": {}, "acceptedStaleKeys": []}, "vpcSecurityGroupIds": [], "deletionProtection": null,
        "backupRetentionPeriod": null, "dbParameterGroupName": null, "reach": null, "cutoverGraceHours": 24,
        "stageDeadlineSeconds": 86_400,
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(answer[key], *value, "{key}");
    }
    let (answer, _) = look(&three(), &[live(OLDER)], request("latest")).await;
    let answer = serde_json::to_value(answer.unwrap()).unwrap();
    assert_eq!([&answer["run"], &answer["pin"]], ["20261120t160812z-3333", "release"]);
}

#[tokio::test]
async fn later_looks_stay_with_the_chosen_run_whatever_goes_live_meanwhile() {
    let mut request = request("previous");
    request["chosen"] = json!("20261118t160812z-1111");
    for (live_now, was_live) in [(LIVE, false), (OLDER, false), ("orders-20261118t160812z-1111", true)] {
        let answer = look(&three(), &[live(live_now)], request.clone()).await.0.unwrap();
        assert_eq!((answer.run.as_str(), answer.was_live), ("20261118t160812z-1111", was_live), "{live_now}");
    }
}

#[tokio::test]
async fn a_stopped_instance_is_started_and_nothing_else_is_changed() {
    let stopped = instances(&[instance(OLDER, "stopped", &["snapferry:proven"]), proven(LIVE)]);
    let taken = mock!(Rds::start_db_instance).then_output(|| StartDbInstanceOutput::builder().build());
    let (answer, sent) = look(&[stopped.clone(), taken], &[live(LIVE)], request("previous")).await;
    assert!(!answer.unwrap().look.done);
    assert_eq!(sent[3..], [json!({"Action": "StartDBInstance", "DBInstanceIdentifier": OLDER})]);

    let started = mock!(Rds::start_db_instance).then_http_response(|| rds_fault("InvalidDBInstanceState"));
    let (answer, _) = look(&[stopped, started], &[live(LIVE)], request("previous")).await;
    assert!(!answer.unwrap().look.done, "somebody else started it");
}

#[tokio::test]
async fn only_proven_copies_of_this_replication_are_a_way_back() {
    let others = instances(&[
        instance(OLDER, "available", &[]),
        instance("payroll-20261119t160812z-2222", "available", &["snapferry:proven"]),
        // Restored by hand from a copy's snapshot, with all its tags.
        instance("orders-rescue", "available", &["snapferry:proven"]),
        proven(LIVE),
    ]);
    let (answer, _) = look(&[others], &[live(LIVE)], request("previous")).await;
    assert_fails(answer, "Snapferry.NoCopyToGoTo", "no copy before the live one");
}

#[tokio::test]
async fn a_live_copy_that_is_not_known_leaves_the_newest_copy_to_go_to() {
    let says =
        |answer: Value| mock!(Secrets::get_secret_value).then_http_response(move || json_answer(&answer));
    for answer in [
        json!({"SecretString": r#"{"host": "legacy.example"}"#}),
        json!({"SecretString": r#"{"dbInstanceIdentifier": "orders-legacy"}"#}),
        json!({"SecretString": "not JSON"}),
        json!({"__type": "ResourceNotFoundException"}),
    ] {
        let (answer, _) = look(&three(), &[says(answer)], request("previous")).await;
        assert_eq!(answer.unwrap().run.as_str(), "20261120t160812z-3333");
    }
}

#[tokio::test]
async fn the_settings_own_secret_wins_and_unreadable_settings_are_told() {
    let own = "arn:aws:secretsmanager:us-east-1:222222222222:secret:own-AbCdEf";
    let mut document = settings();
    document["applicationSecretArn"] = json!(own);
    let lane = |name: &str, port: u16| {
        let arn = format!(
            "arn:aws:elasticloadbalancing:us-east-1:222222222222:targetgroup/{name}/0123456789abcdef"
        );
        json!({"targetGroupArn": arn, "port": port})
    };
    let reach = json!({"networkLoadBalancer": {"lanes": [lane("a", 6001), lane("b", 6002)]}});
    document["reach"] = reach.clone();
    document["retention"] = json!({"cutoverGraceHours": 2});
    document["applicationSecret"] = json!({"applicationUser": "master", "acceptedStaleKeys": ["OLD_HOST"]});
    let (answer, sent) =
        look_with(&three(), &[live(LIVE)], &[parameter(&document.to_string())], request("previous")).await;
    let answer = answer.unwrap();
    assert_eq!(answer.application_secret_arn, own);
    assert!(answer.application_secret.accepted_stale_keys.contains("OLD_HOST"));
    assert_eq!(answer.reach, Some(serde_json::from_value(reach).unwrap()));
    assert_eq!(answer.cutover_grace_hours.as_i32(), 2);
    assert_eq!(sent[2]["SecretId"], own);

    let missing = json!({"__type": "ParameterNotFound"});
    for (rule, message) in [
        (missing, "put them in SSM parameter /snapferry/replications/orders"),
        (parameter("{}"), "missing field `source`"),
        (parameter("nonsense"), "not JSON"),
    ] {
        let (answer, _) = look_with(&[], &[], &[rule], request("previous")).await;
        assert_fails(answer, "Snapferry.InvalidSettings", message);
    }
}

#[tokio::test]
async fn repeating_a_finished_step_changes_nothing() {
    let stopped = instances(&[instance(OLDER, "stopped", &["snapferry:proven"]), proven(LIVE)]);
    let taken = mock!(Rds::start_db_instance).then_output(|| StartDbInstanceOutput::builder().build());
    let (answer, sent) = look(&[stopped, taken], &[live(LIVE)], request("previous")).await;
    let answer = answer.unwrap();
    assert_eq!(sent[3]["DBInstanceIdentifier"], OLDER);

    // It runs now. There is no rule for a call that changes anything: the mock panics on one.
    let mut request = request("previous");
    (request["chosen"], request["stage"]) = (json!(answer.run), json!(answer.look.waiting));
    for _ in 0..2 {
        let (answer, sent) = look(&three(), &[live(LIVE)], request.clone()).await;
        let answer = answer.unwrap();
        assert!(answer.look.done);
        assert_eq!(answer.db_instance_identifier, OLDER);
        assert_eq!(actions(&sent), LOOKS);
        request["stage"] = json!(answer.look.waiting);
    }
}

#[tokio::test]
async fn bad_input_is_invalid_request() {
    for (field, value, message) in [
        ("to", json!("yesterday"), "`to`: \"yesterday\" is not a run"),
        ("replication", json!("Orders"), "`replication`: \"Orders\" is not a replication name"),
        ("stage", json!({"looks": "two"}), "`stage.looks`: invalid type"),
        ("delete", json!(true), "`delete`: unknown field"),
    ] {
        let mut request = request("previous");
        request[field] = value;
        let (answer, sent) = look_with(&[], &[], &[], request).await;
        assert_fails(answer, "Snapferry.InvalidRequest", message);
        assert!(sent.is_empty());
    }
}

#[tokio::test]
async fn throttling_is_retryable_and_a_refusal_is_not() {
    for (code, name) in [("Throttling", "Snapferry.RdsUnavailable"), ("AccessDenied", "Snapferry.RdsRefused")]
    {
        let refused = mock!(Rds::describe_db_instances).then_http_response(move || rds_fault(code));
        let (answer, _) = look(&[refused], &[], request("previous")).await;
        assert_fails(answer, name, &format!("DescribeDBInstances failed: {code}"));
    }
}

fn request(to: &str) -> Value {
    json!({"replication": "orders", "to": to, "applicationSecretArn": STACKS_SECRET, "stage": {}})
}

fn settings() -> Value {
    let source =
        json!({"accountId": "111111111111", "region": "us-east-1", "dbInstanceIdentifier": "orders-prod"});
    json!({ "source": source })
}

fn parameter(text: &str) -> Value {
    json!({"Parameter": {"Value": text}})
}

fn live(identifier: &str) -> Rule {
    let answer = json!({"SecretString": json!({"dbInstanceIdentifier": identifier}).to_string()});
    mock!(Secrets::get_secret_value).then_http_response(move || json_answer(&answer))
}

fn three() -> [Rule; 1] {
    [instances(&[proven(OLDEST), proven(OLDER), proven(LIVE)])]
}

fn proven(identifier: &str) -> String {
    instance(identifier, "available", &["snapferry:proven"])
}

/// A DB instance with the three tags of a run of `orders`, and more.
fn instance(identifier: &str, status: &str, more: &[&str]) -> String {
    let mut tags =
        Run::from_identifier(identifier).unwrap_or_else(|| Run::from_identifier(OLDER).unwrap()).tags();
    tags.extend(more.iter().map(|key| ((*key).to_owned(), "2026-11-20T18:00:00Z".to_owned())));
    let tag = |(key, value)| format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>");
    let tags = tags.iter().map(tag).collect::<String>();
    format!(
        "<DBInstance><DBInstanceIdentifier>{identifier}</DBInstanceIdentifier>\
         <DBInstanceStatus>{status}</DBInstanceStatus><TagList>{tags}</TagList></DBInstance>"
    )
}

fn instances(list: &[String]) -> Rule {
    let result = format!(
        "<DescribeDBInstancesResult><DBInstances>{}</DBInstances></DescribeDBInstancesResult>",
        list.concat()
    );
    let answer = format!("<DescribeDBInstancesResponse>{result}</DescribeDBInstancesResponse>");
    mock!(Rds::describe_db_instances).then_http_response(move || xml_answer(200, &answer))
}

/// What the step answers, and every request that it sends, in order.
async fn look(rds: &[Rule], secrets: &[Rule], request: Value) -> (Result<Response, Error>, Vec<Value>) {
    look_with(rds, secrets, &[parameter(&settings().to_string())], request).await
}

async fn look_with(
    rds: &[Rule],
    secrets: &[Rule],
    ssm: &[Value],
    request: Value,
) -> (Result<Response, Error>, Vec<Value>) {
    let calls = Calls::default();
    let no_retries = RetryConfig::disabled;
    let clients = Clients {
        rds: mock_client!(aws_sdk_rds, RuleMode::MatchAny, rds, |config| {
            config.retry_config(no_retries()).interceptor(calls.clone())
        }),
        secrets: mock_client!(aws_sdk_secretsmanager, RuleMode::MatchAny, secrets, |config| {
            config.retry_config(no_retries()).interceptor(calls.clone())
        }),
        ssm: test_support::ssm(ssm, &calls),
    };
    let answer = handle(&clients, request).await;
    (answer, calls.sent())
}
