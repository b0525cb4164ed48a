//! `RegisterTargets` on the real clients: what it answers, and every request that it sends.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use aws_sdk_elasticloadbalancingv2::Client as Elb;
use aws_sdk_elasticloadbalancingv2::config::retry::RetryConfig;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use register_targets::Error;
use register_targets::register_targets::{Clients, Response, handle};
use serde_json::{Value, json};
use support::*;
use test_support::{Calls, assert_fails, ec2, fault, the};

const OWN: &str = "orders-20261120t160812z-3f9a";
const OLDER: &str = "orders-20261119t160812z-2222";
const LIVE: &str = "orders-20261118t160812z-1111";

/// The copy at 10.0.0.4, an older one at 10.0.0.2, and the live one at 10.0.0.3.
fn copies() -> Rule {
    instances(&[instance(OWN, "10.0.0.4"), instance(OLDER, "10.0.0.2"), instance(LIVE, "10.0.0.3")])
}

fn live() -> Value {
    json!({"dbInstanceIdentifier": LIVE, "host": "10.0.0.3", "port": 6001})
}

fn request() -> Value {
    json!({
        "replication": "orders", "run": "20261120t160812z-3f9a", "reach": reach(), "applicationSecretArn": "the secret",
        "cutoverGraceHours": 24, "stageDeadlineSeconds": 3600, "stage": {},
    })
}

/// One look with these targets in both lanes, and what was sent.
async fn look(
    lanes: [Rule; 2],
    rds: Rule,
    secrets: [Rule; 2],
    request: Value,
) -> (Result<Response, Error>, Vec<Value>) {
    let calls = Calls::default();
    let mut elb = groups("snapferry:reach");
    elb.extend(lanes);
    elb.extend(taken());
    look_with(&elb, &[rds], &secrets, request, calls).await
}

async fn look_with(
    elb: &[Rule],
    rds: &[Rule],
    secrets: &[Rule],
    request: Value,
    calls: Calls,
) -> (Result<Response, Error>, Vec<Value>) {
    let (all, once) = (RuleMode::MatchAny, RetryConfig::disabled());
    let elb = mock_client!(aws_sdk_elasticloadbalancingv2, all, elb, |it| it
        .retry_config(once.clone())
        .interceptor(calls.clone()));
    let rds = mock_client!(aws_sdk_rds, all, rds, |it| it.interceptor(calls.clone()));
    let secrets = mock_client!(aws_sdk_secretsmanager, all, secrets, |it| it.interceptor(calls.clone()));
    let subnets = "<r><subnetSet><item><cidrBlock>10.0.0.0/24</cidrBlock></item></subnetSet></r>";
    let clients = Clients { elb, rds, secrets, ec2: ec2(&[subnets], &calls) };
    (handle(&clients, request).await, calls.sent())
}

