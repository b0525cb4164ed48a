//! `VerifyPath` on the real Secrets Manager client. With real databases it is tried in `postgres.rs` and `mariadb.rs`.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::unwrap_used)]

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
use aws_smithy_mocks::{RuleMode, mock, mock_client};
use lambda_runtime::Diagnostic;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use verify::verify_path::handle;

const SECRET: &str = "snapferry/orders/20261120t160812z-3f9a";

fn request(paths: Value) -> Value {
    json!({"secretId": SECRET, "paths": paths, "stageDeadlineSeconds": 86400, "stage": {}})
}

/// The mock panics on every call but a read of the secret.
async fn look(port: u16, request: Value) -> Result<Value, Diagnostic> {
    let value =
        json!({"engine": "oracle-ee", "host": "127.0.0.1", "port": port, "username": "u", "password": "p"});
    let get = mock!(Client::get_secret_value)
        .match_requests(|it| it.secret_id() == Some(SECRET))
        .then_output(move || GetSecretValueOutput::builder().secret_string(value.to_string()).build());
    let client = mock_client!(aws_sdk_secretsmanager, RuleMode::MatchAny, [&get]);
    let answer = handle(&client, request).await.map_err(Diagnostic::from)?;
    Ok(serde_json::to_value(answer).unwrap())
}

/// Takes connections, and ends them without a word.
async fn silent() -> u16 {
    let oracle = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = oracle.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = oracle.accept().await {
            drop(client);
        }
    });
    port
}

#[tokio::test]
async fn repeating_a_finished_step_changes_nothing() {
    let [direct, lane] = [silent().await, silent().await];
    for _ in 0..2 {
        let answer = look(direct, request(json!([{"address": "localhost", "port": lane}]))).await.unwrap();
        assert_eq!(answer["done"], true, "{answer}");
        let proven =
            json!([{"address": "127.0.0.1", "port": direct}, {"address": "localhost", "port": lane}]);
        assert_eq!(answer["proven"], proven);
    }
}

#[tokio::test]
async fn one_path_that_leads_nowhere_proves_none() {
    let direct = silent().await;
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    let answer = look(direct, request(json!([{"address": "localhost", "port": closed}]))).await.unwrap();
    assert_eq!((&answer["done"], &answer["proven"]), (&json!(false), &json!([])), "{answer}");
    assert!(answer["reason"].as_str().unwrap().starts_with(&format!("localhost:{closed}")), "{answer}");
}

// The copy was opened to applications, whose security groups forget Verify.
#[tokio::test]
async fn the_security_groups_of_applications_are_named_when_they_let_nobody_in() {
    let mut request = request(json!([]));
    request["vpcSecurityGroupIds"] = json!(["sg-1", "sg-2"]);
    request["stage"] = json!({"seconds": 300, "looks": 20, "status": "not reachable"});
    // Nobody listens at this port.
    let failed = look(1, request).await.unwrap_err();
    assert_eq!(failed.error_type, "Snapferry.DatabaseNotReachable");
    assert!(failed.error_message.contains("(vpcSecurityGroupIds: sg-1, sg-2)"), "{}", failed.error_message);
}

#[tokio::test]
async fn a_copy_that_was_live_is_not_touched() {
    let mut request = request(json!([]));
    request["wasLive"] = json!(true);
    // Nobody listens at this port.
    assert_eq!(look(1, request).await.unwrap()["done"], true);
}

#[tokio::test]
async fn bad_input_is_invalid_request() {
    for (request, path) in [
        (json!({}), "missing field"),
        (request(json!([{"address": "a", "port": 70000}])), "paths[0].port"),
        (request(json!([{"address": "a", "port": 1, "tls": "none"}])), "paths[0].tls"),
        (request(json!([{"address": "a", "port": 1, "host": "b"}])), "paths[0].host"),
    ] {
        let failed = look(1, request).await.unwrap_err();
        assert_eq!(failed.error_type, "Snapferry.InvalidRequest", "{path}");
        assert!(failed.error_message.contains(path), "{} lacks {path}", failed.error_message);
    }
}
