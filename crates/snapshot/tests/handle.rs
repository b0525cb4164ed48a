//! `Snapshot` on the real RDS client: what it answers, and every request that it sends.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use aws_sdk_rds::Client;
use aws_sdk_rds::config::retry::RetryConfig;
use aws_sdk_rds::operation::add_tags_to_resource::AddTagsToResourceOutput;
use aws_sdk_rds::operation::create_db_snapshot::CreateDbSnapshotOutput;
use aws_sdk_rds::operation::describe_db_instances::DescribeDbInstancesOutput;
use aws_sdk_rds::operation::describe_db_snapshots::DescribeDbSnapshotsOutput;
use aws_sdk_rds::types::{DbInstance, DbSnapshot, Tag};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use replication::Run;
use serde_json::{Value, json};
use snapshot::{Response, handle};
use test_support::{Calls, assert_fails, fault, tags_sent, the};

const IDENTIFIER: &str = "orders-20261120t160812z-3f9a";

#[tokio::test]
async fn the_snapshot_carries_both_identifiers_and_the_three_tags() {
    let calls = Calls::default();
    let rds = rds(&calls, &[no_snapshot(), source("available"), created()]);
    let answer = handle(&rds, request()).await.unwrap();
    assert_eq!(
        calls.sent(),
        [
            look_at_snapshot(),
            look_at_source(),
            json!({
                "Action": "CreateDBSnapshot",
                "DBSnapshotIdentifier": IDENTIFIER, "DBInstanceIdentifier": "orders-prod",
                "Tags.Tag.1.Key": "snapferry:made-by", "Tags.Tag.1.Value": "snapferry",
                "Tags.Tag.2.Key": "snapferry:replication", "Tags.Tag.2.Value": "orders",
                "Tags.Tag.3.Key": "snapferry:run", "Tags.Tag.3.Value": "20261120t160812z-3f9a",
            }),
            json!({
                "Action": "DescribeDBSnapshots", "SnapshotType": "manual",
                "Filters.Filter.1.Name": "db-instance-id", "Filters.Filter.1.Values.Value.1": "orders-prod",
            }),
        ]
    );
    assert_waits(&answer);
    assert_eq!(answer.look.waiting.expected_seconds, None);
    assert_eq!(answer.reencrypted_db_snapshot_identifier, format!("{IDENTIFIER}-copy"));
}

#[tokio::test]
async fn repeating_a_finished_step_changes_nothing() {
    let calls = Calls::default();
    let begun = [no_snapshot(), source("available"), created()];
    handle(&rds(&calls, &begun), request()).await.unwrap();
    let sent = calls.sent();
    let name = &the("CreateDBSnapshot", &sent)["DBSnapshotIdentifier"];

    // What it asked for is there now. There is no rule for a call that changes anything: the mock panics on one.
    let tags = tags_sent(&sent).into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build());
    let made = snapshot(DbSnapshot::builder().status("available").set_tag_list(Some(tags.collect())));
    let calls = Calls::default();
    let answer = handle(&rds(&calls, &[made]), request()).await.unwrap();
    assert!(answer.look.done);
    assert_eq!(answer.look.wait_seconds, 0);
    assert_eq!(answer.db_snapshot_arn, Some(arn()));
    assert_eq!(calls.sent(), [json!({"Action": "DescribeDBSnapshots", "DBSnapshotIdentifier": name})]);
}

#[tokio::test]
async fn the_time_of_the_last_snapshot_is_expected_and_that_of_this_one_kept() {
    let mut tags = Run::from_identifier("orders-20261119t160812z-3f9a").unwrap().tags();
    tags.insert("snapferry:seconds".to_owned(), "740".to_owned());
    let tags = tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    let last = DbSnapshot::builder().db_snapshot_identifier("orders-20261119t160812z-3f9a");
    let last = last.set_tag_list(Some(tags)).build();
    let last_runs = mock!(Client::describe_db_snapshots)
        .match_requests(|request| request.snapshot_type() == Some("manual"))
        .then_output(move || DescribeDbSnapshotsOutput::builder().db_snapshots(last.clone()).build());
    // An execution that is resumed meets the snapshot on its way.
    for rules in [
        [no_snapshot(), source("available"), created()],
        [snapshot_of_this_run("creating"), source("available"), created()],
    ] {
        let rules = [std::slice::from_ref(&last_runs), rules.as_slice()].concat();
        let answer = handle(&rds(&Calls::default(), &rules), request()).await.unwrap();
        assert_eq!(answer.look.waiting.expected_seconds, Some(740));
    }
    // One that waited for the source first asks too.
    let rules = [last_runs, no_snapshot(), source("available"), created()];
    let busy = with(&["stage"], Some(json!({"seconds": 60, "looks": 4, "status": "backing-up"})));
    let waiting = handle(&rds(&Calls::default(), &rules), busy).await.unwrap().look.waiting;
    assert_eq!((waiting.expected_seconds, waiting.started_at_seconds), (Some(740), Some(60)));

    let kept = mock!(Client::add_tags_to_resource).then_output(|| AddTagsToResourceOutput::builder().build());
    let mut stage = json!({"seconds": 700, "looks": 9, "status": "creating", "startedAtSeconds": 60});
    let waited = with(&["stage"], Some(stage.clone()));
    let calls = Calls::default();
    let answer = handle(&rds(&calls, &[snapshot_of_this_run("available"), kept]), waited).await.unwrap();
    assert!(answer.look.done);
    let tag = json!({"Action": "AddTagsToResource", "ResourceName": arn(),
        "Tags.Tag.1.Key": "snapferry:seconds", "Tags.Tag.1.Value": "640"});
    assert_eq!(calls.sent(), [look_at_snapshot(), tag]);

    // A resumed execution knows the rest of the time alone.
    stage["startedAtSeconds"].take();
    let (calls, rules) = (Calls::default(), [snapshot_of_this_run("available")]);
    handle(&rds(&calls, &rules), with(&["stage"], Some(stage))).await.unwrap();
    assert_eq!(calls.sent(), [look_at_snapshot()]);
}