fn changes(sent: &[Value]) -> Vec<&Value> {
    let changes = ["RegisterTargets", "DeregisterTargets"];
    sent.iter().filter(|it| changes.contains(&it["Action"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn a_copy_is_registered_in_the_lane_that_the_live_copy_does_not_use() {
    let lanes = [targets(0, &[("10.0.0.3", 5432, "healthy")]), targets(1, &[("10.0.0.2", 5432, "healthy")])];
    let (answer, sent) = look(lanes, copies(), secret(live(), None), request()).await;
    let expected = json!({
        "Action": "RegisterTargets", "TargetGroupArn": LANES[1], "Targets.member.1.Id": "10.0.0.4",
        "Targets.member.1.Port": "5432",
    });
    assert_eq!(changes(&sent), [&expected]);
    assert_eq!(the("DescribeSubnets", &sent)["SubnetId.1"], "subnet-1");
    let answer = serde_json::to_value(answer.unwrap()).unwrap();
    assert_eq!(
        [&answer["done"], &answer["lane"], &answer["paths"]],
        [&json!(false), &Value::Null, &json!([])]
    );
}

#[tokio::test]
async fn an_outlived_copy_is_deregistered_with_its_port_once_the_new_one_is_healthy() {
    let both = &[("10.0.0.2", 5432, "healthy"), ("10.0.0.4", 5432, "healthy")];
    let lanes = [targets(0, &[("10.0.0.3", 5432, "healthy")]), targets(1, both)];
    let mut request = request();
    request["stage"] = json!({"seconds": 30, "looks": 2, "status": "healthy"});
    let (answer, sent) = look(lanes, copies(), secret(live(), None), request).await;
    let expected = json!({
        "Action": "DeregisterTargets", "TargetGroupArn": LANES[1], "Targets.member.1.Id": "10.0.0.2",
        "Targets.member.1.Port": "5432",
    });
    assert_eq!(changes(&sent), [&expected]);
    assert!(!answer.unwrap().look.done);
}

#[tokio::test]
async fn repeating_a_finished_step_changes_nothing() {
    let lanes = [targets(0, &[("10.0.0.3", 5432, "healthy")]), targets(1, &[("10.0.0.4", 5432, "healthy")])];
    let (answer, sent) = look(lanes, copies(), secret(live(), None), request()).await;
    assert_eq!(changes(&sent), [&json!(null); 0]);
    let answer = serde_json::to_value(answer.unwrap()).unwrap();
    let held_in = json!({"targetGroup": {"targetGroupArn": LANES[1], "targetIds": ["10.0.0.4"]}});
    let lane = json!({"address": "nlb.example", "host": "10.0.0.4", "port": 6002, "heldIn": held_in});
    let paths = json!([{"address": "nlb.example", "port": 6002, "tls": "verifyFull"}]);
    assert_eq!([&answer["done"], &answer["live"]], [&json!(true), &json!(false)]);
    assert_eq!([&answer["lane"], &answer["paths"]], [&lane, &paths]);
}

#[tokio::test]
async fn a_host_of_ones_own_is_what_applications_find() {
    let lanes = [targets(0, &[("10.0.0.3", 5432, "healthy")]), targets(1, &[("10.0.0.4", 5432, "healthy")])];
    let mut request = request();
    request["reach"]["networkLoadBalancer"]["host"] = json!("db.shop.example");
    request["reach"]["networkLoadBalancer"]["tls"] = json!("verifyCa");
    let answer = look(lanes, copies(), secret(live(), None), request).await.0.unwrap();
    let answer = serde_json::to_value(answer).unwrap();
    assert_eq!(answer["lane"]["host"], "db.shop.example");
    assert_eq!(answer["paths"][0]["tls"], "verifyCa");
}

#[tokio::test]
async fn the_live_copy_is_known_by_its_host_too_and_a_copy_within_the_grace_keeps_its_lane() {
    // The secret names no DB instance, and another port than the lane's.
    let by_host = json!({"host": "10.0.0.3", "port": 5432});
    let lanes =
        || [targets(0, &[("10.0.0.3", 5432, "healthy")]), targets(1, &[("10.0.0.2", 5432, "healthy")])];
    let (_, sent) = look(lanes(), copies(), secret(by_host, None), request()).await;
    assert_eq!(changes(&sent)[0]["TargetGroupArn"], LANES[1]);

    let run = replication::Run::from_identifier(OLDER).unwrap();
    let mut tags = run.tags();
    for (at, expected) in [("2999-01-01T00:00:00Z", 0), ("yesterday", 0), ("2020-01-01T00:00:00Z", 1)] {
        tags.insert("snapferry:last-live".to_owned(), at.to_owned());
        let pairs = tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let older = instance_tagged(OLDER, "10.0.0.2", pairs);
        let all = instances(&[instance(OWN, "10.0.0.4"), older, instance(LIVE, "10.0.0.3")]);
        let (answer, sent) = look(lanes(), all, secret(live(), None), request()).await;
        assert_eq!(changes(&sent).len(), expected, "{at}: {}", answer.unwrap().look.reason);
    }
}

#[tokio::test]
async fn a_run_that_is_pinned_out_takes_no_lane() {
    let lanes = [targets(0, &[("10.0.0.3", 5432, "healthy")]), targets(1, &[])];
    let pinned = secret(live(), Some("20261118t160812z-1111"));
    let (answer, sent) = look(lanes, copies(), pinned, request()).await;
    let answer = answer.unwrap();
    assert!(answer.look.done && answer.lane.is_none() && answer.paths.is_empty());
    assert!(changes(&sent).is_empty());
}

#[tokio::test]
async fn a_secret_that_says_nothing_leaves_every_copy_its_lane() {
    let lanes = [targets(0, &[("10.0.0.3", 5432, "healthy")]), targets(1, &[("10.0.0.2", 5432, "healthy")])];
    let (answer, sent) = look(lanes, copies(), secret(json!("not an object"), None), request()).await;
    assert!(changes(&sent).is_empty());
    let reason = answer.unwrap().look.reason;
    assert!(reason.contains("every lane is taken") && reason.contains("perhaps live"), "{reason}");
}

#[tokio::test]
async fn an_instance_that_is_gone_or_somebody_elses_and_a_lane_that_is_none_are_told() {
    let lanes = || [targets(0, &[]), targets(1, &[])];
    let gone = instances(&[instance(LIVE, "10.0.0.3")]);
    let (answer, _) = look(lanes(), gone, secret(live(), None), request()).await;
    assert_fails(answer, "Snapferry.DbInstanceNotFound", OWN);
    let foreign = instances(&[instance_tagged(OWN, "10.0.0.4", [].into_iter())]);
    let (answer, _) = look(lanes(), foreign, secret(live(), None), request()).await;
    assert_fails(answer, "Snapferry.DbInstanceNotOurs", OWN);
    let calls = Calls::default();
    let untagged = groups("team");
    let (answer, sent) = look_with(&untagged, &[copies()], &secret(live(), None), request(), calls).await;
    assert_fails(answer, "Snapferry.ReachNotUsable", "snapferry:reach");
    assert!(changes(&sent).is_empty());
}

#[tokio::test]
async fn a_throttled_call_is_retried_by_the_machine_and_a_denied_one_is_told() {
    for (code, name) in [("Throttling", "Snapferry.ElbUnavailable"), ("AccessDenied", "Snapferry.ElbRefused")]
    {
        let refused = mock!(Elb::register_targets).then_http_response(move || fault(400, code, "said ELB"));
        let mut elb = groups("snapferry:reach");
        elb.extend([targets(0, &[]), targets(1, &[]), refused]);
        let (answer, _) =
            look_with(&elb, &[copies()], &secret(live(), None), request(), Calls::default()).await;
        assert_fails(answer, name, "RegisterTargets failed");
    }
}

#[tokio::test]
async fn bad_input_is_invalid_request() {
    for (field, value) in [("surprise", json!(1)), ("run", json!("today")), ("reach", json!({}))] {
        let mut request = request();
        request[field] = value;
        let (answer, sent) = look_with(&[], &[], &[], request, Calls::default()).await;
        assert_fails(answer, "Snapferry.InvalidRequest", field);
        assert!(sent.is_empty());
    }
}
