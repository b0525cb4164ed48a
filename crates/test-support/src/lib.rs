//! What the steps' `handle` tests share. No function that is deployed depends on it.

// Clippy's allowance for tests does not reach a crate of their helpers.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

pub mod parameters;
pub mod regions;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep, Sleep};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use lambda_runtime::Diagnostic;
use lambda_support::{Config, SignedClient};
use serde_json::{Map, Value, json};
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Every pause that clients asked for, in order: none takes any time.
#[derive(Debug, Clone, Default)]
pub struct Pauses(Arc<Mutex<Vec<Duration>>>);

impl Pauses {
    /// What was asked for so far.
    pub fn asked(&self) -> Vec<Duration> {
        self.0.lock().unwrap().clone()
    }
}

impl AsyncSleep for Pauses {
    fn sleep(&self, duration: Duration) -> Sleep {
        self.0.lock().unwrap().push(duration);
        Sleep::new(std::future::ready(()))
    }
}

/// Every request as it goes over the wire, parameter by parameter, in order, with `Action` for both of AWS's protocols:
/// give it to a client as an interceptor.
#[derive(Debug, Clone, Default)]
pub struct Calls(Arc<Mutex<Vec<Value>>>);

impl Calls {
    /// What was sent so far.
    pub fn sent(&self) -> Vec<Value> {
        self.0.lock().unwrap().clone()
    }

    fn record(&self, request: &HttpRequest) -> Value {
        let body = request.body().bytes().unwrap();
        let call: Map<String, Value> = match request.headers().get("x-amz-target") {
            Some(target) => {
                let mut call: Map<String, Value> = serde_json::from_slice(body).unwrap();
                call.insert("Action".to_owned(), json!(target.rsplit('.').next()));
                call
            }
            // Lambda names the function in the path.
            None if request.uri().contains("/functions/") => {
                let path = request.uri().split_once("//").map_or("", |(_, it)| it);
                let path = path.split_once('/').map_or("", |(_, it)| it);
                let body: Value = serde_json::from_slice(body).unwrap();
                Map::from_iter([("Action".to_owned(), json!(format!("/{path}"))), ("body".to_owned(), body)])
            }
            None => form_urlencoded::parse(body)
                .filter(|(key, _)| key != "Version")
                .map(|(key, value)| (key.into_owned(), json!(value)))
                .collect(),
        };
        let call = Value::Object(call);
        self.0.lock().unwrap().push(call.clone());
        call
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
        self.record(context.request());
        Ok(())
    }
}

/// A client of Systems Manager. Each call gets the next of these answers, the last one again and again; without any, a
/// call fails the test.
pub fn ssm(answers: &[Value], calls: &Calls) -> SignedClient {
    SignedClient::ssm(&config(answers, calls))
}

/// A client of CloudWatch Logs, which answers as that of [`ssm`] does.
pub fn logs(answers: &[Value], calls: &Calls) -> SignedClient {
    SignedClient::logs(&config(answers, calls))
}

/// A client of EC2. Each call gets the next of these answers in XML, as that of [`ssm`] does.
pub fn ec2(answers: &[&str], calls: &Calls) -> SignedClient {
    let answers: Vec<Value> = answers.iter().map(|it| json!({ "xml": it })).collect();
    SignedClient::ec2(&config(&answers, calls))
}

/// The configuration of functions, with credentials of nobody, and a connection that answers by itself.
pub fn config(answers: &[Value], calls: &Calls) -> Config {
    config_that_pauses(answers, calls, &Pauses::default())
}

/// The same, with a look at the pauses.
pub fn config_that_pauses(answers: &[Value], calls: &Calls, pauses: &Pauses) -> Config {
    let mut answers = answers.to_vec();
    let next = move |_: &str, _: &Value| {
        if answers.len() > 1 { answers.remove(0) } else { answers.first().expect("no call").clone() }
    };
    config_of(next, calls, pauses)
}

/// The same, where every service answers what this says of a call and of the Region that it was signed for. The clients
/// of SDKs may be made of it, too.
pub fn config_of(
    answer: impl FnMut(&str, &Value) -> Value + Send + 'static,
    calls: &Calls,
    pauses: &Pauses,
) -> Config {
    let answering = Answering { answer: Arc::new(Mutex::new(answer)), calls: calls.clone() };
    let connector = SharedHttpConnector::new(answering);
    let shared = connector.clone();
    let credentials = Credentials::new("AKIDEXAMPLE", "nobody's", None, None, "test");
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .sleep_impl(SharedAsyncSleep::new(pauses.clone()))
        .timeout_config(TimeoutConfig::disabled())
        .http_client(http_client_fn(move |_, _| shared.clone()))
        .build();
    Config { sdk, connector }
}

/// What is answered to a call, and to the Region that it was signed for.
type Answer = dyn FnMut(&str, &Value) -> Value + Send;

struct Answering {
    answer: Arc<Mutex<Answer>>,
    calls: Calls,
}

impl fmt::Debug for Answering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answering")
    }
}

impl HttpConnector for Answering {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let call = self.calls.record(&request);
        let signature = request.headers().get("authorization").unwrap_or_default();
        let region = signature.split('/').nth(2).unwrap_or_default();
        let answer = (*self.answer.lock().unwrap())(region, &call);
        HttpConnectorFuture::ready(Ok(match answer["xml"].as_str() {
            Some(xml) if xml.contains("<Error") => xml_answer(400, xml),
            Some(xml) => xml_answer(200, xml),
            None => json_answer(&answer),
        }))
    }
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

/// The tags that calls of RDS ask for, in order.
pub fn tags_sent(sent: &[Value]) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let tag = |call: &Value, at: usize| {
        let key = call.get(format!("Tags.Tag.{at}.Key"))?;
        Some((text(key), text(&call[format!("Tags.Tag.{at}.Value")])))
    };
    sent.iter().flat_map(|call| (1..).map_while(move |at| tag(call, at))).collect()
}

/// An answer of a service that speaks JSON; an error when it names its `__type`, that of a function that failed when it
/// says `functionError`, and empty when it is null.
pub fn json_answer(answer: &Value) -> HttpResponse {
    let status: u16 = match answer.get("__type").and_then(Value::as_str) {
        None => 200,
        Some("InternalServerError") => 500,
        Some(_) => 400,
    };
    let body = if answer.is_null() { String::new() } else { answer.to_string() };
    let mut response = HttpResponse::new(status.try_into().unwrap(), body.into());
    if answer["functionError"] == true {
        response.headers_mut().insert("x-amz-function-error", "Unhandled");
    }
    response
}

/// An answer of RDS.
pub fn xml_answer(status: u16, body: &str) -> HttpResponse {
    HttpResponse::new(status.try_into().unwrap(), body.to_owned().into())
}

/// An error as RDS and SNS send it.
pub fn fault(status: u16, code: &str, message: &str) -> HttpResponse {
    let error = format!("<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>");
    xml_answer(status, &format!("<ErrorResponse>{error}</ErrorResponse>"))
}

/// An error as RDS sends most of them.
pub fn rds_fault(code: &str) -> HttpResponse {
    fault(400, code, "said RDS")
}

/// The step failed with that name, and said that much.
#[track_caller]
pub fn assert_fails<T, E: Into<Diagnostic>>(answer: Result<T, E>, name: &str, message: &str) {
    let Err(error) = answer else { panic!("it did not fail with {name}") };
    let diagnostic: Diagnostic = error.into();
    assert_eq!(diagnostic.error_type, name, "{}", diagnostic.error_message);
    assert!(diagnostic.error_message.contains(message), "{} lacks {message}", diagnostic.error_message);
}