#[tokio::test]
async fn bad_input_is_invalid_request() {
    let check = async |field: &[&str], value: Option<Value>, expected: &str| {
        let calls = Calls::default();
        let answer = handle(&rds(&calls, &[]), with(field, value)).await;
        assert_fails(answer, "Snapferry.InvalidRequest", expected);
        assert!(calls.sent().is_empty());
    };
    check(&["stage"], None, "missing field `stage`").await;
    check(&["input", "targetAccountId"], None, "`input`: missing field `targetAccountId`").await;
    check(&["input", "retain"], Some(json!(3)), "`input.retain`: unknown field").await;
    check(&["input", "retention"], Some(json!({"runs": "2"})), "`input.retention.runs`: invalid type").await;
    check(&["input", "replication"], Some(json!("Orders")), "`input.replication`").await;
    check(&["input", "run"], Some(json!("yesterday")), "`input.run`").await;
    check(&["execution", "startedAt"], Some(json!("today")), "`execution.startedAt`").await;
    check(&["surprise"], Some(json!(1)), "`surprise`: unknown field").await;
    let mut tick = with(&["input", "run"], None);
    tick["input"]["scheduledTime"] = json!("4 o'clock");
    let answer = handle(&rds(&Calls::default(), &[]), tick).await;
    assert_fails(answer, "Snapferry.InvalidRequest", "scheduledTime \"4 o'clock\" is not a time in RFC 3339");
}

#[tokio::test]
async fn a_snapshot_that_is_not_available_yet_is_waited_for_with_its_percentage() {
    let rds = rds(&Calls::default(), &[snapshot_of_this_run("creating")]);
    let answer = handle(&rds, request()).await.unwrap();
    assert_waits(&answer);
    assert_eq!(answer.look.percent, Some(40));
}

#[tokio::test]
async fn a_source_that_is_busy_is_waited_for_and_nothing_is_created() {
    let calls = Calls::default();
    let rds = rds(&calls, &[no_snapshot(), source("backing-up")]);
    assert_waits(&handle(&rds, request()).await.unwrap());
    assert_eq!(calls.sent(), [look_at_snapshot(), look_at_source()]);
}

#[tokio::test]
async fn a_source_that_became_busy_meanwhile_is_waited_for() {
    let rds = rds(
        &Calls::default(),
        &[no_snapshot(), source("available"), refused("InvalidDBInstanceState", "is not available")],
    );
    let answer = handle(&rds, request()).await.unwrap();
    assert_waits(&answer);
    assert_eq!(answer.look.reason, "DB instance orders-prod became busy");
}

#[tokio::test]
async fn a_snapshot_that_exists_already_is_looked_at_again() {
    let calls = Calls::default();
    let rules = [no_snapshot(), source("available"), refused("DBSnapshotAlreadyExists", "already exists")];
    assert_waits(&handle(&rds(&calls, &rules), request()).await.unwrap());
    // The next look sees whose it is.
    let foreign = snapshot(DbSnapshot::builder().status("available"));
    let answer = handle(&rds(&calls, &[foreign]), request()).await;
    assert_fails(answer, "Snapferry.SnapshotNotOurs", IDENTIFIER);
}

