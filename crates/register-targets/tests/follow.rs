//! `FollowFailover` on the real clients: what it answers, and every request that it sends.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use aws_sdk_elasticloadbalancingv2::config::retry::RetryConfig;
use aws_sdk_rds::Client as Rds;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use register_targets::Error;
use register_targets::follow_failover::{Clients, Response, handle};
use serde_json::{Value, json};
use support::*;
use test_support::{Calls, assert_fails, ec2, fault, ssm, the};

const COPY: &str = "orders-20261120t160812z-3f9a";

/// Somebody else's database, whose name leads to 10.0.0.4.
fn database() -> Rule {
    instances(&[instance_tagged("orders-prod", "10.0.0.4", [].into_iter())])
}

fn request(last: &str) -> Value {
    json!({
        "follow": {"dbInstance": {"dbInstanceIdentifier": "orders-prod", "targetGroupArn": LANES[0]}},
        "stage": {"seconds": 30, "looks": 2, "status": last},
    })
}

async fn look(targets: Rule, rds: Rule, last: &str) -> (Result<Response, Error>, Vec<Value>) {
    look_with(&[targets], &[rds], &[], None, request(last)).await
}

/// One look with these settings of the replication.
async fn look_with(
    elb: &[Rule],
    rds: &[Rule],
    secrets: &[Rule],
    settings: Option<Value>,
    request: Value,
) -> (Result<Response, Error>, Vec<Value>) {
    let (calls, all, once) = (Calls::default(), RuleMode::MatchAny, RetryConfig::disabled());
    let elb = [elb, taken().as_slice()].concat();
    let elb = mock_client!(aws_sdk_elasticloadbalancingv2, all, &elb, |it| it
        .retry_config(once.clone())
        .interceptor(calls.clone()));
    let rds = mock_client!(aws_sdk_rds, all, rds, |it| it.interceptor(calls.clone()));
    let secrets = mock_client!(aws_sdk_secretsmanager, all, secrets, |it| it.interceptor(calls.clone()));
    let subnets = "<r><subnetSet><item><cidrBlock>10.0.0.0/24</cidrBlock></item></subnetSet></r>";
    let parameter = settings.map(|it| json!({"Parameter": {"Value": it.to_string()}}));
    let ssm = ssm(parameter.as_slice(), &calls);
    let clients = Clients { elb, rds, secrets, ssm, ec2: ec2(&[subnets], &calls) };
    (handle(&clients, request).await, calls.sent())
}

fn changes(sent: &[Value]) -> usize {
    let changes = ["RegisterTargets", "DeregisterTargets"];
    sent.iter().filter(|it| it["Action"].as_str().is_some_and(|it| changes.contains(&it))).count()
}

#[tokio::test]
async fn an_empty_group_gets_its_target_and_a_new_address_comes_before_the_old_one_goes() {
    let (answer, sent) = look(targets(0, &[]), database(), "").await;
    let registered = the("RegisterTargets", &sent);
    assert_eq!(
        [&registered["Targets.member.1.Id"], &registered["Targets.member.1.Port"]],
        ["10.0.0.4", "5432"]
    );
    assert!(!answer.unwrap().look.done);

    let both = || targets(0, &[("10.0.0.4", 5432, "healthy"), ("10.0.0.5", 5432, "unhealthy")]);
    let (answer, sent) = look(both(), database(), "").await;
    assert_eq!(changes(&sent), 0, "missing on one look alone");
    let last = answer.unwrap().look.waiting.status.unwrap();
    let (_, sent) = look(both(), database(), &last).await;
    let deregistered = the("DeregisterTargets", &sent);
    assert_eq!(deregistered["Targets.member.1.Id"], "10.0.0.5");
    assert_eq!(deregistered["Targets.member.1.Port"], "5432", "without it, AWS would do nothing");
}

#[tokio::test]
async fn repeating_a_finished_step_changes_nothing() {
    let (answer, sent) = look(targets(0, &[("10.0.0.4", 5432, "healthy")]), database(), "").await;
    assert!(answer.unwrap().look.done);
    assert_eq!(changes(&sent), 0);
}

#[tokio::test]
async fn a_database_that_is_gone_is_told_and_its_target_left() {
    let gone =
        || mock!(Rds::describe_db_instances).then_http_response(|| fault(404, "DBInstanceNotFound", "gone"));
    let (answer, sent) = look(targets(0, &[("10.0.0.4", 5432, "healthy")]), gone(), "").await;
    assert_fails(answer, "Snapferry.DbInstanceNotFound", "correct DbInstanceIdentifier of the stack");
    assert_eq!(changes(&sent), 0);
    let (answer, _) = look_with(&[], &[gone()], &live(6001), Some(settings(true)), of_replication()).await;
    assert_fails(answer, "Snapferry.DbInstanceNotFound", "Roll back to another copy");
}

