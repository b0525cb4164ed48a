//! `CheckReach` on the real clients: what it answers, and every request that it sends.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use aws_sdk_elasticloadbalancingv2::Client as Elb;
use aws_sdk_elasticloadbalancingv2::config::retry::RetryConfig;
use aws_sdk_rds::Client as Rds;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use register_targets::Error;
use register_targets::check_reach::{Response, handle};
use serde_json::{Value, json};
use support::*;
use test_support::{Calls, assert_fails, fault, the, xml_answer};

fn request() -> Value {
    json!({"reach": reach(), "dbSubnetGroupName": "private"})
}

fn subnet_group(vpc_id: &'static str) -> Rule {
    mock!(Rds::describe_db_subnet_groups).then_http_response(move || {
        let group = format!(
            "<DBSubnetGroups><DBSubnetGroup><VpcId>{vpc_id}</VpcId></DBSubnetGroup></DBSubnetGroups>"
        );
        let result = format!("<DescribeDBSubnetGroupsResult>{group}</DescribeDBSubnetGroupsResult>");
        xml_answer(200, &format!("<DescribeDBSubnetGroupsResponse>{result}</DescribeDBSubnetGroupsResponse>"))
    })
}

async fn look(elb: &[Rule], rds: &[Rule], request: Value) -> (Result<Response, Error>, Vec<Value>) {
    let calls = Calls::default();
    let (all, once) = (RuleMode::MatchAny, RetryConfig::disabled());
    let elb = mock_client!(aws_sdk_elasticloadbalancingv2, all, elb, |it| it
        .retry_config(once.clone())
        .interceptor(calls.clone()));
    let rds = mock_client!(aws_sdk_rds, all, rds, |it| it.interceptor(calls.clone()));
    let answer = handle(&elb, &rds, request).await;
    (answer, calls.sent())
}

#[tokio::test]
async fn repeating_a_finished_step_changes_nothing() {
    let (answer, sent) = look(&groups("snapferry:reach"), &[subnet_group("vpc-1")], request()).await;
    assert_eq!(answer.unwrap(), Response { lanes: 2 });
    assert_eq!(the("DescribeDBSubnetGroups", &sent)["DBSubnetGroupName"], "private");
    let looks = |call: &Value| call["Action"].as_str().unwrap().starts_with("Describe");
    assert!(sent.len() == 9 && sent.iter().all(looks), "{sent:?}");
}

#[tokio::test]
async fn a_lane_that_no_copy_could_be_reached_by_is_refused() {
    let (answer, _) = look(&groups("snapferry:reach"), &[subnet_group("vpc-2")], request()).await;
    assert_fails(answer, "Snapferry.ReachNotUsable", "it is in vpc-1, but copies are in vpc-2");
    let (answer, _) = look(&groups("team"), &[subnet_group("vpc-1")], request()).await;
    assert_fails(answer, "Snapferry.ReachNotUsable", LANES[0]);
    let missing = mock!(Elb::describe_target_groups)
        .then_http_response(|| fault(400, "TargetGroupNotFound", "not found"));
    let (answer, _) = look(&[missing], &[subnet_group("vpc-1")], request()).await;
    assert_fails(answer, "Snapferry.ReachNotUsable", "does not exist in this account and Region");
}

#[tokio::test]
async fn a_subnet_group_that_is_not_there_or_not_named_is_restores_to_tell() {
    let missing = mock!(Rds::describe_db_subnet_groups)
        .then_http_response(|| fault(404, "DBSubnetGroupNotFoundFault", "not found"));
    assert!(look(&groups("snapferry:reach"), &[missing], request()).await.0.is_ok());
    let unnamed = json!({"reach": reach(), "dbSubnetGroupName": null});
    let (answer, sent) = look(&groups("snapferry:reach"), &[], unnamed).await;
    assert!(answer.is_ok() && sent.len() == 8, "{sent:?}");
}

#[tokio::test]
async fn bad_input_is_invalid_request() {
    let (answer, sent) = look(&[], &[], json!({"reach": reach(), "surprise": 1})).await;
    assert_fails(answer, "Snapferry.InvalidRequest", "surprise");
    assert!(sent.is_empty());
}
