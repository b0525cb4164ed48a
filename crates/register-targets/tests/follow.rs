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
use test_support::{Calls, assert_fails, ec2, fault, the};

/// Somebody else's database, whose name leads to 10.0.0.4.
fn database() -> Rule {
    instances(&[instance_tagged("orders-prod", "10.0.0.4", [].into_iter())])
}

async fn look(targets: Rule, rds: Rule, last: &str) -> (Result<Response, Error>, Vec<Value>) {
    let request = json!({
        "dbInstanceIdentifier": "orders-prod", "targetGroupArn": LANES[0],
        "stage": {"seconds": 30, "looks": 2, "status": last},
    });
    let [registered, deregistered] = taken();
    look_with(&[targets, registered, deregistered], &[rds], request).await
}

async fn look_with(elb: &[Rule], rds: &[Rule], request: Value) -> (Result<Response, Error>, Vec<Value>) {
    let (calls, all, once) = (Calls::default(), RuleMode::MatchAny, RetryConfig::disabled());
    let elb = mock_client!(aws_sdk_elasticloadbalancingv2, all, elb, |it| it
        .retry_config(once.clone())
        .interceptor(calls.clone()));
    let rds = mock_client!(aws_sdk_rds, all, rds, |it| it.interceptor(calls.clone()));
    let subnets = "<r><subnetSet><item><cidrBlock>10.0.0.0/24</cidrBlock></item></subnetSet></r>";
    let clients = Clients { elb, rds, ec2: ec2(&[subnets], &calls) };
    let answer = handle(&clients, request).await;
    (answer, calls.sent())
}

fn changes(sent: &[Value]) -> usize {
    sent.iter().filter(|it| !it["Action"].as_str().unwrap().starts_with("Describe")).count()
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
    let (answer, sent) = look(targets(0, &[("10.0.0.4", 5432, "healthy")]), database(), "settled").await;
    assert!(answer.unwrap().look.done);
    assert_eq!(changes(&sent), 0);
}

#[tokio::test]
async fn a_database_that_is_gone_is_told_and_its_target_left() {
    let gone =
        mock!(Rds::describe_db_instances).then_http_response(|| fault(404, "DBInstanceNotFound", "gone"));
    let (answer, sent) = look(targets(0, &[("10.0.0.4", 5432, "healthy")]), gone, "").await;
    assert_fails(answer, "Snapferry.DbInstanceNotFound", "orders-prod");
    assert_eq!(changes(&sent), 0);
}

#[tokio::test]
async fn bad_input_is_invalid_request() {
    let (answer, sent) = look_with(&[], &[], json!({"stage": {}, "surprise": 1})).await;
    assert_fails(answer, "Snapferry.InvalidRequest", "surprise");
    assert!(sent.is_empty());
}