#[tokio::test]
async fn a_database_without_an_endpoint_is_looked_at_by_the_next_minute() {
    let endpoint = "<Endpoint><Address>10.0.0.4</Address><Port>5432</Port></Endpoint>";
    let creating = instance_tagged("orders-prod", "10.0.0.4", [].into_iter()).replace(endpoint, "");
    let (answer, sent) = look(targets(0, &[]), instances(&[creating]), "").await;
    let look = answer.unwrap().look;
    assert!(look.done && look.reason.contains("has no endpoint"), "{}", look.reason);
    assert_eq!(changes(&sent), 0);
}

/// The live copy at 10.0.0.4; the secret says this port.
fn live(port: u16) -> [Rule; 2] {
    secret(json!({"dbInstanceIdentifier": COPY, "host": "10.0.0.4", "port": port}), None)
}

fn settings(with_reach: bool) -> Value {
    let source =
        json!({"accountId": "111111111111", "region": "us-east-1", "dbInstanceIdentifier": "orders-prod"});
    let mut settings = json!({"source": source, "applicationSecretArn": "the replication's own"});
    if with_reach {
        settings["reach"] = reach();
    }
    settings
}

fn of_replication() -> Value {
    let follow =
        json!({"replication": "orders", "applicationSecretArn": "the stack's", "targetGroupArns": LANES});
    json!({"follow": {"liveCopy": follow}, "stage": {}})
}

#[tokio::test]
async fn the_lane_that_the_secret_names_is_led_to_the_live_copy_and_no_other_lane_is_touched() {
    for (lane, port) in [(0, 6001), (1, 6002)] {
        let copy = instances(&[instance(COPY, "10.0.0.4")]);
        let lanes =
            [targets(0, &[("10.0.0.9", 5432, "unhealthy")]), targets(1, &[("10.0.0.9", 5432, "unhealthy")])];
        let (answer, sent) =
            look_with(&lanes, &[copy], &live(port), Some(settings(true)), of_replication()).await;
        let registered = the("RegisterTargets", &sent);
        assert_eq!(registered["TargetGroupArn"], LANES[lane]);
        assert_eq!(registered["Targets.member.1.Id"], "10.0.0.4");
        assert_eq!(changes(&sent), 1);
        assert!(!answer.unwrap().look.done);
        let read = sent.iter().find(|it| it["SecretId"].is_string()).unwrap();
        assert_eq!(read["SecretId"], "the replication's own");
        let read = sent.iter().find(|it| it["Name"].is_string()).unwrap();
        assert_eq!(read["Name"], "/snapferry/replications/orders");
    }
}

#[tokio::test]
async fn where_nothing_is_to_follow_the_look_ends_with_its_reason() {
    let check = async |settings: Value, secrets: [Rule; 2], part: &str| {
        let (answer, sent) = look_with(&[], &[], &secrets, Some(settings), of_replication()).await;
        let look = answer.unwrap().look;
        assert!(look.done && look.reason.contains(part), "{}", look.reason);
        assert_eq!(changes(&sent), 0);
    };
    check(settings(false), live(6001), "have no reach").await;
    check(settings(true), live(5432), "port 5432, which is no lane").await;
    check(settings(true), secret(json!({}), None), "names no copy").await;
    check(settings(true), secret(json!("no object"), None), "names no copy").await;
}

#[tokio::test]
async fn settings_that_are_wrong_or_name_a_group_that_the_stack_does_not_list_are_told() {
    let mut request = of_replication();
    request["follow"]["liveCopy"]["targetGroupArns"] = json!([LANES[0]]);
    let (answer, sent) = look_with(&[], &[], &live(6001), Some(settings(true)), request).await;
    assert_fails(answer, "Snapferry.InvalidSettings", "is not among the stack's ReachTargetGroupArns");
    assert_eq!(changes(&sent), 0);
    let (answer, _) = look_with(&[], &[], &live(6001), Some(json!({})), of_replication()).await;
    assert_fails(answer, "Snapferry.InvalidSettings", "/snapferry/replications/orders");
}

#[tokio::test]
async fn bad_input_is_invalid_request() {
    let check = async |request: Value, part: &str| {
        let (answer, sent) = look_with(&[], &[], &[], None, request).await;
        assert_fails(answer, "Snapferry.InvalidRequest", part);
        assert!(sent.is_empty());
    };
    check(json!({"stage": {}, "surprise": 1}), "surprise").await;
    check(json!({"stage": {}, "follow": {}}), "follow").await;
    check(json!({"stage": {}, "follow": {"dbCluster": {}}}), "dbCluster").await;
    let mut request = of_replication();
    request["follow"]["liveCopy"]["replication"] = json!("No Name");
    check(request, "replication").await;
}
