//! `Preflight` on the real RDS client: what it refuses, and that it changes nothing.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use preflight::{Error, Response, handle};
use serde_json::{Value, json};
use test_support::assert_fails;
use test_support::regions::{Instance, Regions, arn};

const HERE: &str = "eu-west-1";
const THERE: &str = "eu-central-1";

fn request(mode: &str) -> Value {
    json!({
        "group": "shop", "epoch": "7-eu-west-1", "mode": mode, "stageDeadlineSeconds": 3600, "stage": {},
        "layers": [{"layer": 1, "resources": [{
            "kind": "rdsReadReplica", "name": "billing", "masterSecretId": "shop/billing-master", "assertions": [],
            "from": {"region": THERE, "dbInstanceIdentifier": "billing", "quarantineSecurityGroupId": "sg-9"},
            "to": {"region": HERE, "dbInstanceIdentifier": "billing"},
            "rebuild": {"dbSubnetGroupName": "private", "vpcSecurityGroupIds": ["sg-1"]},
        }]}],
    })
}

async fn look(regions: &Regions, mode: &str) -> Result<Response, Error> {
    handle(&regions.config(), request(mode)).await
}

/// The group after something is different.
fn with(region: &str, change: impl FnOnce(&mut Instance)) -> Regions {
    let regions = Regions::new();
    regions.instance(region, change);
    regions
}

#[tokio::test]
async fn repeating_a_finished_step_changes_nothing() {
    let regions = Regions::new();
    for mode in ["planned", "unplanned", "planned"] {
        let answer = look(&regions, mode).await.unwrap();
        assert!(answer.look.done && answer.can_be_undone && answer.warnings.is_empty());
    }
    assert_eq!(regions.changes(), [""; 0]);
}

// F7: nothing tells the direction, or whether it was done before.
#[tokio::test]
async fn what_rds_says_of_the_roles_decides() {
    let promoted = |epoch: &'static str| {
        with(HERE, move |it| {
            it.source = None;
            it.tags.insert("snapferry:epoch".to_owned(), epoch.to_owned());
        })
    };
    let ours = look(&promoted("7-eu-west-1"), "planned").await.unwrap();
    assert!(ours.look.done && !ours.can_be_undone, "this failover promoted it before");
    let before = look(&promoted("6-eu-west-1"), "planned").await;
    assert_fails(before, "Snapferry.WrongDirection", "the group may be active there already");
    assert_fails(look(&promoted("8-eu-west-1"), "planned").await, "Snapferry.NewerEpoch", "8-eu-west-1");
    let other = with(HERE, |it| it.source = Some(arn("eu-west-2")));
    assert_fails(look(&other, "planned").await, "Snapferry.WrongDirection", "db:billing");
    let back = Regions::new();
    back.instance(HERE, |it| it.source = None);
    back.instance(THERE, |it| it.source = Some(arn(HERE)));
    assert_fails(look(&back, "planned").await, "Snapferry.WrongDirection", "is a primary");
}

#[tokio::test]
async fn what_is_not_fit_is_refused_with_its_repair() {
    let refused = async |regions: Regions, name: &str, says: &str| {
        assert_fails(look(&regions, "planned").await, name, says);
        assert_eq!(regions.changes(), [""; 0]);
    };
    let tag =
        |it: &mut Instance, key: &str, value: &str| drop(it.tags.insert(key.to_owned(), value.to_owned()));
    for region in [THERE, HERE] {
        let none = Regions::new();
        none.at(region, |it| it.instance = None);
        refused(none, "Snapferry.MemberNotFound", region).await;
        refused(with(region, |it| it.tags.clear()), "Snapferry.MemberNotTagged", "Add the tag").await;
        let other = with(region, |it| tag(it, "snapferry:group", "crm"));
        refused(other, "Snapferry.OfAnotherGroup", "crm").await;
        let copy = with(region, |it| tag(it, "snapferry:replication", "orders"));
        refused(copy, "Snapferry.CopyInGroup", "orders").await;
        let failed = with(region, |it| it.status = "incompatible-network".to_owned());
        refused(failed, "Snapferry.MemberNotAvailable", "incompatible-network").await;
    }
    let broken = with(HERE, |it| it.replication = Some("error".to_owned()));
    refused(broken, "Snapferry.ReplicationBroken", "is error").await;
    let without_backups = with(HERE, |it| it.backup_retention_period = 0);
    refused(without_backups, "Snapferry.StandbyNotFit", "automated backups are off").await;
}

// RDS promotes no replica that is backed up.
#[tokio::test]
async fn a_database_that_is_busy_is_waited_for() {
    for (region, status) in [(HERE, "backing-up"), (THERE, "backing-up"), (HERE, "modifying")] {
        let answer = look(&with(region, |it| it.status = status.to_owned()), "planned").await.unwrap();
        assert!(!answer.look.done && answer.look.wait_seconds > 0, "{region} {status}");
        assert!(answer.look.reason.contains(status), "{}", answer.look.reason);
    }
}

#[tokio::test]
async fn after_a_failure_only_what_was_promoted_counts() {
    let after = async |regions: &Regions| {
        let mut request = request("planned");
        request["hasFailed"] = json!(true);
        let answer = handle(&regions.config(), request).await.unwrap();
        assert!(answer.look.done);
        (answer.can_be_undone, answer.fenced.len())
    };
    let tag = |region: &str| {
        with(region, |it| drop(it.tags.insert("snapferry:epoch".to_owned(), "7-eu-west-1".to_owned())))
    };
    assert_eq!(after(&with(THERE, |it| it.status = "stopped".to_owned())).await, (true, 0));
    // Another failover promoted it, or somebody else.
    assert_eq!(after(&with(HERE, |it| it.source = None)).await, (true, 0));
    assert_eq!(after(&tag(THERE)).await, (true, 1));
    // An uncertain answer is no proof: the promotion was asked for.
    assert_eq!(after(&tag(HERE)).await, (false, 0));
}

#[tokio::test]
async fn bad_input_is_invalid_request() {
    let mut unknown = request("planned");
    unknown["unknown"] = json!(1);
    for bad in [json!({}), unknown, request("sudden")] {
        assert_fails(handle(&Regions::new().config(), bad).await, "Snapferry.InvalidRequest", "");
    }
}
