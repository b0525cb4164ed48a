//! `Prune` on the real RDS and Secrets Manager clients: what it answers, and every request that it sends.
//!
//! The step reads the clock, so runs are either of 2020, which is past every age, or of 2999, which is before it.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use aws_sdk_rds::Client as Rds;
use aws_sdk_secretsmanager::Client as Secrets;
use aws_smithy_mocks::mock;
use prune::handle;
use serde_json::{Value, json};
use support::*;
use test_support::{Calls, assert_fails, json_answer, rds_fault};

#[tokio::test]
async fn the_source_loses_the_snapshots_and_copies_of_runs_past_count_and_age() {
    let old_copy = format!("{OLD}-copy");
    let rules = [snapshots(&[snapshot(OLD), snapshot(&old_copy), snapshot(MIDDLE), snapshot(NEW)])];
    let (answer, sent) = look(&rules, &[], source()).await;
    let manual = json!({"Action": "DescribeDBSnapshots", "SnapshotType": "manual"});
    assert_eq!(
        sent,
        [manual, delete_snapshot(OLD), delete_snapshot(&old_copy), delete_snapshot(MIDDLE)],
        "nothing but these, and not the latest"
    );
    let answer = answer.unwrap();
    assert!(answer.look.done);
    let all = [OLD, &old_copy, MIDDLE].map(|it| format!("snapshot:{it}"));
    assert_eq!((answer.deleted, answer.planned), (all.clone().into(), all.into()));
}

#[tokio::test]
async fn the_source_keeps_a_young_snapshot_whatever_the_count() {
    let older = "orders-29980101t000000z-0000";
    let (_, sent) = look(&[snapshots(&[snapshot(older), snapshot(FUTURE)])], &[], source()).await;
    assert_eq!(sent.len(), 1, "{sent:?}");
}

// Invariant: nothing is deleted whose identifier is not exactly the one rebuilt from its own tags.
#[tokio::test]
async fn what_snapferry_did_not_make_is_left_alone_though_it_carries_its_tags() {
    let untagged = format!("<DBSnapshotIdentifier>{OLD}</DBSnapshotIdentifier><Status>available</Status>");
    let others = "payroll-20200101t000000z-0000";
    let list =
        [rds_thing("Snapshot", "orders-rescue", &tags(OLD), ""), untagged, snapshot(others), snapshot(NEW)];
    let (_, sent) = look(&[snapshots(&list)], &[], source()).await;
    assert_eq!(sent.len(), 1, "{sent:?}");

    let restored = rds_thing("Instance", "orders-rescue", &tags(OLD), "");
    let foreign_secret = json!({"Name": "snapferry/orders/mine", "Tags": secret_tags(OLD)});
    let rules = [snapshots(&list), instances(&[restored, instance(NEW)])];
    let (_, sent) = look(&rules, &secrets(NEW, &[foreign_secret]), target()).await;
    assert_eq!(sent.len(), 6, "{sent:?}");
}

#[tokio::test]
async fn an_instance_goes_without_a_final_snapshot_and_with_its_automated_backups() {
    let rules = [snapshots(&[snapshot(OLD)]), instances(&[instance(OLD), instance(NEW)])];
    let (answer, sent) = look(&rules, &secrets(NEW, &[secret(OLD), secret(NEW)]), target()).await;
    let read_again = ["GetSecretValue", "DescribeSecret"];
    assert_eq!([&sent[6]["Action"], &sent[7]["Action"]], read_again, "the live copy may have changed");
    assert_eq!(
        changes(&sent),
        [delete_snapshot(OLD), delete_instance(OLD)],
        "the secret outlives its instance"
    );
    assert_eq!([&sent[9]["Action"], &sent[10]["Action"]], read_again, "and again since the last call");
    let answer = answer.unwrap();
    assert!(!answer.look.done && answer.look.wait_seconds > 0, "the instance is not gone yet");
    assert_eq!(answer.deleted, [format!("db:{OLD}"), format!("snapshot:{OLD}")].into());
}

