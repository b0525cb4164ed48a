//! A promotion in the tests: the application's secret, the copy and its own secret, and one look at them.

mod application;
mod lane;
mod opening;

use crate::support::*;
use aws_sdk_rds::types::{Tag, builders::DbInstanceBuilder};
use aws_sdk_secretsmanager::Client as Secrets;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use rotate_secret::Error;
use rotate_secret::promote_secret::{Clients, Response, handle};
use serde_json::{Value, json};
use test_support::json_answer;

pub const APPLICATION: &str = "arn:aws:secretsmanager:us-east-1:222222222222:secret:orders-AbCdEf";
pub const OUTGOING: &str = "orders-20261119t160812z-1111";
pub const OUTGOING_SECRET: &str = "snapferry/orders/20261119t160812z-1111";

pub fn request_to_promote() -> Value {
    let mut request = request();
    request["applicationSecretArn"] = json!(APPLICATION);
    request["vpcSecurityGroupIds"] = json!([]);
    request["loginChecked"] = json!(true);
    request
}

/// What the step answers to its first look, and every request that it sends, in order.
pub async fn look(rds: &[Rule], secrets: &[Rule]) -> (Result<Response, Error>, Vec<Value>) {
    look_with(rds, secrets, request_to_promote()).await
}

pub async fn look_with(
    rds: &[Rule],
    secrets: &[Rule],
    request: Value,
) -> (Result<Response, Error>, Vec<Value>) {
    look_by_lane(&[], rds, secrets, request).await
}

/// The same with what the load balancer answers.
pub async fn look_by_lane(
    elb: &[Rule],
    rds: &[Rule],
    secrets: &[Rule],
    request: Value,
) -> (Result<Response, Error>, Vec<Value>) {
    let (rds, secrets, calls) = clients(&[rds, &[tagged()]].concat(), secrets);
    let elb = mock_client!(aws_sdk_elasticloadbalancingv2, RuleMode::MatchAny, elb, |config| {
        config.interceptor(calls.clone())
    });
    let answer = handle(&Clients { elb, rds, secrets }, request).await;
    (answer, calls.sent())
}

/// AWSCURRENT was moved to the copy; that it stays there is for the next look to see.
pub fn assert_moved(answer: Result<Response, Error>) {
    let answer = assert_waits(answer);
    assert_eq!(answer.look.reason, "moved AWSCURRENT: looking again");
    assert_eq!(answer.look.wait_seconds, 1, "the move has its effect at once");
}

pub fn assert_waits(answer: Result<Response, Error>) -> Response {
    let answer = answer.unwrap();
    assert!(!answer.look.done && answer.look.wait_seconds > 0, "{:?}", answer.look);
    answer
}

/// A copy that an earlier look found fit to go live.
pub fn copy() -> Rule {
    instance(proven(made_by_run(IDENTIFIER)))
}

pub fn proven(it: DbInstanceBuilder) -> DbInstanceBuilder {
    it.tag_list(Tag::builder().key("snapferry:proven").value("2026-11-20T18:00:00Z").build())
}

pub fn assert_tagged_with_time(tag: &Value, instance: &str, key: &str) {
    assert_eq!(tag["ResourceName"], format!("arn:aws:rds:us-east-1:222222222222:db:{instance}"));
    assert_eq!(tag["Tags.Tag.1.Key"], key);
    assert!(tag["Tags.Tag.1.Value"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{tag}");
    assert_eq!(tag.get("Tags.Tag.2.Key"), None);
}

/// Secrets in which nothing forbids the promotion; the application's says `present`.
pub fn world(present: &Value) -> Vec<Rule> {
    let application = secret(APPLICATION, "v-present", &present.to_string());
    vec![described(json!({})), application, own_secret(), put(), moved()]
}

pub fn described(answer: Value) -> Rule {
    mock!(Secrets::describe_secret)
        .match_requests(|request| request.secret_id() == Some(APPLICATION))
        .then_http_response(move || json_answer(&answer))
}

/// What the copy's secret says.
pub fn own() -> Value {
    json!({
        "engine": "postgres", "host": "db.example", "port": 5432, "username": "orders_master",
        "password": PASSWORD, "dbInstanceIdentifier": IDENTIFIER,
    })
}

pub fn own_secret() -> Rule {
    secret(SECRET, "v-own", &own().to_string())
}

pub fn put() -> Rule {
    mock!(Secrets::put_secret_value).then_http_response(|| json_answer(&json!({})))
}

pub fn moved() -> Rule {
    mock!(Secrets::update_secret_version_stage).then_http_response(|| json_answer(&json!({})))
}
