//! What the local AWS does wrong on request.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::Connection;
use support::{Account, log_in, shared, text, until};

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
        support::until(async || {
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
async fn a_copy_stands_in_the_queue_and_then_fails() {
    let account = shared().account("500000000006");
    account.create_and_take("queued", &[]).await;
    let name = "queued-copy";
    let queued = json!({ "targetDbSnapshotIdentifier": name, "seconds": 500 });
    shared().misbehave(json!({ "copyIsQueued": queued })).await;
    let fails = json!({ "targetDbSnapshotIdentifier": name, "atPercent": 30 });
    shared().misbehave(json!({ "copyFails": fails })).await;
    account.copy("queued-1", name, &[]).await.unwrap();
    let waiting = account.snapshot_in(name, "creating").await;
    assert_eq!(text(&waiting, "PercentProgress").as_deref(), Some("0"));
    let failed = account.snapshot_in(name, "failed").await;
    assert_eq!(text(&failed, "PercentProgress").as_deref(), Some("30"));
}

#[tokio::test]
async fn a_copy_fails_when_its_source_goes_if_asked_to() {
    let account = shared().account("500000000007");
    account.create_and_take("gone", &[]).await;
    let name = "gone-copy";
    let needs = json!({ "targetDbSnapshotIdentifier": name });
    shared().misbehave(json!({ "copyNeedsItsSource": needs })).await;
    let queued = json!({ "targetDbSnapshotIdentifier": name, "seconds": 1000 });
    shared().misbehave(json!({ "copyIsQueued": queued })).await;
    account.copy("gone-1", name, &[]).await.unwrap();
    account.rds("DeleteDBSnapshot", &[("DBSnapshotIdentifier", "gone-1")]).await.unwrap();
    account.snapshot_in(name, "failed").await;
}

#[tokio::test]
async fn a_restore_ends_badly_and_what_it_made_can_still_be_deleted() {
    let account = shared().account("500000000008");
    account.create_and_take("bad", &[]).await;
    let ends = json!({ "dbInstanceIdentifier": "bad-2", "status": "incompatible-restore" });
    shared().misbehave(json!({ "restoreEndsAs": ends })).await;
    account.restore("bad-1", "bad-2", &[]).await.unwrap();
    account.instance_in("bad-2", "incompatible-restore").await;
    let named = ("DBInstanceIdentifier", "bad-2");
    assert_eq!(account.rds("ModifyDBInstance", &[named]).await.unwrap_err(), "InvalidDBInstanceState");
    account.rds("DeleteDBInstance", &[named, ("SkipFinalSnapshot", "true")]).await.unwrap();
}

#[tokio::test]
async fn an_instance_shows_no_endpoint_or_another_status_for_some_looks() {
    let account = shared().account("500000000009");
    account.create("flapping", &[]).await;
    let named = [("DBInstanceIdentifier", "flapping")];
    let look = async || account.rds("DescribeDBInstances", &named).await.unwrap();
    let missing = json!({ "dbInstanceIdentifier": "flapping", "looks": 1 });
    shared().misbehave(json!({ "endpointIsMissing": missing })).await;
    assert_eq!(text(&look().await, "Endpoint"), None);
    assert!(text(&look().await, "Endpoint").is_some());
    let is = json!({ "dbInstanceIdentifier": "flapping", "status": "maintenance", "looks": 2 });
    shared().misbehave(json!({ "instanceIs": is })).await;
    assert_eq!(text(&look().await, "DBInstanceStatus").as_deref(), Some("maintenance"));
    assert_eq!(account.rds("ModifyDBInstance", &named).await.unwrap_err(), "InvalidDBInstanceState");
    assert_eq!(text(&look().await, "DBInstanceStatus").as_deref(), Some("maintenance"));
    assert_eq!(text(&look().await, "DBInstanceStatus").as_deref(), Some("available"));
}

#[tokio::test]
async fn a_crashed_server_comes_up_again_at_its_endpoint_with_its_rows_and_what_was_asked_for_is_done() {
    let account = shared().account("500000000010");
    let created = account.create("crashing", &[]).await;
    let mut connection = log_in(&created, "Orders_Master", "quite-secret", "postgres").await.unwrap();
    sqlx::raw_sql("CREATE TABLE lines AS SELECT 1 AS id").execute(&mut connection).await.unwrap();
    let whose =
        json!({ "accountId": "500000000010", "region": "eu-central-1", "dbInstanceIdentifier": "crashing" });

    assert_eq!(shared().own("crash", whose.clone()).await.0, 204);
    account.take("crashing", "crashing-1").await;
    until(async || connection.ping().await.err()).await;
    assert_eq!(shared().own("crash", whose.clone()).await.0, 204);
    let named = ("DBInstanceIdentifier", "crashing");
    account.rds("ModifyDBInstance", &[named, ("MasterUserPassword", "another-secret")]).await.unwrap();
    let now = account.instance("crashing").await;
    assert_eq!(text(&now, "Endpoint"), text(&created, "Endpoint"));
    let log_in = async || log_in(&now, "Orders_Master", "another-secret", "postgres").await.ok();
    let mut connection = until(log_in).await;
    let rows: i64 =
        sqlx::query_scalar("SELECT count(*) FROM lines").fetch_one(&mut connection).await.unwrap();
    assert_eq!(rows, 1);

    account.rds("StopDBInstance", &[named]).await.unwrap();
    account.instance_in("crashing", "stopped").await;
    assert_eq!(shared().own("crash", whose).await.0, 400, "there is no server");
}

#[tokio::test]
async fn what_is_still_to_come_can_be_seen_and_what_is_not_understood_is_refused() {
    next("599999999999", "sns", "Publish", json!("connectionClosedAfter")).await;
    let url = format!("{}/_local-aws/faults", shared().endpoint);
    let pending: Vec<Value> = reqwest::get(url).await.unwrap().json().await.unwrap();
    assert!(pending.iter().any(|it| it["who"] == "599999999999/*" && it["how"] == "connectionClosedAfter"));
    assert_eq!(shared().own("faults", json!({ "service": "rds", "how": "badly" })).await.0, 400);
    assert_eq!(shared().own("misbehaviours", json!({ "snapshotSings": {} })).await.0, 400);
}
