//! `Point` on the real clients of both Regions: which secret says what, call by call.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use point::{Response, handle};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use test_support::assert_fails;
use test_support::regions::{Regions, Secret};

fn request(mode: &str) -> Value {
    let member = |region: &str| json!({"region": region, "dbInstanceIdentifier": "billing"});
    json!({
        "group": "shop", "epoch": "7-eu-west-1", "mode": mode, "stageDeadlineSeconds": 900, "stage": {},
        "resource": {
            "kind": "secret", "name": "app", "secretId": "shop/database",
            "follows": {"from": member("eu-central-1"), "to": member("eu-west-1")},
            "from": {"region": "eu-central-1"}, "to": {"region": "eu-west-1"},
        },
    })
}

/// The Regions after a promotion, with a secret in each.
fn promoted() -> Regions {
    let regions = Regions::new();
    regions.instance("eu-west-1", |it| {
        it.source = None;
        it.tags.insert("snapferry:epoch".to_owned(), "7-eu-west-1".to_owned())
    });
    for (region, writable) in [("eu-central-1", true), ("eu-west-1", false)] {
        let value = json!({"host": format!("billing.{region}.example"), "port": 5432, "apiKey": "k", "writable": writable,
                           "username": "app", "password": "hunter2"});
        let versions = BTreeMap::from([("v1".to_owned(), value)]);
        regions.at(region, |it| it.secret = Some(Secret { current: "v1".to_owned(), versions }));
    }
    regions
}

/// What the secret of a Region says now.
fn says(regions: &Regions, region: &str) -> Value {
    regions.at(region, |it| {
        let secret = it.secret.as_ref().unwrap();
        secret.versions[&secret.current].clone()
    })
}

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

// Never 1: two writable primaries that the application can reach.
#[tokio::test]
async fn the_secrets_move_one_after_the_other_and_are_never_both_writable() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&seen);
    let regions = promoted().with(move |regions, _, _| {
        let writable = |region: &str| {
            let secret = regions[region].secret.as_ref().unwrap();
            secret.versions[&secret.current]["writable"] == true
        };
        record.lock().unwrap().push((writable("eu-central-1"), writable("eu-west-1")));
        None
    });
    assert!(to_its_end(&regions, "planned").await.old_closed);
    let mut seen = seen.lock().unwrap().clone();
    seen.dedup();
    assert_eq!(seen, [(true, false), (false, false), (false, true)]);
    let expected = json!({"host": "billing.eu-west-1.example", "port": 5432, "dbInstanceIdentifier": "billing",
                          "apiKey": "k", "writable": true, "username": "app", "password": "hunter2"});
    assert_eq!(says(&regions, "eu-west-1"), expected);
    let old = says(&regions, "eu-central-1");
    assert_eq!((&old["writable"], &old["host"]), (&json!(false), &json!("billing.eu-central-1.example")));
}

#[tokio::test]
async fn repeating_a_finished_step_changes_nothing() {
    let regions = promoted();
    to_its_end(&regions, "planned").await;
    let changes = regions.changes();
    to_its_end(&regions, "planned").await;
    assert_eq!(regions.changes(), changes);
}

#[tokio::test]
async fn an_edit_in_between_is_kept() {
    let mut edited = false;
    let regions = promoted().with(move |regions, region, call| {
        if call["Action"] == "UpdateSecretVersionStage"
            && region == "eu-west-1"
            && !std::mem::replace(&mut edited, true)
        {
            let secret = regions.get_mut(region).unwrap().secret.as_mut().unwrap();
            let mut value = secret.versions[&secret.current].clone();
            value["apiKey"] = json!("another");
            secret.versions.insert("v2".to_owned(), value);
            secret.current = "v2".to_owned();
        }
        None
    });
    to_its_end(&regions, "planned").await;
    let new = says(&regions, "eu-west-1");
    assert_eq!((&new["apiKey"], &new["writable"]), (&json!("another"), &json!(true)));
}

#[tokio::test]
async fn a_silent_region_stops_a_planned_failover_and_not_an_unplanned_one() {
    let regions = promoted();
    regions.at("eu-central-1", |it| it.is_silent = true);
    let answer = handle(&regions.config(), request("planned")).await;
    assert_fails(answer, "Snapferry.SecretsManagerUnavailable", "GetSecretValue");
    assert_eq!(regions.changes(), [""; 0]);
    assert!(!to_its_end(&regions, "unplanned").await.old_closed);
    assert_eq!(says(&regions, "eu-west-1")["writable"], true);
    // The old Region is asked in the first look alone, in three attempts.
    let silent = regions.calls.sent().iter().filter(|it| it["Action"] == "GetSecretValue").count();
    assert_eq!(silent, (1 + 3) + (1 + 3) + 1, "{:?}", regions.calls.sent());
}

// Never 8: the pointer moved before the write test, and before the promotion.
#[tokio::test]
async fn no_secret_leads_to_what_this_failover_did_not_promote() {
    let regions = promoted();
    regions.instance("eu-west-1", |it| it.source = Some(test_support::regions::arn("eu-central-1")));
    assert_fails(
        handle(&regions.config(), request("planned")).await,
        "Snapferry.NotPromoted",
        "DB instance billing",
    );
    regions.at("eu-west-1", |it| it.instance = None);
    assert_fails(handle(&regions.config(), request("planned")).await, "Snapferry.MemberNotFound", "billing");
    assert_eq!(regions.changes(), [""; 0]);
}

#[tokio::test]
async fn a_secret_that_is_not_there_is_named_with_its_region() {
    let regions = promoted();
    regions.at("eu-west-1", |it| it.secret = None);
    let answer = handle(&regions.config(), request("planned")).await;
    assert_fails(answer, "Snapferry.SecretNotFound", "secret shop/database does not exist in eu-west-1");
}

#[tokio::test]
async fn bad_input_is_invalid_request() {
    let (regions, mut request) = (promoted(), request("planned"));
    request["resource"]["secretId"] = json!(7);
    assert_fails(handle(&regions.config(), request).await, "Snapferry.InvalidRequest", "`resource`");
    assert!(regions.calls.sent().is_empty());
}