#[tokio::test]
async fn throttling_is_retryable_and_a_refusal_is_not() {
    for (code, expected, retryable) in [
        ("Throttling", "Snapferry.RdsUnavailable", true),
        ("AccessDenied", "Snapferry.RdsRefused", false),
        ("InvalidParameterValue", "Snapferry.RdsRefused", false),
    ] {
        let rds = rds(&Calls::default(), &[no_snapshot(), source("available"), refused(code, "said RDS")]);
        let answer = handle(&rds, request()).await;
        let name = answer.as_ref().unwrap_err().name();
        assert_eq!(name.retryable(), retryable, "{code}");
        assert_fails(answer, expected, &format!("CreateDBSnapshot failed: {code}: said RDS"));
    }
    let full = [no_snapshot(), source("available"), refused("SnapshotQuotaExceeded", "")];
    let answer = handle(&rds(&Calls::default(), &full), request()).await;
    assert_fails(answer, "Snapferry.SnapshotQuotaExceeded", "as many manual DB snapshots");
    let look =
        mock!(Client::describe_db_snapshots).then_http_response(|| fault(503, "ServiceUnavailable", ""));
    let answer = handle(&rds(&Calls::default(), &[look]), request()).await;
    assert_fails(answer, "Snapferry.RdsUnavailable", "DescribeDBSnapshots");
}

#[tokio::test]
async fn a_missing_source_is_told_by_name_whichever_call_notices() {
    let missing = || fault(404, "DBInstanceNotFound", "DBInstance orders-prod not found.");
    let look = mock!(Client::describe_db_instances).then_http_response(missing);
    let create = mock!(Client::create_db_snapshot).then_http_response(missing);
    for rules in [vec![no_snapshot(), look], vec![no_snapshot(), source("available"), create]] {
        let answer = handle(&rds(&Calls::default(), &rules), request()).await;
        assert_fails(answer, "Snapferry.SourceNotFound", "orders-prod");
    }
}

#[tokio::test]
async fn a_cluster_is_refused_by_name_before_any_call_and_its_member_before_any_change() {
    let calls = Calls::default();
    let cluster = with(&["input", "source"], Some(json!({"dbClusterIdentifier": "orders-cluster"})));
    let answer = handle(&rds(&calls, &[]), cluster).await;
    assert_fails(answer, "Snapferry.ClusterNotServed", "orders-cluster");
    assert!(calls.sent().is_empty());

    let member =
        DbInstance::builder().db_instance_status("available").db_cluster_identifier("orders-cluster");
    let answer = handle(&rds(&calls, &[no_snapshot(), instance(member)]), request()).await;
    assert_fails(answer, "Snapferry.ClusterNotServed", "orders-cluster");
}

#[tokio::test]
async fn a_tick_delivered_twice_names_one_run_and_two_executions_without_a_tick_name_two() {
    let run_of = async |tick: Option<&str>, execution: &str, started_at: &str| {
        let mut request = with(&["input", "run"], None);
        request["execution"] = json!({"arn": execution, "startedAt": started_at});
        if let Some(tick) = tick {
            request["input"]["scheduledTime"] = json!(tick);
        }
        let calls = Calls::default();
        let rds = rds(&calls, &[no_snapshot(), source("available"), created()]);
        let answer = handle(&rds, request).await.unwrap();
        assert_eq!(calls.sent()[2]["DBSnapshotIdentifier"], format!("orders-{}", answer.run));
        assert_eq!(answer.settings.run, Some(answer.run.clone()), "the run is passed on, for a resumption");
        answer.run.to_string()
    };
    let (tick, at, later) = (Some("2026-11-20T16:00:00Z"), "2026-11-21T00:00:00Z", "2026-11-21T00:00:07Z");
    // The name is of the tick alone, so it is the same on every day that this test is run.
    assert_eq!(run_of(tick, "arn:1", at).await, "20261120t160000z-1bfc");
    assert_eq!(run_of(tick, "arn:2", later).await, "20261120t160000z-1bfc");
    assert_ne!(run_of(None, "arn:1", at).await, run_of(None, "arn:2", at).await);
    assert!(run_of(None, "arn:1", at).await.starts_with("20261121t000000z-"));
}

/// A mistyped year would make a copy that no later run replaces.
#[tokio::test]
async fn a_run_of_the_future_is_refused() {
    for (key, value) in [("run", "29991231t000000z-0000"), ("scheduledTime", "2999-12-31T00:00:00Z")] {
        let mut request = with(&["input", "run"], None);
        request["input"][key] = json!(value);
        let calls = Calls::default();
        let answer = handle(&rds(&calls, &[]), request).await;
        assert_fails(answer, "Snapferry.InvalidRequest", "lies in the future");
        assert!(calls.sent().is_empty());
    }
}

