//! `Verify` on the real Secrets Manager client: what it asks for, and what it makes of a secret.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
use aws_sdk_secretsmanager::primitives::Blob;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use lambda_runtime::Diagnostic;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use verify::{Response, handle};

const SECRET: &str = "snapferry/orders/20261120t160812z-3f9a";

fn request(verification: Value) -> Value {
    json!({
        "secretId": "snapferry/orders/20261120t160812z-3f9a", "verification": verification,
        "dataAt": "2026-11-20T16:08:12Z", "stageDeadlineSeconds": 86400, "stage": {},
    })
}

/// The mock panics on every other call, and on another secret.
fn get() -> aws_smithy_mocks::RuleBuilder<
    aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueInput,
    GetSecretValueOutput,
    aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError,
> {
    mock!(Client::get_secret_value)
        .match_requests(|it| it.secret_id() == Some(SECRET) && it.version_stage() == Some("AWSCURRENT"))
}

fn says(value: String) -> Rule {
    get().then_output(move || GetSecretValueOutput::builder().version_id("1").secret_string(&value).build())
}

fn answers(status: u16, code: &'static str) -> Rule {
    get().then_http_response(move || {
        let body = json!({"__type": code, "message": "said Secrets Manager"}).to_string();
        HttpResponse::new(status.try_into().unwrap(), body.into())
    })
}

async fn look(rule: Rule, request: Value) -> Result<Response, Diagnostic> {
    let client = mock_client!(aws_sdk_secretsmanager, RuleMode::MatchAny, &[rule], |config| {
        config.retry_config(RetryConfig::disabled())
    });
    handle(&client, request).await.map_err(Diagnostic::from)
}

fn leads_to(engine: &str, port: u16) -> String {
    json!({"engine": engine, "host": "127.0.0.1", "port": port, "username": "master", "password": "hunter2"})
        .to_string()
}

/// In an execution that is resumed, or a rollback to what is live: its password may have been rotated, and its rows are
/// the application's.
#[tokio::test]
async fn a_copy_that_was_live_is_not_touched() {
    let mut request = request(json!({"logins": "lock", "postRestoreSql": ["DELETE FROM orders"]}));
    request["wasLive"] = json!(true);
    // The mock panics on every call but this one, which nobody makes.
    let rule = says("{}".to_owned());
    let answer = look(rule.clone(), request).await.unwrap();
    assert!(answer.look.done);
    assert_eq!(rule.num_calls(), 0);
    assert_eq!(answer.proof.unwrap().checked_by, "before it was live");
}

#[tokio::test]
async fn bad_input_is_invalid_request() {
    let with = |path: &str, value: Value| {
        let mut request = request(json!({}));
        let (parent, key) = path.rsplit_once('/').unwrap();
        request.pointer_mut(parent).unwrap()[key] = value;
        request
    };
    let both = json!([{"name": "n", "sql": "s", "atLeast": 1, "equals": 1}]);
    let slow = json!({"postRestoreSql": vec!["s"; 3], "statementTimeoutSeconds": 300});
    for (request, path) in [
        (json!({}), "missing field"),
        (with("/secretId", json!(7)), "secretId"),
        (with("/database", json!("x")), "database"),
        (with("/dataAt", json!("yesterday")), "dataAt"),
        (with("/verification/assertions", both), "verification.assertions[0]"),
        (with("/verification/logins", json!("drop")), "verification.logins"),
        (with("/verification", slow), "verification.statementTimeoutSeconds"),
    ] {
        let failed = look(says("{}".to_owned()), request).await.unwrap_err();
        assert_eq!(failed.error_type, "Snapferry.InvalidRequest", "{path}");
        assert!(failed.error_message.contains(path), "{} lacks {path}", failed.error_message);
    }
}

#[tokio::test]
async fn repeating_a_finished_step_changes_nothing() {
    // The mock panics on a call that writes.
    let oracle = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = oracle.local_addr().unwrap().port();
    tokio::spawn(async move {
        // It takes connections, and ends them without a word.
        while let Ok((client, _)) = oracle.accept().await {
            drop(client);
        }
    });
    for _ in 0..2 {
        let answer = look(says(leads_to("oracle-ee", port)), request(json!({}))).await.unwrap();
        assert!(answer.look.done);
        let answer = serde_json::to_value(answer).unwrap();
        assert_eq!(answer["proof"]["checkedBy"], "tcp only");
        assert_eq!(answer["proof"]["tls"], "not spoken at this port");
        assert_eq!(answer["proof"]["assertions"], json!([]));
    }
}

#[tokio::test]
async fn sql_for_an_engine_without_a_client_is_refused_rather_than_left_out() {
    let some = json!({"assertions": [{"name": "n", "sql": "s", "atLeast": 1}]});
    for verification in [some, json!({"logins": "lock"}), json!({"postRestoreSql": ["s"]})] {
        let failed = look(says(leads_to("sqlserver-se", 1)), request(verification)).await.unwrap_err();
        assert_eq!(failed.error_type, "Snapferry.EngineWithoutClient");
        assert!(failed.error_message.contains("sqlserver-se"), "{}", failed.error_message);
    }
}

#[tokio::test]
async fn a_secret_that_does_not_lead_to_a_database_has_a_name_and_is_not_quoted() {
    let bytes = get().then_output(|| {
        GetSecretValueOutput::builder().version_id("1").secret_binary(Blob::new([0xff])).build()
    });
    for (rule, name) in [
        (answers(400, "ResourceNotFoundException"), "Snapferry.SecretNotFound"),
        (bytes, "Snapferry.SecretBinary"),
        (says("hunter2".to_owned()), "Snapferry.SecretNotJson"),
        (says(r#"{"password": "hunter2", "port": "hunter2"}"#.to_owned()), "Snapferry.SecretNotJson"),
        (answers(400, "AccessDeniedException"), "Snapferry.SecretsManagerRefused"),
        (answers(400, "ThrottlingException"), "Snapferry.SecretsManagerUnavailable"),
        (answers(500, "InternalServiceError"), "Snapferry.SecretsManagerUnavailable"),
    ] {
        let failed = look(rule, request(json!({}))).await.unwrap_err();
        assert_eq!(failed.error_type, name, "{}", failed.error_message);
        assert!(!failed.error_message.contains("hunter2"), "{}", failed.error_message);
    }
}
