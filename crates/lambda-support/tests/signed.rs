//! Signed calls without an SDK: how often they are made, and what becomes of an answer.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::unwrap_used)]

use lambda_support::{CallFailed, find_parameter};
use serde_json::{Value, json};
use step::ErrorName;
use test_support::{Calls, actions, ssm};

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