#[tokio::test]
async fn what_earlier_looks_deleted_stays_on_the_list_and_what_is_refused_is_not() {
    let mut request = source();
    request["deleted"] = json!(["snapshot:earlier"]);
    let refused = mock!(Rds::delete_db_snapshot)
        .match_requests(|it| it.db_snapshot_identifier() == Some(OLD))
        .then_http_response(|| rds_fault("InvalidDBSnapshotState"));
    let rules = [refused, snapshots(&[snapshot(OLD), snapshot(MIDDLE), snapshot(NEW)])];
    let answer = look(&rules, &[], request).await.0.unwrap();
    assert_eq!(answer.deleted, ["snapshot:earlier".to_owned(), format!("snapshot:{MIDDLE}")].into());
    assert_eq!(answer.planned.len(), 2);
}

#[tokio::test]
async fn a_dry_run_tells_the_same_list_and_deletes_nothing() {
    let rules = || [snapshots(&[snapshot(OLD), snapshot(NEW)]), instances(&[instance(OLD), instance(NEW)])];
    let application = || secrets(NEW, &[secret(OLD), secret(NEW)]);
    let mut dry = target();
    dry["dryRun"] = json!(true);
    let (told, sent) = look(&rules(), &application(), dry).await;
    assert_eq!(sent.len(), 6, "{sent:?}");
    let (done, _) = look(&rules(), &application(), target()).await;
    let told = told.unwrap();
    assert!(told.look.done && told.deleted.is_empty());
    assert_eq!(told.planned, done.unwrap().planned);
    assert_eq!(told.planned, [format!("db:{OLD}"), format!("snapshot:{OLD}")].into());
}

#[tokio::test]
async fn the_sources_own_snapshot_goes_once_its_copy_and_a_newer_one_are_there() {
    let younger = "orders-29990102t000000z-0000";
    let list = [FUTURE, &format!("{FUTURE}-copy"), younger, &format!("{younger}-copy")];
    let (_, sent) = look(&[snapshots(&list.map(snapshot))], &[], source()).await;
    assert_eq!(sent[1..], [delete_snapshot(FUTURE)]);
}

#[tokio::test]
async fn a_secret_goes_after_its_instance_with_a_recovery_window() {
    let deleting = instance_saying(OLD, "<DBInstanceStatus>deleting</DBInstanceStatus>");
    for instances in [instances(&[deleting, instance(NEW)]), instances(&[instance(NEW)])] {
        let (answer, sent) =
            look(&[snapshots(&[]), instances], &secrets(NEW, &[secret(OLD)]), target()).await;
        assert!(answer.unwrap().look.done);
        let name = "snapferry/orders/20200101t000000z-0000";
        assert_eq!(
            sent[6..],
            [json!({"Action": "DeleteSecret", "SecretId": name, "RecoveryWindowInDays": 7})]
        );
    }
}

/// As after a look whose deletions went through and whose answer was lost.
#[tokio::test]
async fn a_secret_whose_instance_is_gone_goes_however_young_it_is() {
    let instances = instances(&[instance(NEW)]);
    let (answer, sent) = look(&[snapshots(&[]), instances], &secrets(NEW, &[secret(FUTURE)]), target()).await;
    assert!(answer.unwrap().look.done);
    assert_eq!(sent[6]["Action"], "DeleteSecret", "{sent:?}");
}

