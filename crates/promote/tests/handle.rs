//! `Promote` on the real RDS client: what it sends, look by look.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use promote::handle;
use serde_json::{Value, json};
use test_support::regions::{Regions, rds_error};
use test_support::{actions, assert_fails, the};

fn request() -> Value {
    json!({
        "group": "shop", "epoch": "7-eu-west-1", "mode": "planned", "stageDeadlineSeconds": 3600, "stage": {},
        "resource": {
            "kind": "rdsReadReplica", "name": "billing", "masterSecretId": "shop/billing-master", "assertions": [],
            "from": {"region": "eu-central-1", "dbInstanceIdentifier": "billing", "quarantineSecurityGroupId": "sg-9"},
            "to": {"region": "eu-west-1", "dbInstanceIdentifier": "billing"},
            "rebuild": {"dbSubnetGroupName": "private", "vpcSecurityGroupIds": ["sg-1"]},
        },
    })
}

/// Looks until it is done, as the machine does; answers how many looks that took.
async fn to_its_end(regions: &Regions) -> usize {
    let mut request = request();
    for looks in 1..20 {
        let answer = handle(&regions.config(), request.clone()).await.unwrap();
        if answer.look.done {
            let endpoint =
                json!({"engine": "postgres", "address": "billing.eu-west-1.example", "port": 5432});
            assert_eq!(json!(answer.endpoint), endpoint);
            return looks;
        }
        request["stage"] = json!(answer.look.waiting);
    }
    panic!("it does not end");
}

#[tokio::test]
async fn the_replica_is_tagged_before_it_is_promoted_and_only_its_region_is_called() {
    let regions = Regions::new();
    regions.at("eu-central-1", |it| it.is_silent = true);
    assert_eq!(to_its_end(&regions).await, 3);
    let sent = regions.calls.sent();
    let look = "DescribeDBInstances";
    assert_eq!(actions(&sent), [look, "AddTagsToResource", "PromoteReadReplica", look, look]);
    let expected = json!({"Action": "PromoteReadReplica", "DBInstanceIdentifier": "billing", "BackupRetentionPeriod": "7"});
    assert_eq!(the("PromoteReadReplica", &sent), &expected);
    regions.instance("eu-west-1", |replica| assert_eq!(replica.tags["snapferry:epoch"], "7-eu-west-1"));
}

#[tokio::test]
async fn repeating_a_finished_step_changes_nothing() {
    let regions = Regions::new();
    to_its_end(&regions).await;
    let changes = regions.changes();
    to_its_end(&regions).await;
    assert_eq!(regions.changes(), changes);
}

// Never 9: an uncertain answer taken for "no effect".
#[tokio::test]
async fn a_promotion_without_an_answer_is_looked_for_and_not_repeated() {
    let regions = Regions::new().with(|regions, region, call| {
        let is_promotion = call["Action"] == "PromoteReadReplica";
        is_promotion.then(|| {
            // RDS does it all the same.
            regions.get_mut(region).unwrap().instance.as_mut().unwrap().source = None;
            rds_error("InternalFailure")
        })
    });
    let answer = handle(&regions.config(), request()).await.unwrap();
    assert!(!answer.look.done && answer.look.reason.contains("nobody knows yet"), "{:?}", answer.look);
    let changes = regions.changes();
    assert_eq!(to_its_end(&regions).await, 2);
    assert_eq!(regions.changes(), changes);
}

#[tokio::test]
async fn a_promotion_that_rds_lost_is_asked_for_again_after_a_minute() {
    let mut lost = 1;
    let regions = Regions::new().with(move |_, _, call| {
        let is_lost = call["Action"] == "PromoteReadReplica" && lost > 0;
        is_lost.then(|| {
            lost -= 1;
            json!({"xml": "<PromoteReadReplicaResponse><PromoteReadReplicaResult/></PromoteReadReplicaResponse>"})
        })
    });
    to_its_end(&regions).await;
    let changes = regions.changes();
    assert_eq!(changes, ["AddTagsToResource", "PromoteReadReplica", "PromoteReadReplica"]);
}

#[tokio::test]
async fn a_refused_promotion_is_waited_for_or_fails_by_name() {
    let refusing = |code: &'static str| {
        Regions::new()
            .with(move |_, _, call| (call["Action"] == "PromoteReadReplica").then(|| rds_error(code)))
    };
    let busy = handle(&refusing("InvalidDBInstanceState").config(), request()).await.unwrap();
    assert_eq!((busy.look.done, busy.look.reason.as_str()), (false, "DB instance billing became busy"));
    let denied = handle(&refusing("AccessDenied").config(), request()).await;
    assert_fails(denied, "Snapferry.RdsRefused", "PromoteReadReplica failed: AccessDenied");
}

#[tokio::test]
async fn a_replica_that_is_gone_or_promoted_by_somebody_else_fails_by_name() {
    let regions = Regions::new();
    regions.instance("eu-west-1", |it| it.source = None);
    let answer = handle(&regions.config(), request()).await;
    assert_fails(
        answer,
        "Snapferry.PromotedBySomebodyElse",
        "DB instance billing is no read replica any more",
    );
    regions.at("eu-west-1", |it| it.instance = None);
    assert_fails(
        handle(&regions.config(), request()).await,
        "Snapferry.MemberNotFound",
        "DB instance billing",
    );
    assert_eq!(regions.changes(), [""; 0]);
}

#[tokio::test]
async fn bad_input_is_invalid_request() {
    let (regions, mut request) = (Regions::new(), request());
    request["upTo"] = json!("0/1");
    assert_fails(
        handle(&regions.config(), request).await,
        "Snapferry.InvalidRequest",
        "unknown field `upTo`",
    );
    assert!(regions.calls.sent().is_empty());
}
