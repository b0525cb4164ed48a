//! The account that `CopyAndReencrypt` looks at, as RDS and KMS describe it, and the requests that it sends.

use aws_sdk_rds::config::http::HttpResponse;
use aws_sdk_rds::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_rds::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_rds::error::BoxError;
use aws_sdk_rds::operation::copy_db_snapshot::CopyDbSnapshotOutput;
use aws_sdk_rds::operation::describe_db_snapshots::DescribeDbSnapshotsOutput;
use aws_sdk_rds::types::{DbSnapshot, Tag, builders::DbSnapshotBuilder};
use aws_smithy_mocks::{Rule, mock};
use replication::Copy;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

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
    let tags = Copy::from_identifier("orders-20261120t160812z-3f9a").unwrap().tags();
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
        .then_http_response(move || HttpResponse::new(status.try_into().unwrap(), answer.to_string().into()))
}

/// An error as RDS sends it.
pub fn fault(status: u16, code: &str, message: &str) -> HttpResponse {
    let error = format!("<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>");
    HttpResponse::new(status.try_into().unwrap(), format!("<ErrorResponse>{error}</ErrorResponse>").into())
}

/// `<Action> <parameter>=<value> …` to RDS, `<Action> <JSON>` to KMS.
#[derive(Debug, Clone, Default)]
pub struct Calls(Arc<Mutex<Vec<String>>>);

impl Calls {
    pub fn sent(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Intercept for Calls {
    fn name(&self) -> &'static str {
        "Calls"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.request().body().bytes().unwrap();
        let target = context.request().headers().get("x-amz-target").and_then(|it| it.rsplit('.').next());
        let call = target.map(|action| format!("{action} {}", String::from_utf8_lossy(body)));
        let form = form_urlencoded::parse(body).filter(|(key, _)| key != "Version");
        let words = || form.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ");
        self.0.lock().unwrap().push(call.unwrap_or_else(words).trim_start_matches("Action=").to_owned());
        Ok(())
    }
}