/// RDS leaves the log groups of a DB instance that it deletes.
#[tokio::test]
async fn the_log_groups_of_instances_that_are_gone_go_and_no_others() {
    let group = |name: &str| json!({ "logGroupName": format!("/aws/rds/instance/{name}") });
    let pages = [
        json!({"logGroups": [
            group(&format!("{OLD}/postgresql")), group("orders-rescue/postgresql"), group(&format!("{OLD}/a/b")),
        ], "nextToken": "page 2"}),
        json!({"logGroups": [group(&format!("{OLD}/upgrade")), group(&format!("{NEW}/postgresql"))]}),
        json!({"__type": "ResourceNotFoundException", "message": "another execution was faster"}),
        json!(null),
    ];
    let rules = [snapshots(&[snapshot(NEW)]), instances(&[instance(NEW)])];
    let (answer, sent) = look_with_logs(&rules, &secrets(NEW, &[secret(OLD)]), &pages, target()).await;
    let prefix = "/aws/rds/instance/orders-";
    let look = json!({"Action": "DescribeLogGroups", "logGroupNamePrefix": prefix});
    let next = json!({"Action": "DescribeLogGroups", "logGroupNamePrefix": prefix, "nextToken": "page 2"});
    assert!(sent.contains(&look) && sent.contains(&next), "{sent:?}");
    let delete = |log: &str| json!({"Action": "DeleteLogGroup", "logGroupName": format!("/aws/rds/instance/{OLD}/{log}")});
    assert_eq!(changes(&sent)[..2], [delete("postgresql"), delete("upgrade")]);
    assert_eq!(changes(&sent).len(), 3, "and the secret: {sent:?}");
    let answer = answer.unwrap();
    assert!(answer.look.done);
    assert!(answer.deleted.contains(&format!("log-group:/aws/rds/instance/{OLD}/upgrade")));

    let denied = [pages[1].clone(), json!({"__type": "AccessDeniedException", "message": "no"})];
    let (answer, _) = look_with_logs(&rules, &secrets(NEW, &[]), &denied, target()).await;
    assert_fails(answer, "Snapferry.LogsRefused", "CloudWatch Logs DeleteLogGroup failed");
}

/// It still writes to them, and RDS would make them again.
#[tokio::test]
async fn log_groups_wait_for_an_instance_that_is_being_deleted() {
    let groups = json!({"logGroups": [{"logGroupName": format!("/aws/rds/instance/{OLD}/postgresql")}]});
    let deleting = instance_saying(OLD, "<DBInstanceStatus>deleting</DBInstanceStatus>");
    let rules = [snapshots(&[]), instances(&[deleting, instance(NEW)])];
    let (answer, sent) = look_with_logs(&rules, &secrets(NEW, &[]), &[groups], target()).await;
    let answer = answer.unwrap();
    assert!(!answer.look.done && answer.planned.is_empty() && changes(&sent).is_empty(), "{sent:?}");
}

/// Somebody deleted the DB instance and kept the snapshot, or a run is resumed that is about to restore it once more.
#[tokio::test]
async fn a_snapshot_whose_instance_is_gone_is_no_left_over() {
    let rules = [snapshots(&[snapshot(FUTURE)]), instances(&[instance(NEW)])];
    let (answer, sent) = look(&rules, &secrets(NEW, &[secret(FUTURE)]), target()).await;
    assert!(answer.unwrap().look.done);
    assert!(
        sent.iter().all(|it| it["Action"].as_str().is_none_or(|it| !it.starts_with("Delete"))),
        "{sent:?}"
    );
}

/// Else an interrupted deletion would leave a snapshot that nothing tells from a failed run's.
#[tokio::test]
async fn an_instance_stays_as_long_as_its_runs_snapshot() {
    for code in ["AccessDenied", "InvalidDBSnapshotState"] {
        let refused = mock!(Rds::delete_db_snapshot).then_http_response(|| rds_fault(code));
        for protected in ["<DeletionProtection>true</DeletionProtection>", ""] {
            let instances = instances(&[instance_saying(OLD, protected), instance(NEW)]);
            let rules = [refused.clone(), snapshots(&[snapshot(OLD)]), instances];
            let (_, sent) = look(&rules, &secrets(NEW, &[]), target()).await;
            assert_eq!(changes(&sent), [delete_snapshot(OLD)], "{code}");
        }
    }
}

/// Somebody deleted the DB instance of the live copy: its run is resumed from the snapshot.
#[tokio::test]
async fn what_is_left_of_the_live_copy_stays_however_old_it_is() {
    let rules = [snapshots(&[snapshot(OLD)]), instances(&[])];
    let (answer, sent) = look(&rules, &secrets(OLD, &[secret(OLD)]), target()).await;
    assert!(answer.unwrap().look.done);
    assert!(changes(&sent).is_empty(), "{sent:?}");
}

