//! `Prune` when RDS or IAM refuses a deletion.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use aws_sdk_rds::Client as Rds;
use aws_smithy_mocks::mock;
use serde_json::json;
use support::*;
use test_support::{assert_fails, fault, rds_fault};

#[tokio::test]
async fn one_failing_deletion_does_not_stop_the_others_and_is_reported() {
    let refused = mock!(Rds::delete_db_snapshot)
        .match_requests(|request| request.db_snapshot_identifier() == Some(OLD))
        .then_http_response(|| fault(403, "AccessDenied", "said RDS"));
    let rules = [refused, snapshots(&[snapshot(OLD), snapshot(MIDDLE), snapshot(NEW)])];
    let (answer, sent) = look(&rules, &[], source()).await;
    assert_eq!(changes(&sent), [delete_snapshot(OLD), delete_snapshot(MIDDLE)]);
    assert_fails(answer, "Snapferry.RdsRefused", "DeleteDBSnapshot failed: AccessDenied");
}

/// What another execution deleted meanwhile has no tags, so IAM denies the call before RDS can say that it is gone.
#[tokio::test]
async fn a_denied_call_about_a_thing_that_is_gone_is_no_failure() {
    let denied = || fault(403, "AccessDenied", "said IAM");
    let snapshot_gone = [
        mock!(Rds::delete_db_snapshot).then_http_response(denied),
        mock!(Rds::describe_db_snapshots)
            .match_requests(|request| request.db_snapshot_identifier() == Some(OLD))
            .then_http_response(|| rds_fault("DBSnapshotNotFound")),
        snapshots(&[snapshot(OLD), snapshot(NEW)]),
    ];
    let (answer, sent) = look(&snapshot_gone, &[], source()).await;
    assert!(!answer.unwrap().look.done);
    assert_eq!(sent[1], delete_snapshot(OLD));

    let instance_gone = [
        mock!(Rds::delete_db_instance).then_http_response(denied),
        mock!(Rds::describe_db_instances)
            .match_requests(|request| request.db_instance_identifier() == Some(OLD))
            .then_http_response(|| rds_fault("DBInstanceNotFound")),
        snapshots(&[]),
        instances(&[instance(OLD), instance(NEW)]),
    ];
    let (answer, sent) = look(&instance_gone, &secrets(NEW, &[]), target()).await;
    assert!(!answer.unwrap().look.done);
    assert!(sent.contains(&delete_instance(OLD)));
}

#[tokio::test]
async fn what_its_state_forbids_to_delete_is_looked_at_again() {
    for code in ["InvalidDBSnapshotState", "DBSnapshotNotFound"] {
        let refused = mock!(Rds::delete_db_snapshot).then_http_response(|| rds_fault(code));
        let rules = [refused, snapshots(&[snapshot(OLD), snapshot(NEW)])];
        assert!(!look(&rules, &[], source()).await.0.unwrap().look.done, "{code}");
    }
}

// Invariant: no database is deleted while it is a target.
#[tokio::test]
async fn an_instance_that_a_load_balancer_leads_to_stays_until_its_lane_is_free() {
    let lane = |name: &str, port: u16| {
        let arn = format!("arn:aws:elasticloadbalancing:us-east-1:222222222222:targetgroup/{name}/1");
        json!({"targetGroupArn": arn, "port": port})
    };
    let mut request = target();
    request["account"]["target"]["reach"] =
        json!({"networkLoadBalancer": {"lanes": [lane("a", 6001), lane("b", 6002)]}});
    let at = |identifier: &str, address: &str| {
        let endpoint = format!("<Endpoint><Address>{address}</Address><Port>5432</Port></Endpoint>");
        instance_saying(identifier, &endpoint)
    };
    for (address, expected) in [(OLD_ADDRESS, 0), ("10.0.0.7", 2)] {
        let rules = [snapshots(&[snapshot(OLD)]), instances(&[at(OLD, address), at(NEW, "10.0.0.3")])];
        let (answer, sent) = look(&rules, &secrets(NEW, &[secret(OLD), secret(NEW)]), request.clone()).await;
        assert_eq!(changes(&sent).len(), expected, "{address}: {sent:?}");
        let verdict = serde_json::to_value(answer.unwrap().runs).unwrap()["20200101t000000z-0000"].clone();
        assert_eq!(verdict == "keepInLane", expected == 0, "{verdict}");
    }
}

// Invariant: no database is deleted while it is a target.
#[tokio::test]
async fn an_instance_that_a_proxy_leads_to_stays_until_its_lane_is_free() {
    let lane = |name: &str| {
        let secret = format!("arn:aws:secretsmanager:us-east-1:222222222222:secret:{name}-AbCdEf");
        json!({"dbProxyName": name, "laneSecretId": secret})
    };
    let mut request = target();
    request["account"]["target"]["reach"] = json!({"dbProxy": {"lanes": [lane("lane-a"), lane("lane-b")]}});
    for (behind, expected) in [(OLD, 0), ("payroll", 2)] {
        let [found, targets, gone] = proxy_with("lane-a", behind);
        let rules =
            [snapshots(&[snapshot(OLD)]), instances(&[instance(OLD), instance(NEW)]), found, targets, gone];
        let (answer, sent) = look(&rules, &secrets(NEW, &[secret(OLD), secret(NEW)]), request.clone()).await;
        assert_eq!(changes(&sent).len(), expected, "{behind}: {sent:?}");
        let verdict = serde_json::to_value(answer.unwrap().runs).unwrap()["20200101t000000z-0000"].clone();
        assert_eq!(verdict == "keepInLane", expected == 0, "{verdict}");
    }
}