#[tokio::test]
async fn a_run_in_the_input_is_resumed_whatever_the_schedule_says() {
    let calls = Calls::default();
    let rds = rds(&calls, &[snapshot_of_this_run("available")]);
    let request = with(&["input", "scheduledTime"], Some(json!("2026-12-01T00:00:00Z")));
    assert_eq!(handle(&rds, request).await.unwrap().run.as_str(), "20261120t160812z-3f9a");
    assert_eq!(calls.sent(), [look_at_snapshot()]);
}

#[tokio::test]
async fn a_source_identifier_of_63_characters_works() {
    let calls = Calls::default();
    let long = "a".repeat(63);
    let rds = rds(&calls, &[no_snapshot(), source("available"), created()]);
    let request = with(&["input", "source", "dbInstanceIdentifier"], Some(json!(long)));
    assert_waits(&handle(&rds, request).await.unwrap());
    let sent = calls.sent();
    let create = the("CreateDBSnapshot", &sent);
    assert_eq!([&create["DBSnapshotIdentifier"], &create["DBInstanceIdentifier"]], [IDENTIFIER, &long]);
}

#[tokio::test]
async fn a_stage_ends_at_its_deadline_by_name() {
    let mut request = with(&["stage"], Some(json!({"seconds": 600, "looks": 9, "status": "creating"})));
    request["input"]["stageDeadlineSeconds"] = json!(600);
    let rds = rds(&Calls::default(), &[snapshot_of_this_run("creating")]);
    assert_fails(handle(&rds, request).await, "Snapferry.StageTimedOut", "600 s in 10 looks");
}

fn request() -> Value {
    json!({
        "input": {
            "replication": "orders", "run": "20261120t160812z-3f9a",
            "source": {"dbInstanceIdentifier": "orders-prod"}, "targetAccountId": "222222222222",
        },
        "execution": {"arn": "arn:aws:states:us-east-1:111111111111:execution:m:e", "startedAt": "2026-11-21T00:00:00Z"},
        "stage": {},
    })
}

/// The request with one field set to another value, or left out.
fn with(field: &[&str], value: Option<Value>) -> Value {
    let mut request = request();
    let (last, path) = field.split_last().unwrap();
    let parent = path.iter().fold(&mut request, |parent, name| &mut parent[*name]).as_object_mut().unwrap();
    match value {
        Some(value) => parent.insert((*last).to_owned(), value),
        None => parent.remove(*last),
    };
    request
}

fn look_at_snapshot() -> Value {
    json!({"Action": "DescribeDBSnapshots", "DBSnapshotIdentifier": IDENTIFIER})
}

fn look_at_source() -> Value {
    json!({"Action": "DescribeDBInstances", "DBInstanceIdentifier": "orders-prod"})
}

fn assert_waits(answer: &Response) {
    assert!(!answer.look.done, "{:?}", answer.look);
    assert!(answer.look.wait_seconds >= 15, "{:?}", answer.look);
    assert_eq!((answer.look.waiting.looks, answer.look.waiting.seconds), (1, answer.look.wait_seconds));
}

fn arn() -> String {
    format!("arn:aws:rds:us-east-1:111111111111:snapshot:{IDENTIFIER}")
}

fn no_snapshot() -> Rule {
    mock!(Client::describe_db_snapshots).then_http_response(|| fault(404, "DBSnapshotNotFound", "not found"))
}

fn snapshot_of_this_run(status: &str) -> Rule {
    let tags = Run::from_identifier(IDENTIFIER).unwrap().tags();
    let tags = tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    snapshot(DbSnapshot::builder().status(status).set_tag_list(Some(tags)).percent_progress(40))
}

fn snapshot(it: aws_sdk_rds::types::builders::DbSnapshotBuilder) -> Rule {
    let it = it.db_snapshot_identifier(IDENTIFIER).db_snapshot_arn(arn()).build();
    mock!(Client::describe_db_snapshots)
        .then_output(move || DescribeDbSnapshotsOutput::builder().db_snapshots(it.clone()).build())
}

fn source(status: &str) -> Rule {
    instance(DbInstance::builder().db_instance_status(status))
}

fn instance(it: aws_sdk_rds::types::builders::DbInstanceBuilder) -> Rule {
    let it = it.build();
    mock!(Client::describe_db_instances)
        .then_output(move || DescribeDbInstancesOutput::builder().db_instances(it.clone()).build())
}

fn created() -> Rule {
    mock!(Client::create_db_snapshot).then_output(|| CreateDbSnapshotOutput::builder().build())
}

fn refused(code: &'static str, message: &'static str) -> Rule {
    mock!(Client::create_db_snapshot).then_http_response(move || fault(400, code, message))
}

fn rds(calls: &Calls, rules: &[Rule]) -> Client {
    mock_client!(aws_sdk_rds, RuleMode::MatchAny, rules, |config| {
        config.retry_config(RetryConfig::disabled()).interceptor(calls.clone())
    })
}
