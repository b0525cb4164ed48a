//! The account that `CopyAndReencrypt` looks at, as RDS and KMS describe it, and the answers that it gets.

use aws_sdk_rds::operation::copy_db_snapshot::CopyDbSnapshotOutput;
use aws_sdk_rds::operation::describe_db_snapshots::DescribeDbSnapshotsOutput;
use aws_sdk_rds::types::{DbSnapshot, Tag, builders::DbSnapshotBuilder};
use aws_smithy_mocks::{Rule, mock};
use replication::Run;
use serde_json::{Value, json};
use test_support::{fault, xml_answer};

pub const COPY: &str = "orders-20261120t160812z-3f9a-copy";
pub const SOURCE_ARN: &str = "arn:aws:rds:us-east-1:111111111111:snapshot:orders-20261120t160812z-3f9a";
pub const SOURCE_KEY: &str = "arn:aws:kms:us-east-1:111111111111:key/source";
pub const KEY: &str = "arn:aws:kms:us-east-1:111111111111:key/shareable";

pub fn found(identifier: &'static str, it: DbSnapshotBuilder) -> Rule {
    let it = it.build();
    mock!(aws_sdk_rds::Client::describe_db_snapshots)
        .match_requests(move |request| request.db_snapshot_identifier() == Some(identifier))
        .then_output(move || DescribeDbSnapshotsOutput::builder().db_snapshots(it.clone()).build())
}

pub fn missing(identifier: &'static str) -> Rule {
    mock!(aws_sdk_rds::Client::describe_db_snapshots)
        .match_requests(move |request| request.db_snapshot_identifier() == Some(identifier))
        .then_http_response(|| fault(404, "DBSnapshotNotFound", "not found"))
}

pub fn no_copy() -> Rule {
    missing(COPY)
}

/// The run's copy.
pub fn copy(status: &str) -> Rule {
    let tags = Run::from_identifier("orders-20261120t160812z-3f9a").unwrap().tags();
    let tags = tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    let it = DbSnapshot::builder().db_snapshot_arn(format!("{SOURCE_ARN}-copy")).kms_key_id(KEY);
    found(COPY, it.status(status).percent_progress(40).set_tag_list(Some(tags)))
}

pub fn source() -> Rule {
    found(SOURCE_ARN, of_orders())
}

pub fn of_orders() -> DbSnapshotBuilder {
    DbSnapshot::builder().status("available").db_instance_identifier("orders-prod").kms_key_id(SOURCE_KEY)
}

pub fn started() -> Rule {
    mock!(aws_sdk_rds::Client::copy_db_snapshot).then_output(|| CopyDbSnapshotOutput::builder().build())
}

pub fn refused(code: &'static str, message: &'static str) -> Rule {
    mock!(aws_sdk_rds::Client::copy_db_snapshot).then_http_response(move || fault(400, code, message))
}

/// The copies of runs before this one: the last waited 740 s for its own.
pub fn last_runs() -> Rule {
    let mut tags = Run::from_identifier("orders-20261119t160812z-3f9a").unwrap().tags();
    tags.insert("snapferry:seconds".to_owned(), "740".to_owned());
    let tags = tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    let it = of_orders().db_snapshot_identifier("orders-20261119t160812z-3f9a-copy").set_tag_list(Some(tags));
    let it = it.build();
    mock!(aws_sdk_rds::Client::describe_db_snapshots)
        .match_requests(|request| request.filters().iter().any(|it| it.values() == ["orders-prod"]))
        .then_output(move || DescribeDbSnapshotsOutput::builder().db_snapshots(it.clone()).build())
}

/// Both keys, of which nothing bad is to be said.
pub fn keys() -> [Rule; 2] {
    [shareable("source"), shareable("shareable")]
}

pub fn shareable(id: &'static str) -> Rule {
    key(id, "CUSTOMER", "Enabled", "SYMMETRIC_DEFAULT")
}

pub fn key(id: &'static str, manager: &str, state: &str, spec: &str) -> Rule {
    let key = json!({"KeyId": id, "KeyManager": manager, "KeyState": state, "KeySpec": spec});
    kms(id, 200, json!({ "KeyMetadata": key }))
}

pub fn kms(id: &'static str, status: u16, answer: Value) -> Rule {
    mock!(aws_sdk_kms::Client::describe_key)
        .match_requests(move |request| request.key_id().is_some_and(|it| it.ends_with(id)))
        .then_http_response(move || xml_answer(status, &answer.to_string()))
}
