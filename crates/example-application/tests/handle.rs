//! What the application answers where there is no database to reach. With databases it is tried in `tests/end_to_end`.

use anyhow::{Result, anyhow};
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
use aws_smithy_mocks::{RuleMode, mock, mock_client};
use example_application::{Application, handle};
use serde_json::{Value, json};

async fn answer(secret: Option<&'static str>, method: &str, path: &str, body: &str) -> Result<(u16, Value)> {
    let get =
        mock!(Client::get_secret_value).match_requests(|it| it.secret_id() == Some("shop")).then_output(
            move || GetSecretValueOutput::builder().set_secret_string(secret.map(str::to_owned)).build(),
        );
    let application =
        Application::new(mock_client!(aws_sdk_secretsmanager, RuleMode::MatchAny, [&get]), "shop", "");
    let event = json!({
        "rawPath": path, "body": body,
        "requestContext": {"http": {"method": method}, "requestId": "JKJaXmPLvHcESHA="},
    });
    let answer = handle(&application, event).await.map_err(|error| anyhow!(error))?;
    Ok((answer.status_code, serde_json::from_str(&answer.body)?))
}

#[tokio::test]
async fn a_secret_that_leads_nowhere_is_a_503_that_says_so() {
    for (secret, says) in [
        (Some("{}"), "leads to no database"),
        (
            Some(r#"{"engine": "db2", "host": "h", "port": 1, "username": "u", "password": "secretword"}"#),
            "db2",
        ),
        (Some("secretword"), "is not a JSON object"),
    ] {
        let (status, body) = answer(secret, "GET", "/entries", "").await.unwrap();
        assert_eq!(status, 503, "{body}");
        let message = body["message"].as_str().unwrap();
        assert!(message.contains(says), "{message}");
        assert!(!message.contains("secretword"), "{message}");
    }
}

#[tokio::test]
async fn nothing_is_written_where_the_secret_says_that_another_region_is_active() {
    let secret = r#"{"engine": "postgres", "host": "h.invalid", "port": 1, "username": "u", "password": "p",
        "writable": false}"#;
    let (status, body) = answer(Some(secret), "POST", "/entries", r#"{"text": "x"}"#).await.unwrap();
    assert_eq!(status, 503, "{body}");
    assert!(body["message"].as_str().unwrap().contains("another Region is active"), "{body}");
    // Reading is no harm.
    let (_, body) = answer(Some(secret), "GET", "/entries", "").await.unwrap();
    assert!(body["message"].as_str().unwrap().contains("the database is not there"), "{body}");
}

#[tokio::test]
async fn what_is_not_served_is_refused_without_a_look_at_the_secret() {
    assert_eq!(answer(None, "GET", "/", "").await.unwrap().0, 404);
    assert_eq!(answer(None, "PUT", "/entries", "").await.unwrap().0, 405);
    let (status, body) = answer(None, "POST", "/entries", r#"{"text": 1}"#).await.unwrap();
    assert_eq!(status, 400);
    assert!(body["message"].as_str().unwrap().contains("text"), "{body}");
}
