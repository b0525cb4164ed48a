//! The DB instance that `Restore` looks at, as RDS describes it, and the answers that it gets.

use aws_sdk_rds::Client;
use aws_sdk_rds::operation::describe_db_instances::DescribeDbInstancesOutput;
use aws_sdk_rds::operation::restore_db_instance_from_db_snapshot::RestoreDbInstanceFromDbSnapshotOutput;
use aws_sdk_rds::types::{DbInstance, Endpoint, Tag, builders::DbInstanceBuilder};
use aws_smithy_mocks::{Rule, mock};
use replication::Run;
use step::Tags;
use test_support::{fault, rds_fault};

pub const IDENTIFIER: &str = "orders-20261120t160812z-3f9a";

pub fn no_instance() -> Rule {
    mock!(Client::describe_db_instances).then_http_response(|| fault(404, "DBInstanceNotFound", "not found"))
}

pub fn instance(status: &str) -> Rule {
    found(ours().db_instance_status(status).endpoint(Endpoint::builder().address("db").port(5432).build()))
}

/// With the time of its restore, as it is once `Restore` is done with it.
pub fn ours() -> DbInstanceBuilder {
    let mut tags = Run::from_identifier(IDENTIFIER).unwrap().tags();
    tags.insert("snapferry:seconds".to_owned(), "300".to_owned());
    tagged(tags)
}

pub fn tagged(tags: Tags) -> DbInstanceBuilder {
    let tags = tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    DbInstance::builder()
        .db_instance_arn("arn:aws:rds:us-east-1:222222222222:db:copy")
        .set_tag_list(Some(tags))
}

pub fn found(it: DbInstanceBuilder) -> Rule {
    let it = it.build();
    mock!(Client::describe_db_instances)
        .then_output(move || DescribeDbInstancesOutput::builder().db_instances(it.clone()).build())
}

pub fn started() -> Rule {
    mock!(Client::restore_db_instance_from_db_snapshot)
        .then_output(|| RestoreDbInstanceFromDbSnapshotOutput::builder().build())
}

pub fn refused(code: &'static str) -> Rule {
    mock!(Client::restore_db_instance_from_db_snapshot).then_http_response(move || rds_fault(code))
}
