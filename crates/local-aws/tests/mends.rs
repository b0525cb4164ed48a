//! Where the relay answers as AWS does and MiniStack does not.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::{Account, shared};

async fn secrets(account: Account<'_>, operation: &str, body: Value) -> Value {
    account.json("secretsmanager", &format!("secretsmanager.{operation}"), body).await
}

async fn states(account: Account<'_>, operation: &str, body: Value) -> Value {
    account.json("states", &format!("AWSStepFunctions.{operation}"), body).await
}

fn token(letter: &str) -> String {
    letter.repeat(32)
}

/// Creates the secret `s` with a token.
async fn create_secret(account: Account<'_>, content: &str) {
    let body = json!({ "Name": "s", "SecretString": content, "ClientRequestToken": token("a") });
    secrets(account, "CreateSecret", body).await;
}

async fn labels(account: Account<'_>, secret: &str) -> Value {
    secrets(account, "DescribeSecret", json!({ "SecretId": secret })).await["VersionIdsToStages"].take()
}

// Rule of AWS: the same start of a running execution is the same execution.
#[tokio::test]
async fn starting_a_running_execution_with_the_same_input_answers_the_first_start() {
    let account = shared().account("600000000001");
    let trust = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": { "Service": "states.amazonaws.com" } }]});
    let role = [("RoleName", "m"), ("AssumeRolePolicyDocument", &*trust.to_string())];
    account.query("iam", "CreateRole", &role).await.unwrap();
    let definition = json!({ "StartAt": "W", "States": {
        "W": { "Type": "Wait", "SecondsPath": "$.seconds", "End": true } } });
    let machine = json!({ "name": "m", "definition": definition.to_string(),
        "roleArn": "arn:aws:iam::600000000001:role/m" });
    let machine = states(account, "CreateStateMachine", machine).await;
    assert!(!machine["stateMachineArn"].is_null(), "{machine}");
    let machine = &machine["stateMachineArn"];
    let start = async |name: &str, seconds: u32| {
        let input = json!({ "seconds": seconds }).to_string();
        let start = json!({ "stateMachineArn": machine, "name": name, "input": input });
        states(account, "StartExecution", start).await
    };
    let first = start("long", 1_000_000).await;
    let again = start("long", 1_000_000).await;
    assert_eq!(first["executionArn"], again["executionArn"]);
    assert!(!again["startDate"].is_null() && first["startDate"] == again["startDate"], "{first} {again}");
    assert_eq!(start("long", 1_000_001).await["__type"], "ExecutionAlreadyExists", "other input");
    let ended = start("short", 0).await["executionArn"].take();
    support::until(async || {
        let described = states(account, "DescribeExecution", json!({ "executionArn": ended })).await;
        (described["status"] == "SUCCEEDED").then_some(())
    })
    .await;
    assert_eq!(start("short", 0).await["__type"], "ExecutionAlreadyExists", "it has ended");
    states(account, "StopExecution", json!({ "executionArn": first["executionArn"] })).await;
}

#[tokio::test]
async fn a_stack_with_a_resource_of_rds_is_refused() {
    let account = shared().account("600000000007").in_region("us-east-1");
    let instance =
        "Resources:\n  Db:\n    Type: AWS::RDS::DBInstance\n    Properties: { Engine: postgres }\n";
    let topic = "Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n";
    let create = async |name: &str, template: (&str, &str)| {
        account.query("cloudformation", "CreateStack", &[("StackName", name), template]).await
    };
    assert_eq!(create("a", ("TemplateBody", instance)).await.unwrap_err(), "ValidationError");
    create("b", ("TemplateBody", topic)).await.unwrap();
    for (path, content) in
        [("/templates-of-600000000007", ""), ("/templates-of-600000000007/db.yaml", instance)]
    {
        let put = account.request("s3", reqwest::Method::PUT, path).body(content).send().await.unwrap();
        let status = put.status();
        assert!(status.is_success(), "{status} {}", put.text().await.unwrap());
    }
    let url = ("TemplateURL", "http://127.0.0.1/templates-of-600000000007/db.yaml");
    assert_eq!(create("c", url).await.unwrap_err(), "ValidationError");
}

