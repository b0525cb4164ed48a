//! The account that `Prune` looks at, as RDS and Secrets Manager describe it, and the requests that it sends.

use aws_sdk_rds::Client as Rds;
use aws_sdk_rds::config::http::HttpResponse;
use aws_sdk_rds::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_rds::config::retry::RetryConfig;
use aws_sdk_rds::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_rds::error::BoxError;
use aws_sdk_secretsmanager::Client as Secrets;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use replication::{Copy, Tags};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

pub fn tags(identifier: &str) -> Tags {
    Copy::from_identifier(identifier.trim_end_matches("-copy")).unwrap().tags()
}

pub fn snapshot(identifier: &str) -> String {
    rds_thing("Snapshot", identifier, &tags(identifier), "")
}

/// A DB instance that was once fit to go live.
pub fn instance(identifier: &str) -> String {
    instance_saying(identifier, "")
}

pub fn instance_saying(identifier: &str, more: &str) -> String {
    let mut tags = tags(identifier);
    tags.insert("snapferry:proven".to_owned(), "2020-01-01T00:00:00Z".to_owned());
    rds_thing("Instance", identifier, &tags, more)
}

/// As RDS describes it; the last word on a status counts.
pub fn rds_thing(kind: &str, identifier: &str, tags: &Tags, more: &str) -> String {
    let tag = |(key, value)| format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>");
    let tags = tags.iter().map(tag).collect::<String>();
    format!(
        "<DB{kind}Identifier>{identifier}</DB{kind}Identifier><Status>available</Status>\
         <DBInstanceStatus>available</DBInstanceStatus>{more}<TagList>{tags}</TagList>"
    )
}

pub fn snapshots(list: &[String]) -> Rule {
    snapshots_page(None, list, "")
}

pub fn snapshots_page(marker: Option<&'static str>, list: &[String], more: &str) -> Rule {
    let answer = page("Snapshot", list, more);
    mock!(Rds::describe_db_snapshots)
        .match_requests(move |request| request.marker() == marker)
        .then_http_response(move || xml(200, &answer))
}

pub fn instances(list: &[String]) -> Rule {
    instances_page(None, list, "")
}

pub fn instances_page(marker: Option<&'static str>, list: &[String], more: &str) -> Rule {
    let answer = page("Instance", list, more);
    mock!(Rds::describe_db_instances)
        .match_requests(move |request| request.marker() == marker)
        .then_http_response(move || xml(200, &answer))
}

pub fn page(kind: &str, list: &[String], more: &str) -> String {
    let list = list.iter().map(|it| format!("<DB{kind}>{it}</DB{kind}>")).collect::<String>();
    let result =
        format!("<DescribeDB{kind}sResult>{more}<DB{kind}s>{list}</DB{kind}s></DescribeDB{kind}sResult>");
    format!("<DescribeDB{kind}sResponse>{result}</DescribeDB{kind}sResponse>")
}

/// The secrets of an account whose application's secret names `live`.
pub fn secrets(live: &str, list: &[Value]) -> Vec<Rule> {
    let listed = json!({ "SecretList": list });
    let listed = mock!(Secrets::list_secrets).then_http_response(move || http(&listed));
    let value = json!({ "dbInstanceIdentifier": live }).to_string();
    vec![described(json!({})), current(json!({ "SecretString": value })), listed]
}

pub fn described(answer: Value) -> Rule {
    mock!(Secrets::describe_secret).then_http_response(move || http(&answer))
}

pub fn current(answer: Value) -> Rule {
    mock!(Secrets::get_secret_value).then_http_response(move || http(&answer))
}

pub fn secret(identifier: &str) -> Value {
    let copy = Copy::from_identifier(identifier).unwrap();
    json!({"Name": copy.secret_name(), "Tags": secret_tags(identifier)})
}

pub fn secret_tags(identifier: &str) -> Value {
    tags(identifier).iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}

pub fn xml(status: u16, body: &str) -> HttpResponse {
    HttpResponse::new(status.try_into().unwrap(), body.to_owned().into())
}

/// What RDS says when it takes a call.
pub fn taken(action: &str) -> HttpResponse {
    xml(200, &format!("<{action}Response><{action}Result/></{action}Response>"))
}

pub fn http(answer: &Value) -> HttpResponse {
    xml(if answer.get("__type").is_some() { 400 } else { 200 }, &answer.to_string())
}

pub fn clients(calls: &Calls, rds: &[Rule], secrets: &[Rule]) -> (Rds, Secrets) {
    let rds = mock_client!(aws_sdk_rds, RuleMode::MatchAny, rds, |config| {
        config.retry_config(RetryConfig::disabled()).interceptor(calls.clone())
    });
    let secrets = mock_client!(aws_sdk_secretsmanager, RuleMode::MatchAny, secrets, |config| {
        config.retry_config(RetryConfig::disabled()).interceptor(calls.clone())
    });
    (rds, secrets)
}

/// Every request as it goes over the wire, parameter by parameter, with `Action` for both protocols.
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
        let call = match context.request().headers().get("x-amz-target") {
            Some(target) => {
                let mut call: Value = serde_json::from_slice(body)?;
                call["Action"] = json!(target.rsplit('.').next());
                call
            }
            None => form_urlencoded::parse(body)
                .filter(|(key, _)| key != "Version")
                .map(|(key, value)| (key, json!(value)))
                .collect(),
        };
        self.0.lock().unwrap().push(call);
        Ok(())
    }
}
