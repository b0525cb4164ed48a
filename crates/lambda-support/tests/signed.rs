//! Signed calls without an SDK: how often they are made, and what becomes of an answer.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::unwrap_used)]

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use lambda_support::{CallFailed, Config, Invoked, SignedClient, find_parameter};
use serde_json::{Value, json};
use std::time::Duration;
use step::ErrorName;
use test_support::{Calls, Pauses, actions, config, config_that_pauses, ec2, ssm};

async fn look(answers: &[Value]) -> (Result<Option<String>, CallFailed>, Vec<Value>) {
    let calls = Calls::default();
    let answer = find_parameter(&ssm(answers, &calls), "/snapferry/replications/orders").await;
    (answer, calls.sent())
}

#[tokio::test]
async fn a_parameter_is_read_by_its_name_and_one_that_is_not_there_is_none() {
    let (answer, sent) = look(&[json!({"Parameter": {"Value": "{}"}})]).await;
    assert_eq!(answer.unwrap().as_deref(), Some("{}"));
    assert_eq!(sent, [json!({"Action": "GetParameter", "Name": "/snapferry/replications/orders"})]);

    for kind in ["ParameterNotFound", "com.amazonaws.ssm#ParameterNotFound"] {
        let (answer, sent) = look(&[json!({ "__type": kind })]).await;
        assert_eq!((answer.unwrap(), sent.len()), (None, 1), "{kind}");
    }
}

#[tokio::test]
async fn a_call_that_may_succeed_later_is_made_three_times_and_a_refused_one_once() {
    let found = json!({"Parameter": {"Value": "{}"}});
    let throttled = json!({"__type": "ThrottlingException", "message": "Rate exceeded"});
    let (answer, sent) = look(&[throttled.clone(), json!({"__type": "InternalServerError"}), found]).await;
    assert_eq!((answer.unwrap().as_deref(), sent.len()), (Some("{}"), 3));

    let (answer, sent) = look(&[throttled]).await;
    let failed = answer.unwrap_err();
    assert_eq!((failed.name, sent.len()), (ErrorName::SsmUnavailable, 3));
    assert_eq!(failed.to_string(), "Systems Manager GetParameter failed: ThrottlingException: Rate exceeded");

    let (answer, sent) = look(&[json!({"__type": "AccessDeniedException", "Message": "no"})]).await;
    assert_eq!(actions(&sent), ["GetParameter"]);
    let failed = answer.unwrap_err();
    assert_eq!((failed.name, failed.message.as_str()), (ErrorName::SsmRefused, "no"));
}

#[tokio::test]
async fn a_service_that_takes_a_form_answers_xml_and_its_refusal_is_read() {
    let calls = Calls::default();
    let query = async |answer: &str| {
        let parameters = [("SubnetId.1".to_owned(), "subnet-1".to_owned())];
        ec2(&[answer], &calls).query("DescribeSubnets", &parameters).await
    };
    let found = "<r><subnetSet><item><cidrBlock>10.0.0.0/24</cidrBlock></item></subnetSet></r>";
    assert_eq!(query(found).await.unwrap(), found);
    assert_eq!(calls.sent(), [json!({"Action": "DescribeSubnets", "SubnetId.1": "subnet-1"})]);

    let error = |code: &str| {
        format!(
            "<Response><Errors><Error><Code>{code}</Code><Message>said EC2</Message></Error></Errors></Response>"
        )
    };
    let failed = query(&error("UnauthorizedOperation")).await.unwrap_err();
    assert_eq!(failed.name, ErrorName::Ec2Refused);
    assert_eq!(failed.to_string(), "EC2 DescribeSubnets failed: UnauthorizedOperation: said EC2");
    let before = calls.sent().len();
    assert_eq!(query(&error("RequestLimitExceeded")).await.unwrap_err().name, ErrorName::Ec2Unavailable);
    assert_eq!(calls.sent().len() - before, 3);
}

#[derive(Debug)]
struct Silent;

impl HttpConnector for Silent {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(std::future::pending())
    }
}

/// A client whose calls are never answered, and whose time is over at once.
fn silent() -> SignedClient {
    let connector = SharedHttpConnector::new(Silent);
    SignedClient::ssm(&Config { connector, ..config(&[], &Calls::default()) })
}

#[tokio::test]
async fn attempts_are_apart_by_random_pauses_and_a_call_without_an_answer_ends_in_time() {
    let throttled = json!({"__type": "ThrottlingException", "message": "Rate exceeded"});
    let mut seen = Vec::new();
    for _ in 0..20 {
        let pauses = Pauses::default();
        let config = config_that_pauses(std::slice::from_ref(&throttled), &Calls::default(), &pauses);
        find_parameter(&SignedClient::ssm(&config), "/snapferry/replications/orders").await.unwrap_err();
        let asked = pauses.asked();
        let [whole, first, second] = asked[..] else { panic!("{asked:?}") };
        assert_eq!(whole, Duration::from_secs(9));
        assert!(first <= Duration::from_secs(1) && second <= Duration::from_secs(2), "{asked:?}");
        seen.extend([first, second]);
    }
    seen.sort();
    seen.dedup();
    assert!(seen.len() > 30, "{seen:?}");

    let failed = find_parameter(&silent(), "/snapferry/replications/orders").await.unwrap_err();
    assert_eq!((failed.name, failed.message.as_str()), (ErrorName::SsmUnavailable, "no answer in time"));
}

#[tokio::test]
async fn a_function_is_invoked_by_its_name_and_its_failure_is_no_failed_call() {
    let calls = Calls::default();
    let invoke = async |answer: Value| {
        SignedClient::lambda(&config(&[answer], &calls)).invoke("ends-sessions", &json!({"a": 1})).await
    };
    assert_eq!(invoke(json!({"left": 0})).await, Ok(Invoked::Answered(json!({"left": 0}))));
    assert_eq!(calls.sent()[0]["body"], json!({"a": 1}));
    assert_eq!(calls.sent()[0]["Action"], "/2015-03-31/functions/ends-sessions/invocations");

    let failed =
        json!({"functionError": true, "errorType": "Snapferry.LoginRefused", "errorMessage": "28P01"});
    let expected = Invoked::Failed {
        error_type: "Snapferry.LoginRefused".to_owned(),
        error_message: "28P01".to_owned(),
    };
    assert_eq!(invoke(failed).await, Ok(expected));

    let refused = json!({"__type": "AccessDeniedException", "Message": "no"});
    assert_eq!(invoke(refused).await.unwrap_err().name, ErrorName::LambdaRefused);
    let asleep = json!({"__type": "ResourceConflictException", "Message": "Pending"});
    assert_eq!(invoke(asleep).await.unwrap_err().name, ErrorName::LambdaUnavailable);
}

#[tokio::test]
async fn a_client_of_another_region_signs_for_that_region() {
    let config = config(&[], &Calls::default()).in_region("eu-west-1");
    assert_eq!(config.sdk.region().map(ToString::to_string).as_deref(), Some("eu-west-1"));
}