// Rule of AWS: a token makes PutSecretValue and CreateSecret repeatable; 20 labels.
#[tokio::test]
async fn putting_the_same_once_more_has_no_effect_and_putting_something_else_is_refused() {
    let account = shared().account("600000000002");
    create_secret(account, "1").await;
    let put = async |content: &str| {
        let put = json!({ "SecretId": "s", "SecretString": content, "ClientRequestToken": token("b") });
        secrets(account, "PutSecretValue", put).await
    };
    let first = put("2").await;
    assert_eq!(first["VersionId"], token("b"));
    let before = labels(account, "s").await;
    assert_eq!(before[token("a")], json!(["AWSPREVIOUS"]));
    assert_eq!(put("2").await["VersionId"], token("b"));
    assert_eq!(labels(account, "s").await, before, "AWSPREVIOUS survives");
    assert_eq!(put("3").await["__type"], "ResourceExistsException");
    let value = secrets(account, "GetSecretValue", json!({ "SecretId": "s" })).await;
    assert_eq!(value["SecretString"], "2");
}

#[tokio::test]
async fn who_may_not_put_is_told_so_also_when_it_would_have_no_effect() {
    let account = shared().account("600000000003");
    let created = json!({ "Name": "s", "SecretString": "1", "ClientRequestToken": token("a") });
    secrets(account, "CreateSecret", created.clone()).await;
    let reads = json!({ "Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*" });
    let role = account.role("Reader", reads).await;
    let put = json!({ "SecretId": "s", "SecretString": "1", "ClientRequestToken": token("a") });
    let answer = secrets(shared().account(&role), "PutSecretValue", put).await;
    // It went on to MiniStack, which refuses an access key without a signature.
    assert!(answer["VersionId"].is_null(), "{answer}");
}

// Rule of AWS: a token makes PutSecretValue and CreateSecret repeatable; 20 labels.
#[tokio::test]
async fn creating_a_secret_once_more_by_its_token_answers_the_first_creation() {
    let account = shared().account("600000000004");
    let create = async |token: String, content: &str| {
        let create = json!({ "Name": "s", "SecretString": content, "ClientRequestToken": token });
        secrets(account, "CreateSecret", create).await
    };
    let first = create(token("a"), "1").await;
    assert_eq!(first["VersionId"], token("a"), "the token is the version");
    let versions = labels(account, "s").await;
    assert_eq!(versions[token("a")], json!(["AWSCURRENT"]));
    assert!(!versions.to_string().contains("AWSPREVIOUS"));
    assert_eq!(create(token("a"), "1").await, first);
    assert_eq!(create(token("a"), "2").await["__type"], "ResourceExistsException");
    assert_eq!(create(token("b"), "1").await["__type"], "ResourceExistsException");
}

#[tokio::test]
async fn a_secret_without_a_value_has_none_to_get() {
    let account = shared().account("600000000006");
    secrets(account, "CreateSecret", json!({ "Name": "s", "ClientRequestToken": token("a") })).await;
    let get = async || secrets(account, "GetSecretValue", json!({ "SecretId": "s" })).await;
    assert_eq!(get().await["__type"], "ResourceNotFoundException");
    secrets(account, "PutSecretValue", json!({ "SecretId": "s", "SecretString": "1" })).await;
    assert_eq!(get().await["SecretString"], "1");
}

// Rule of AWS: a token makes PutSecretValue and CreateSecret repeatable; 20 labels.
#[tokio::test]
async fn a_secret_has_twenty_staging_labels_at_most() {
    let account = shared().account("600000000005");
    create_secret(account, "0").await;
    let put = async |n: usize, stages: Value| {
        let put = json!({ "SecretId": "s", "SecretString": n.to_string(), "VersionStages": stages,
            "ClientRequestToken": format!("{n:032}") });
        secrets(account, "PutSecretValue", put).await
    };
    for n in 1..=19 {
        assert_eq!(put(n, json!([format!("run-{n}")])).await["VersionId"], format!("{n:032}"));
    }
    assert_eq!(put(20, json!(["run-20"])).await["__type"], "LimitExceededException");
    let current = put(21, json!(["AWSCURRENT"])).await;
    assert_eq!(current["__type"], "LimitExceededException", "AWSPREVIOUS would be the 21st");
    let move_to = |stage: &str| json!({ "SecretId": "s", "VersionStage": stage, "MoveToVersionId": format!("{:032}", 1) });
    let moved = secrets(account, "UpdateSecretVersionStage", move_to("run-20")).await;
    assert_eq!(moved["__type"], "LimitExceededException");
    let known = secrets(account, "UpdateSecretVersionStage", move_to("run-1")).await;
    assert_eq!(known["Name"], "s");
}