#[tokio::test]
async fn repeating_a_finished_step_changes_nothing() {
    let all = [OLD, MIDDLE, NEW];
    let (answer, _) = look(&[snapshots(&all.map(snapshot))], &[], source()).await;
    let deleted = answer.unwrap().deleted;
    assert!(!deleted.is_empty());

    // What it deleted is gone.
    let left = all.into_iter().filter(|it| !deleted.contains(&format!("snapshot:{it}")));
    let left = [snapshots(&left.map(snapshot).collect::<Vec<_>>())];
    let (answer, sent) = look(&left, &[], source()).await;
    assert!(answer.unwrap().look.done && changes(&sent).is_empty());

    let kept = [instances(&[instance(NEW)]), snapshots(&[snapshot(NEW)])];
    let (answer, sent) = look(&kept, &secrets(NEW, &[secret(NEW)]), target()).await;
    assert!(answer.unwrap().look.done && changes(&sent).is_empty());
}

#[tokio::test]
async fn live_pinned_kept_current_and_lately_live_copies_stay() {
    let pin = json!({"Tags": [{"Key": "snapferry:pinned", "Value": "20200102t000000z-0000"}]});
    let tagged = |key: &str, value: &str| {
        let mut tags = tags(OLD);
        tags.insert(key.to_owned(), value.to_owned());
        rds_thing("Instance", OLD, &tags, "")
    };
    let mut current = target();
    current["account"]["target"]["currentRun"] = json!("20200101t000000z-0000");
    for (why, old, application, request) in [
        ("live", instance(OLD), secrets(OLD, &[]), target()),
        ("kept", tagged("snapferry:keep", ""), secrets(NEW, &[]), target()),
        ("within grace", tagged("snapferry:last-live", "2999-01-01T00:00:00Z"), secrets(NEW, &[]), target()),
        ("current", instance(OLD), secrets(NEW, &[]), current),
    ] {
        let (_, sent) = look(&[snapshots(&[snapshot(OLD)]), instances(&[old])], &application, request).await;
        assert_eq!(sent.len(), 6, "{why}: {sent:?}");
    }
    let mut pinned = secrets(NEW, &[]);
    pinned[0] = described(pin);
    let (_, sent) = look(&[snapshots(&[]), instances(&[instance(MIDDLE)])], &pinned, target()).await;
    assert_eq!(sent.len(), 6, "{sent:?}");
}

#[tokio::test]
async fn while_the_applications_secret_says_nothing_only_what_was_never_fit_to_go_live_is_deleted() {
    let error = |code: &str| json!({ "__type": code });
    let unfit = rds_thing("Instance", OLD, &tags(OLD), "");
    for answer in [
        error("ResourceNotFoundException"),
        error("InvalidRequestException"),
        json!({"SecretBinary": "e30="}),
        json!({"SecretString": "host=db"}),
    ] {
        let rules = [snapshots(&[]), instances(&[unfit.clone(), instance(MIDDLE)])];
        let mut application = secrets(NEW, &[]);
        application[0] = described(error("ResourceNotFoundException"));
        application[1] = current(answer);
        let (answer, sent) = look(&rules, &application, target()).await;
        assert_eq!(sent[8..], [delete_instance(OLD)], "{sent:?}");
        assert!(answer.unwrap().look.reason.contains("every copy that may be live stays"));
    }
}

#[tokio::test]
async fn nothing_is_deleted_when_the_applications_secret_may_not_be_read() {
    for (code, name) in [
        ("AccessDeniedException", "Snapferry.SecretsManagerRefused"),
        ("ThrottlingException", "Snapferry.SecretsManagerUnavailable"),
    ] {
        // RDS is not even looked at: the mock panics on every call.
        let calls = Calls::default();
        let clients = clients(&calls, &[], &[current(json!({ "__type": code }))], &[]);
        assert_fails(handle(&clients, target()).await, name, "");
    }
}

