//! Faults of calls on request.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Account, shared, until};

/// The next call of this account to this operation goes wrong like this.
async fn next(account_id: &str, service: &str, operation: &str, how: Value) {
    let fault =
        json!({ "who": format!("{account_id}/*"), "service": service, "operation": operation, "how": how });
    shared().fault(fault).await;
}

async fn last(account_id: &str) -> Value {
    shared().calls_of(account_id).await.pop().unwrap()
}

/// Sends a form to RDS; nothing when the connection breaks.
async fn raw(account: &Account<'_>, form: &'static str) -> Option<u16> {
    let request = account.request("rds", reqwest::Method::POST, "/").body(form);
    let request = request.header("Content-Type", "application/x-www-form-urlencoded");
    request.send().await.ok().map(|response| response.status().as_u16())
}

// Rule of AWS: throttling is an error 400 of its own.
#[tokio::test]
async fn the_nth_call_is_throttled_in_the_words_of_its_service() {
    let account = shared().account("500000000001");
    let fault = json!({ "who": "500000000001/root", "service": "rds", "operation": "Describe*", "nth": 2, "times": 2,
        "how": "throttled" });
    shared().fault(fault).await;
    let mut codes = vec![];
    for _ in 0..4 {
        codes.push(account.rds("DescribeDBInstances", &[]).await.err());
    }
    let throttled = Some("Throttling".to_owned());
    assert_eq!(codes, [None, throttled.clone(), throttled, None]);
    next("500000000001", "secretsmanager", "GetSecretValue", json!("throttled")).await;
    let id = json!({ "SecretId": "orders" });
    let answer = account.json("secretsmanager", "secretsmanager.GetSecretValue", id).await;
    assert_eq!(answer["__type"], "ThrottlingException");
}

#[tokio::test]
async fn a_call_is_answered_with_500_or_access_denied_and_has_no_effect() {
    let account = shared().account("500000000002");
    let names = [("DBSubnetGroupName", "none")];
    next("500000000002", "rds", "DeleteDBSubnetGroup", json!("serverError")).await;
    assert_eq!(account.rds("DeleteDBSubnetGroup", &names).await.unwrap_err(), "InternalFailure");
    assert_eq!(last("500000000002").await["status"], 500);
    next("500000000002", "rds", "DeleteDBSubnetGroup", json!("accessDenied")).await;
    assert_eq!(account.rds("DeleteDBSubnetGroup", &names).await.unwrap_err(), "AccessDenied");
    next("500000000002", "kms", "CreateKey", json!("accessDenied")).await;
    assert_eq!(account.kms("CreateKey", json!({})).await["__type"], "AccessDeniedException");
    assert_eq!(account.kms("ListKeys", json!({})).await["Keys"], json!([]));
}

#[tokio::test]
async fn a_connection_closes_before_or_after_the_effect() {
    let account = shared().account("500000000003");
    let create = "Action=CreateDBParameterGroup&DBParameterGroupName=ours&DBParameterGroupFamily=postgres16&Description=d";
    let describe =
        async || account.rds("DescribeDBParameterGroups", &[("DBParameterGroupName", "ours")]).await;
    next("500000000003", "rds", "CreateDBParameterGroup", json!("connectionClosedBefore")).await;
    assert_eq!(raw(&account, create).await, None);
    assert_eq!(last("500000000003").await["error"], "ConnectionClosed");
    assert_eq!(describe().await.unwrap_err(), "DBParameterGroupNotFound");
    next("500000000003", "rds", "CreateDBParameterGroup", json!("connectionClosedAfter")).await;
    assert_eq!(raw(&account, create).await, None);
    let lost = last("500000000003").await;
    assert_eq!((&lost["error"], &lost["status"]), (&json!("AnswerLost"), &json!(200)));
    describe().await.unwrap();
    assert_eq!(raw(&account, create).await, Some(400), "it exists already");
}

#[tokio::test]
async fn an_answer_comes_late_and_its_effect_at_once() {
    let account = shared().account("500000000004");
    next("500000000004", "kms", "CreateKey", json!({ "slow": { "milliseconds": 2000 } })).await;
    let started = Instant::now();
    let listed = async {
        until(async || {
            let listed = account.kms("ListKeys", json!({})).await;
            (listed["Keys"].as_array().unwrap().len() == 1).then(|| started.elapsed())
        })
        .await
    };
    let create = async {
        account.key().await;
        started.elapsed()
    };
    let (seen, answered) = tokio::join!(listed, create);
    assert!(seen < answered && answered >= Duration::from_millis(2000), "{seen:?} {answered:?}");
}

#[tokio::test]
async fn an_operation_is_refused_with_any_error_of_its_service() {
    let account = shared().account("500000000005");
    for (code, message) in [
        ("SnapshotQuotaExceeded", "Cannot create more than 100 manual snapshots"),
        ("InsufficientDBInstanceCapacity", "No capacity"),
    ] {
        let refused = json!({ "refused": { "code": code, "message": message, "status": 400 } });
        next("500000000005", "rds", "CreateDBSnapshot", refused).await;
        assert_eq!(account.refused("CreateDBSnapshot", &[]).await, (code.to_owned(), message.to_owned()));
    }
}

#[tokio::test]
async fn a_fault_still_to_come_can_be_seen_and_what_is_not_understood_is_refused() {
    next("599999999999", "sns", "Publish", json!("connectionClosedAfter")).await;
    let pending = shared().planned("faults").await;
    assert!(pending.iter().any(|it| it["who"] == "599999999999/*" && it["how"] == "connectionClosedAfter"));
    assert_eq!(shared().own("faults", json!({ "service": "rds", "how": "badly" })).await.0, 400);
}
