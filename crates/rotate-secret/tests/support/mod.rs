//! What the tests of both steps share: the clients, the requests that they send, and what must never be said.

use aws_sdk_rds::config::http::HttpResponse;
use aws_sdk_rds::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_rds::config::retry::RetryConfig;
use aws_sdk_rds::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_rds::error::BoxError;
use aws_sdk_rds::operation::add_tags_to_resource::AddTagsToResourceOutput;
use aws_sdk_rds::operation::describe_db_instances::DescribeDbInstancesOutput;
use aws_sdk_rds::types::{DbInstance, Endpoint, Tag, builders::DbInstanceBuilder};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use lambda_runtime::Diagnostic;
use replication::Copy;
use rotate_secret::Error;
use serde_json::{Map, Value, json};
use std::sync::{Arc, Mutex};

pub const IDENTIFIER: &str = "orders-20261120t160812z-3f9a";
pub const SECRET: &str = "snapferry/orders/20261120t160812z-3f9a";

/// What both steps are asked alike.
pub fn request() -> Value {
    json!({
        "replication": "orders", "run": "20261120t160812z-3f9a",
        "settings": {
            "source": {"accountId": "111111111111", "region": "us-east-1", "dbInstanceIdentifier": "orders-prod"},
        },
        "stage": {},
    })
}

/// A DB instance that a run of `orders` made.
pub fn made_by_run(identifier: &str) -> DbInstanceBuilder {
    let tags = Copy::from_identifier(identifier).unwrap().tags();
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

/// An error as RDS sends it.
pub fn rds_fault(code: &str) -> HttpResponse {
    let error = format!("<Error><Type>Sender</Type><Code>{code}</Code><Message>said RDS</Message></Error>");
    HttpResponse::new(400.try_into().unwrap(), format!("<ErrorResponse>{error}</ErrorResponse>").into())
}

/// An answer as Secrets Manager sends it.
pub fn secrets_answer(answer: &Value) -> HttpResponse {
    let status: u16 = if answer.get("__type").is_some() { 400 } else { 200 };
    HttpResponse::new(status.try_into().unwrap(), answer.to_string().into())
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
        .then_http_response(move || secrets_answer(&answer))
}

pub fn assert_fails(error: Error, name: &str, message: &str) {
    let diagnostic = Diagnostic::from(error);
    assert_eq!(diagnostic.error_type, name, "{}", diagnostic.error_message);
    assert!(diagnostic.error_message.contains(message), "{} lacks {message}", diagnostic.error_message);
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

/// The names of calls, in order.
pub fn actions(sent: &[Value]) -> Vec<&str> {
    sent.iter().map(|call| call["Action"].as_str().unwrap()).collect()
}

/// The one call of that name.
pub fn the<'a>(action: &str, sent: &'a [Value]) -> &'a Value {
    let mut calls = sent.iter().filter(|call| call["Action"] == action);
    let call = calls.next().unwrap_or_else(|| panic!("no {action} in {sent:?}"));
    assert!(calls.next().is_none(), "more than one {action} in {sent:?}");
    call
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

/// Requests, parameter by parameter, with `Action` for both protocols.
#[derive(Debug, Clone, Default)]
pub struct Calls(Arc<Mutex<Vec<Value>>>);

impl Calls {
    pub fn sent(&self) -> Vec<Value> {
        self.0.lock().unwrap().clone()
    }
}

impl Intercept for Calls {
    fn name(&self) -> &'static str {
        "Calls"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.request().body().bytes().unwrap();
        let call: Map<String, Value> = match context.request().headers().get("x-amz-target") {
            Some(target) => {
                let mut call: Map<String, Value> = serde_json::from_slice(body)?;
                call.insert("Action".to_owned(), json!(target.rsplit('.').next()));
                call
            }
            None => form_urlencoded::parse(body)
                .filter(|(key, _)| key != "Version")
                .map(|(key, value)| (key.into_owned(), json!(value)))
                .collect(),
        };
        self.0.lock().unwrap().push(Value::Object(call));
        Ok(())
    }
}
