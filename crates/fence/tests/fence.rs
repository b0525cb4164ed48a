//! `Fence` on the real clients of both Regions: what it sends where, look by look.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use fence::fence::{Response, handle};
use serde_json::{Value, json};
use support::{regions, request};
use test_support::regions::{Regions, rds_error};
use test_support::{actions, assert_fails};

/// Looks until it is done, as the machine does.
async fn to_its_end(regions: &Regions, mode: &str) -> Response {
    let mut request = request(mode);
    for _ in 0..20 {
        let answer = handle(&regions.config(), request.clone()).await.unwrap();
        if answer.look.done {
            return answer;
        }
        request["stage"] = json!(answer.look.waiting);
    }
    panic!("it does not end");
}

#[tokio::test]
async fn a_fence_is_looked_into_tagged_swapped_and_proven_in_this_order() {
    let regions = regions(3, &[]);
    let answer = to_its_end(&regions, "planned").await;
    assert!(answer.fenced);
    assert_eq!(answer.up_to.as_deref(), Some("0/3000148"));
    let endpoint = json!({"engine": "postgres", "address": "billing.eu-west-1.example", "port": 5432});
    assert_eq!(json!(answer.endpoint), endpoint);

    let sent = regions.calls.sent();
    let invoke = "/2015-03-31/functions/snapferry-end-sessions/invocations";
    let look = "DescribeDBInstances";
    let begin = [look, look, invoke, "AddTagsToResource", "ModifyDBInstance"];
    let ends = [look, look, invoke].repeat(3);
    assert_eq!(actions(&sent), [begin.as_slice(), &ends].concat());
    let acts = sent.iter().filter_map(|it| it["body"]["act"].as_str()).collect::<Vec<_>>();
    assert_eq!(acts, ["look", "end", "end", "end"]);
    regions.instance("eu-central-1", |primary| {
        assert_eq!(primary.groups, ["sg-9"]);
        assert_eq!(primary.tags["snapferry:security-groups"], "sg-1 sg-2");
        assert_eq!(primary.tags["snapferry:epoch"], "7-eu-west-1");
    });
    regions.instance("eu-west-1", |replica| assert_eq!(replica.groups, ["sg-3"]));
}

#[tokio::test]
async fn repeating_a_finished_step_changes_nothing() {
    let regions = regions(3, &[]);
    to_its_end(&regions, "planned").await;
    let changes = regions.changes();
    assert!(to_its_end(&regions, "planned").await.fenced);
    assert_eq!(regions.changes(), changes);
}

#[tokio::test]
async fn what_writes_inside_the_server_stops_a_planned_failover_before_anything_changes() {
    let regions = regions(3, &["subscription s in database shop"]);
    let answer = handle(&regions.config(), request("planned")).await;
    assert_fails(answer, "Snapferry.WritersInside", "subscription s in database shop");
    assert_eq!(regions.changes(), [""; 0]);
}

#[tokio::test]
async fn a_replication_that_the_fence_breaks_gets_its_source_back_at_once() {
    let regions = regions(0, &[]);
    handle(&regions.config(), request("planned")).await.unwrap();
    regions.instance("eu-west-1", |replica| replica.replication = Some("error".to_owned()));
    let answer = handle(&regions.config(), request("planned")).await;
    assert_fails(
        answer,
        "Snapferry.ReplicationBroken",
        "is error since DB instance billing has the quarantine's",
    );
    regions.instance("eu-central-1", |primary| assert_eq!(primary.groups, ["sg-1", "sg-2"]));
}

#[tokio::test]
async fn a_function_that_fails_there_fails_a_planned_failover_before_anything_changes() {
    let refused =
        json!({"functionError": true, "errorType": "Snapferry.LoginRefused", "errorMessage": "28P01: no"});
    let is_call = |call: &Value| call["Action"].as_str().unwrap().starts_with('/');
    let regions = Regions::new().with(move |_, _, call| is_call(call).then(|| refused.clone()));
    let answer = handle(&regions.config(), request("planned")).await;
    assert_fails(
        answer,
        "Snapferry.SessionsNotEnded",
        "in eu-central-1 failed: Snapferry.LoginRefused: 28P01: no",
    );
    assert_eq!(regions.changes(), [""; 0]);
}

#[tokio::test]
async fn a_busy_primary_is_waited_for() {
    let regions = Regions::new().with(|_, _, call| match call["Action"].as_str().unwrap() {
        "ModifyDBInstance" => Some(rds_error("InvalidDBInstanceState")),
        action if action.starts_with('/') => {
            Some(json!({"isPrimary": true, "ended": 0, "left": 0, "writers": [], "walLsn": "0/1"}))
        }
        _ => None,
    });
    let answer = handle(&regions.config(), request("planned")).await.unwrap();
    assert_eq!((answer.look.done, answer.look.reason.as_str()), (false, "DB instance billing became busy"));
}

#[tokio::test]
async fn a_silent_region_fails_a_planned_failover_and_not_an_unplanned_one() {
    let regions = regions(3, &[]);
    regions.at("eu-central-1", |it| it.is_silent = true);
    let answer = handle(&regions.config(), request("planned")).await;
    assert_fails(answer, "Snapferry.RdsUnavailable", "DescribeDBInstances");
    let answer = to_its_end(&regions, "unplanned").await;
    assert!(!answer.fenced && answer.up_to.is_none());
    assert!(answer.look.reason.contains("goes on without a fence"), "{}", answer.look.reason);

    // The Region is there after all.
    regions.at("eu-central-1", |it| it.is_silent = false);
    assert!(to_its_end(&regions, "unplanned").await.fenced);
    // A newer failover stops this one, whatever its mode.
    regions.instance("eu-central-1", |it| {
        it.tags.insert("snapferry:epoch".to_owned(), "8-eu-central-1".to_owned())
    });
    let answer = handle(&regions.config(), request("unplanned")).await;
    assert_fails(answer, "Snapferry.NewerEpoch", "8-eu-central-1");
}

#[tokio::test]
async fn bad_input_is_invalid_request() {
    let check = async |field: &str, value: Value, expected: &str| {
        let (regions, mut request) = (Regions::new(), request("planned"));
        request[field] = value;
        assert_fails(handle(&regions.config(), request).await, "Snapferry.InvalidRequest", expected);
        assert!(regions.calls.sent().is_empty());
    };
    check("epoch", json!("7"), "`epoch`").await;
    check("mode", json!("sudden"), "`mode`").await;
    check("region", json!("eu-west-1"), "unknown field `region`").await;
    let secret = json!({
        "kind": "secret", "name": "app", "secretId": "shop/database",
        "follows": {"from": {"region": "eu-central-1", "dbInstanceIdentifier": "billing"},
                    "to": {"region": "eu-west-1", "dbInstanceIdentifier": "billing"}},
        "from": {"region": "eu-central-1"}, "to": {"region": "eu-west-1"},
    });
    check("resource", secret, "`resource.kind`: only a read replica has an old primary").await;
}
