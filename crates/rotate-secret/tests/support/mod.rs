//! What the tests of both steps share: the clients, the answers that they get, and what must never be said.

use aws_sdk_rds::config::retry::RetryConfig;
use aws_sdk_rds::operation::add_tags_to_resource::AddTagsToResourceOutput;
use aws_sdk_rds::operation::describe_db_instances::DescribeDbInstancesOutput;
use aws_sdk_rds::types::{DbInstance, Endpoint, Tag, builders::DbInstanceBuilder};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use replication::Run;
use serde_json::{Value, json};
use test_support::{Calls, json_answer};

pub const IDENTIFIER: &str = "orders-20261120t160812z-3f9a";
pub const SECRET: &str = "snapferry/orders/20261120t160812z-3f9a";

/// What both steps are asked alike.
pub fn request() -> Value {
    json!({
        "replication": "orders", "run": "20261120t160812z-3f9a", "stageDeadlineSeconds": 86_400, "stage": {},
    })
}

/// A DB instance that a run of `orders` made.
pub fn made_by_run(identifier: &str) -> DbInstanceBuilder {
    let tags = Run::from_identifier(identifier).unwrap().tags();
    let tags = tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    DbInstance::builder()
        .db_instance_identifier(identifier)
        .db_instance_arn(format!("arn:aws:rds:us-east-1:222222222222:db:{identifier}"))
        .set_tag_list(Some(tags))
        .endpoint(Endpoint::builder().address("db.example").port(5432).build())
        .engine("postgres")
        .master_username("orders_master")
        .db_instance_status("available")
}

pub fn instance(it: DbInstanceBuilder) -> Rule {
    let it = it.build();
    let identifier = it.db_instance_identifier.clone();
    mock!(aws_sdk_rds::Client::describe_db_instances)
        .match_requests(move |request| request.db_instance_identifier() == identifier.as_deref())
        .then_output(move || DescribeDbInstancesOutput::builder().db_instances(it.clone()).build())
}

/// Tags are taken.
pub fn tagged() -> Rule {
    mock!(aws_sdk_rds::Client::add_tags_to_resource)
        .then_output(|| AddTagsToResourceOutput::builder().build())
}

/// The version of a secret that is current.
pub fn secret(name: &'static str, version: &str, text: &str) -> Rule {
    secret_answer(name, json!({"Name": name, "VersionId": version, "SecretString": text}))
}

pub fn no_secret(name: &'static str) -> Rule {
    secret_answer(name, json!({"__type": "ResourceNotFoundException"}))
}

pub fn secret_answer(name: &'static str, answer: Value) -> Rule {
    mock!(aws_sdk_secretsmanager::Client::get_secret_value)
        .match_requests(move |it| it.secret_id() == Some(name) && it.version_stage() == Some("AWSCURRENT"))
        .then_http_response(move || json_answer(&answer))
}

/// A password that every encoding changes.
pub const PASSWORD: &str = "it's \"$afe\"\\ %/+ö";

/// Raw, as JSON, in a URL, in base64.
pub fn assert_not_told(text: &str) {
    let json = Value::from(PASSWORD).to_string();
    let twice = Value::from(json.trim_matches('"')).to_string();
    for encoded in [
        PASSWORD.to_owned(),
        format!("{PASSWORD:?}").trim_matches('"').to_owned(),
        json.trim_matches('"').to_owned(),
        twice.trim_matches('"').to_owned(),
        form_urlencoded::byte_serialize(PASSWORD.as_bytes()).collect(),
        aws_smithy_types::base64::encode(PASSWORD),
    ] {
        assert!(!text.contains(&encoded), "{text} tells the password as {encoded}");
    }
}

/// The value that a call writes.
pub fn value_of(call: &Value) -> Value {
    serde_json::from_str(call["SecretString"].as_str().unwrap()).unwrap()
}

/// Both clients, and every request to either as it goes over the wire, in order.
pub fn clients(
    rds: &[Rule],
    secrets: &[Rule],
) -> (aws_sdk_rds::Client, aws_sdk_secretsmanager::Client, Calls) {
    let calls = Calls::default();
    let rds = mock_client!(aws_sdk_rds, RuleMode::MatchAny, rds, |config| {
        config.retry_config(RetryConfig::disabled()).interceptor(calls.clone())
    });
    let secrets = mock_client!(aws_sdk_secretsmanager, RuleMode::MatchAny, secrets, |config| {
        config.retry_config(RetryConfig::disabled()).interceptor(calls.clone())
    });
    (rds, secrets, calls)
}
