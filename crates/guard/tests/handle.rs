//! `Guard` on the real RDS clients of both Regions.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use guard::handle;
use serde_json::{Value, json};
use test_support::assert_fails;
use test_support::regions::{Regions, arn};

/// The guard of Frankfurt.
fn request() -> Value {
    json!({"otherRegion": "eu-west-1", "quarantineSecurityGroupId": "sg-9"})
}

async fn look(regions: &Regions) -> Vec<String> {
    handle(&regions.config().in_region("eu-central-1"), request()).await.unwrap().did
}

/// Frankfurt is back after an unplanned failover to Ireland: its primary still takes writes.
fn returned() -> Regions {
    let regions = Regions::new().with(|_, _, call| {
        (call["Action"] == "RebootDBInstance")
            .then(|| json!({"xml": "<RebootDBInstanceResponse><RebootDBInstanceResult/></RebootDBInstanceResponse>"}))
    });
    regions.instance("eu-west-1", |it| {
        it.source = None;
        let tags =
            [("snapferry:epoch", "7-eu-west-1".to_owned()), ("snapferry:replaces", arn("eu-central-1"))];
        it.tags.extend(tags.map(|(key, value)| (key.to_owned(), value)));
    });
    regions
}

// Never 1: two writable primaries that the application can reach.
#[tokio::test]
async fn an_old_primary_that_returns_is_quarantined_in_one_look_and_rebooted_in_the_next() {
    let regions = returned();
    let did = look(&regions).await;
    assert_eq!(did, ["DB instance billing was replaced, and gets the quarantine's security group"]);
    regions.instance("eu-central-1", |it| {
        assert_eq!(it.groups, ["sg-9"]);
        assert_eq!(it.tags["snapferry:security-groups"], "sg-1 sg-2");
        assert_eq!(it.tags["snapferry:epoch"], "7-eu-west-1");
    });
    assert_eq!(
        look(&regions).await,
        ["DB instance billing was replaced, and reboots so that its sessions end"]
    );
    let changes = ["AddTagsToResource", "ModifyDBInstance", "RebootDBInstance", "RemoveTagsFromResource"];
    assert_eq!(regions.changes(), changes);
    regions.instance("eu-west-1", |it| assert_eq!(it.groups, ["sg-3"]));
}

#[tokio::test]
async fn repeating_a_finished_step_changes_nothing() {
    let regions = returned();
    look(&regions).await;
    look(&regions).await;
    let changes = regions.changes();
    assert_eq!(look(&regions).await, [""; 0]);
    assert_eq!(regions.changes(), changes);
}

#[tokio::test]
async fn while_the_other_region_does_not_answer_nothing_is_done() {
    let regions = returned();
    regions.at("eu-west-1", |it| it.is_silent = true);
    assert_eq!(look(&regions).await, [""; 0]);
    // The primary of a group that nobody failed over.
    assert_eq!(look(&Regions::new()).await, [""; 0]);
    assert_eq!(regions.changes(), [""; 0]);
}

#[tokio::test]
async fn bad_input_is_invalid_request() {
    let answer = handle(&Regions::new().config(), json!({"otherRegion": "Ireland"})).await;
    assert_fails(answer, "Snapferry.InvalidRequest", "`otherRegion`");
}