#[tokio::test]
async fn another_copy_that_went_live_meanwhile_stops_the_deletion() {
    let application = |live: &str| json!({"SecretString": json!({"dbInstanceIdentifier": live}).to_string()});
    let (before, after) = (application(NEW), application(OLD));
    let moved = mock!(Secrets::get_secret_value)
        .sequence()
        .http_response(move || json_answer(&before))
        .http_response(move || json_answer(&after))
        .build();
    let mut application = secrets(NEW, &[]);
    application[1] = moved;
    let rules = [snapshots(&[snapshot(OLD)]), instances(&[instance(OLD), instance(NEW)])];
    let (answer, sent) = look(&rules, &application, target()).await;
    assert_eq!(sent.len(), 8, "{sent:?}");
    let answer = answer.unwrap();
    assert!(!answer.look.done && answer.deleted.is_empty() && answer.look.reason.contains("went live"));
}

#[tokio::test]
async fn every_page_of_snapshots_and_instances_is_read() {
    let rules = [
        snapshots_page(None, &[snapshot(OLD)], "<Marker>page 2</Marker>"),
        snapshots_page(Some("page 2"), &[snapshot(MIDDLE)], ""),
        instances_page(None, &[instance(OLD)], "<Marker>page 2</Marker>"),
        instances_page(Some("page 2"), &[instance(MIDDLE), instance(NEW)], ""),
    ];
    let (_, sent) = look(&rules, &secrets(NEW, &[]), target()).await;
    let markers = |action: &str| {
        let calls = sent.iter().filter(|call| call["Action"] == action);
        calls.map(|call| call["Marker"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(markers("DescribeDBSnapshots"), [json!(null), json!("page 2")]);
    assert_eq!(markers("DescribeDBInstances"), [json!(null), json!("page 2")]);
    let all = [delete_snapshot(OLD), delete_snapshot(MIDDLE), delete_instance(OLD), delete_instance(MIDDLE)];
    assert_eq!(changes(&sent), all);
}

#[tokio::test]
async fn a_protected_instance_is_unprotected_and_a_stopped_one_started_before_it_is_deleted() {
    let protected = "<DeletionProtection>true</DeletionProtection>";
    let stopped = "<DBInstanceStatus>stopped</DBInstanceStatus>";
    let unprotect = json!({
        "Action": "ModifyDBInstance", "DBInstanceIdentifier": OLD, "DeletionProtection": "false",
    });
    let start = json!({"Action": "StartDBInstance", "DBInstanceIdentifier": OLD});
    for (instance_says, expected) in [
        (protected.to_owned(), unprotect),
        (format!("{protected}{stopped}"), start),
        (stopped.to_owned(), delete_instance(OLD)),
    ] {
        let rules = [snapshots(&[]), instances(&[instance_saying(OLD, &instance_says), instance(NEW)])];
        let (answer, sent) = look(&rules, &secrets(NEW, &[]), target()).await;
        assert_eq!(sent.last(), Some(&expected));
        assert!(!answer.unwrap().look.done);
    }
}

#[tokio::test]
async fn bad_input_is_invalid_request() {
    let check = async |account: Value, expected: &str| {
        let (answer, sent) = look(&[], &[], json!({"account": account, "stage": {}})).await;
        assert_fails(answer, "Snapferry.InvalidRequest", expected);
        assert!(sent.is_empty());
    };
    check(json!({"source": {}}), "`account.source`: missing field `replication`").await;
    check(json!({"target": {"replication": "orders"}}), "missing field `applicationSecretArn`").await;
    check(json!({"source": {"replication": "orders", "keep": 1}}), "`account.source.keep`: unknown field")
        .await;
    check(json!({"source": {"replication": "orders", "retention": {"runs": "1"}}}), "retention.runs`").await;
    check(json!({"both": {}}), "unknown variant `both`").await;
}
