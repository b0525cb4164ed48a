//! `Unfence` on the real clients of both Regions.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use fence::unfence::handle;
use serde_json::json;
use support::{regions, request};
use test_support::assert_fails;
use test_support::regions::Regions;

/// Looks until it is done, as the machine does.
async fn to_its_end(regions: &Regions) {
    let mut request = request("planned");
    for _ in 0..20 {
        let answer = handle(&regions.config(), request.clone()).await.unwrap();
        if answer.look.done {
            return;
        }
        request["stage"] = json!(answer.look.waiting);
    }
    panic!("it does not end");
}

/// The Regions after the first look of `Fence`.
async fn fenced() -> Regions {
    let regions = regions(0, &[]);
    fence::fence::handle(&regions.config(), request("planned")).await.unwrap();
    regions.instance("eu-central-1", |primary| assert_eq!(primary.groups, ["sg-9"]));
    regions
}

#[tokio::test]
async fn the_old_primary_gets_its_groups_back_and_the_tag_that_kept_them_goes() {
    let regions = fenced().await;
    to_its_end(&regions).await;
    regions.instance("eu-central-1", |primary| {
        assert_eq!(primary.groups, ["sg-1", "sg-2"]);
        assert!(!primary.tags.contains_key("snapferry:security-groups"), "{:?}", primary.tags);
    });
    let changes = regions.changes();
    assert_eq!(changes[2..], ["ModifyDBInstance", "RemoveTagsFromResource"]);
}

#[tokio::test]
async fn repeating_a_finished_step_changes_nothing() {
    let regions = fenced().await;
    to_its_end(&regions).await;
    let changes = regions.changes();
    to_its_end(&regions).await;
    assert_eq!(regions.changes(), changes);
}

#[tokio::test]
async fn the_fence_stays_once_the_replica_carries_the_tag_of_its_promotion() {
    let regions = fenced().await;
    regions.instance("eu-west-1", |replica| {
        replica.tags.insert("snapferry:epoch".to_owned(), "7-eu-west-1".to_owned())
    });
    let answer = handle(&regions.config(), request("planned")).await;
    assert_fails(answer, "Snapferry.AlreadyPromoted", "goes forward only");
    regions.instance("eu-central-1", |primary| assert_eq!(primary.groups, ["sg-9"]));
}

#[tokio::test]
async fn bad_input_is_invalid_request() {
    let mut request = request("planned");
    request["resource"]["kind"] = json!("cluster");
    let answer = handle(&Regions::new().config(), request).await;
    assert_fails(answer, "Snapferry.InvalidRequest", "unknown variant `cluster`");
}
