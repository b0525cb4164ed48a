//! Misbehaviour of RDS's resources on request.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use serde_json::json;
use sqlx::Connection;
use support::{log_in, shared, text, until};

// Rule of AWS: a copy may stand at 0 %, and fail; its source may go.
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

// Rule of AWS: a copy may stand at 0 %, and fail; its source may go.
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

// What RDS has just begun to make need not list its tags.
#[tokio::test]
async fn tags_of_a_snapshot_appear_after_some_looks() {
    let account = shared().account("500000000031");
    account.create("late", &[]).await;
    let late = json!({ "dbSnapshotIdentifier": "late-1", "looks": 2 });
    shared().misbehave(json!({ "tagsAppearLate": late })).await;
    let names = [("DBInstanceIdentifier", "late"), ("DBSnapshotIdentifier", "late-1")];
    let tag = [("Tags.Tag.1.Key", "team"), ("Tags.Tag.1.Value", "shop")];
    account.rds("CreateDBSnapshot", &[names, tag].concat()).await.unwrap();
    for expected in [false, false, true] {
        let seen = account.rds("DescribeDBSnapshots", &names[1..]).await.unwrap();
        assert_eq!(seen.contains("<Value>shop</Value>"), expected, "{seen}");
    }
}

// Rule of AWS: a restore may end as incompatible, and can then be deleted.
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

// Rule of AWS: it shows no endpoint early, and goes from available to backing-up and back.
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

// Rule of AWS: an engine that crashed is started again, and a snapshot or a new password outlasts that.
#[tokio::test]
async fn a_crashed_server_comes_up_again_at_its_endpoint_with_its_rows_and_what_was_asked_for_is_done() {
    let account = shared().account("500000000010");
    let created = account.create("crashing", &[]).await;
    let mut connection =
        log_in(shared(), &created, "Orders_Master", "quite-secret", "postgres").await.unwrap();
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
    let log_in = async || log_in(shared(), &now, "Orders_Master", "another-secret", "postgres").await.ok();
    let mut connection = until(log_in).await;
    let rows: i64 =
        sqlx::query_scalar("SELECT count(*) FROM lines").fetch_one(&mut connection).await.unwrap();
    assert_eq!(rows, 1);

    account.rds("StopDBInstance", &[named]).await.unwrap();
    account.instance_in("crashing", "stopped").await;
    assert_eq!(shared().own("crash", whose).await.0, 400, "there is no server");
}

#[tokio::test]
async fn a_misbehaviour_still_to_come_can_be_seen_and_what_is_not_understood_is_refused() {
    let planned = json!({ "copyNeedsItsSource": { "targetDbSnapshotIdentifier": "never-copied" } });
    shared().misbehave(planned.clone()).await;
    assert!(shared().planned("misbehaviours").await.contains(&planned));
    assert_eq!(shared().own("misbehaviours", json!({ "snapshotSings": {} })).await.0, 400);
}
