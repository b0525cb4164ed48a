//! `CopyAndReencrypt` on the real RDS and KMS clients: what it answers, and every request that it sends.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use aws_sdk_rds::config::http::HttpResponse;
use aws_sdk_rds::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_rds::config::retry::RetryConfig;
use aws_sdk_rds::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_rds::error::BoxError;
use aws_sdk_rds::operation::copy_db_snapshot::CopyDbSnapshotOutput;
use aws_sdk_rds::operation::describe_db_snapshots::DescribeDbSnapshotsOutput;
use aws_sdk_rds::types::{DbSnapshot, Tag, builders::DbSnapshotBuilder};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use copy_and_reencrypt::{Error, Response, handle};
use lambda_runtime::Diagnostic;
use replication::Copy;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

const COPY: &str = "orders-20261120t160812z-3f9a-copy";
const COPY_ARN: &str = "arn:aws:rds:us-east-1:111111111111:snapshot:orders-20261120t160812z-3f9a-copy";
const SOURCE_ARN: &str = "arn:aws:rds:us-east-1:111111111111:snapshot:orders-20261120t160812z-3f9a";
const SOURCE_KEY: &str = "arn:aws:kms:us-east-1:111111111111:key/source";
const KEY: &str = "arn:aws:kms:us-east-1:111111111111:key/shareable";

const LOOK_AT_COPY: &str = "DescribeDBSnapshots DBSnapshotIdentifier=orders-20261120t160812z-3f9a-copy";
const LOOK_AT_SOURCE: &str = "DescribeDBSnapshots \
     DBSnapshotIdentifier=arn:aws:rds:us-east-1:111111111111:snapshot:orders-20261120t160812z-3f9a IncludeShared=true";
const LOOK_AT_KEY: &str = r#"DescribeKey {"KeyId":"arn:aws:kms:us-east-1:111111111111:key/source"}"#;
const START: &str = "CopyDBSnapshot \
     SourceDBSnapshotIdentifier=arn:aws:rds:us-east-1:111111111111:snapshot:orders-20261120t160812z-3f9a \
     TargetDBSnapshotIdentifier=orders-20261120t160812z-3f9a-copy \
     KmsKeyId=arn:aws:kms:us-east-1:111111111111:key/shareable \
     Tags.Tag.1.Key=snapferry:made-by Tags.Tag.1.Value=snapferry \
     Tags.Tag.2.Key=snapferry:replication Tags.Tag.2.Value=orders \
     Tags.Tag.3.Key=snapferry:run Tags.Tag.3.Value=20261120t160812z-3f9a CopyTags=false";

#[tokio::test]
async fn the_copy_is_requested_by_arn_under_the_key_with_the_three_tags_alone() {
    let account = Account::new(&[no_copy(), source(), started()], &[]);
    let answer = account.handle(request()).await.unwrap();
    assert_eq!(account.sent(), [LOOK_AT_COPY, LOOK_AT_SOURCE, START]);
    assert_waits(&answer);
    assert!(answer.copied);
    assert_eq!(answer.db_snapshot_identifier, COPY);
}

#[tokio::test]
async fn the_settings_tags_are_on_the_copy_but_never_in_place_of_snapferrys() {
    let account = Account::new(&[no_copy(), source(), started()], &[]);
    let tags = json!({"cost-centre": "42", "snapferry:made-by": "somebody"});
    account.handle(with("tags", Some(tags))).await.unwrap();
    let sent = account.sent();
    assert!(
        sent[2].contains(
            "Tags.Tag.1.Key=cost-centre Tags.Tag.1.Value=42 \
             Tags.Tag.2.Key=snapferry:made-by Tags.Tag.2.Value=snapferry "
        ),
        "{sent:?}"
    );
    assert!(!sent[2].contains("somebody") && !sent[2].contains("Tags.Tag.5"), "{sent:?}");
}

#[tokio::test]
async fn repeating_a_finished_step_changes_nothing() {
    // There is no rule for a call that changes anything: the mock panics on one.
    let account = Account::new(&[copy(DbSnapshot::builder().status("available"))], &[]);
    for _ in 0..2 {
        let answer = account.handle(request()).await.unwrap();
        assert!(answer.look.done && answer.copied);
        assert_eq!(
            (answer.db_snapshot_identifier.as_str(), answer.db_snapshot_arn.as_str()),
            (COPY, COPY_ARN)
        );
    }
    assert_eq!(account.sent(), [LOOK_AT_COPY, LOOK_AT_COPY]);

    let skipped = Account::new(&[no_copy(), source()], &[shareable_key()]);
    for _ in 0..2 {
        assert!(skipped.handle(declared()).await.unwrap().look.done);
    }
    assert_eq!(skipped.sent().len(), 6);
}

#[tokio::test]
async fn bad_input_is_invalid_request() {
    let check = async |field: &str, value: Option<Value>, expected: &str| {
        let account = Account::new(&[], &[]);
        let error = account.handle(with(field, value)).await.unwrap_err();
        assert_fails(error, "Snapferry.InvalidRequest", expected);
        assert_eq!(account.sent(), [""; 0]);
    };
    check("kmsKeyId", None, "missing field `kmsKeyId`").await;
    check("stage", None, "missing field `stage`").await;
    check("surprise", Some(json!(1)), "`surprise`: unknown field").await;
    check("stageDeadlineSeconds", Some(json!("1 day")), "`stageDeadlineSeconds`: invalid type").await;
    check("shareableKeys", Some(json!([1])), "`shareableKeys[0]`: invalid type").await;
    check("sourceDbSnapshotArn", Some(json!("orders")), "`sourceDbSnapshotArn`: \"orders\" is not").await;
    let other_run = json!("orders-20261121t160812z-3f9a-copy");
    check("targetDbSnapshotIdentifier", Some(other_run), "is not a name of this run").await;
}

#[tokio::test]
async fn a_snapshot_under_a_shareable_key_is_shared_as_it_is() {
    let account = Account::new(&[no_copy(), source()], &[shareable_key()]);
    let answer = account.handle(declared()).await.unwrap();
    assert_eq!(account.sent(), [LOOK_AT_COPY, LOOK_AT_SOURCE, LOOK_AT_KEY]);
    assert!(answer.look.done && !answer.copied);
    assert_eq!(answer.db_snapshot_identifier, "orders-20261120t160812z-3f9a");
    assert_eq!(answer.db_snapshot_arn, SOURCE_ARN);
}

#[tokio::test]
async fn a_key_that_is_not_wholly_shareable_is_no_reason_to_skip_the_copy() {
    for (manager, state, spec) in [
        ("AWS", "Enabled", "SYMMETRIC_DEFAULT"),
        ("CUSTOMER", "Disabled", "SYMMETRIC_DEFAULT"),
        ("CUSTOMER", "PendingDeletion", "SYMMETRIC_DEFAULT"),
        ("CUSTOMER", "Enabled", "RSA_2048"),
    ] {
        let account = Account::new(&[no_copy(), source(), started()], &[key(manager, state, spec)]);
        assert!(account.handle(declared()).await.unwrap().copied, "{manager} {state} {spec}");
        assert_eq!(account.sent(), [LOOK_AT_COPY, LOOK_AT_SOURCE, LOOK_AT_KEY, START]);
    }
    let gone = kms(400, json!({"__type": "NotFoundException"}));
    let account = Account::new(&[no_copy(), source(), started()], &[gone]);
    assert!(account.handle(declared()).await.unwrap().copied);
    // A key that is not declared is not even asked about, nor is that of an unencrypted snapshot.
    let unencrypted = found(SOURCE_ARN, of_orders().set_kms_key_id(None).build());
    for (declares, source) in [(vec![KEY], source()), (vec![SOURCE_KEY], unencrypted)] {
        let account = Account::new(&[no_copy(), source, started()], &[]);
        account.handle(with("shareableKeys", Some(json!(declares)))).await.unwrap();
        assert_eq!(account.sent(), [LOOK_AT_COPY, LOOK_AT_SOURCE, START], "{declares:?}");
    }
}

#[tokio::test]
async fn force_copy_copies_even_under_a_shareable_key() {
    let account = Account::new(&[no_copy(), source(), started()], &[shareable_key()]);
    let mut request = declared();
    request["forceCopy"] = json!(true);
    assert!(account.handle(request).await.unwrap().copied);
    assert_eq!(account.sent(), [LOOK_AT_COPY, LOOK_AT_SOURCE, START]);
}

#[tokio::test]
async fn copies_in_flight_are_waited_for_and_a_full_account_is_not() {
    let wording = "Cannot copy more than 20 snapshots across regions.";
    let account = Account::new(&[no_copy(), source(), refused("SnapshotQuotaExceeded", wording)], &[]);
    assert_waits(&account.handle(request()).await.unwrap());

    let wording = "Cannot create more than 100 manual snapshots";
    let account = Account::new(&[no_copy(), source(), refused("SnapshotQuotaExceeded", wording)], &[]);
    let error = account.handle(request()).await.unwrap_err();
    assert_fails(error, "Snapferry.RdsRefused", "SnapshotQuotaExceeded: Cannot create more than 100");
}

#[tokio::test]
async fn a_refused_key_is_asked_again_for_five_minutes_and_then_named() {
    let message =
        "The target KMS key does not exist, is not enabled or you do not have permissions to access it.";
    let rules = [no_copy(), source(), refused("KMSKeyNotAccessibleFault", message)];
    for seconds in [0, 299] {
        let stage = json!({"seconds": seconds, "looks": 1, "status": "copying"});
        let answer = Account::new(&rules, &[]).handle(with("stage", Some(stage))).await.unwrap();
        assert!(!answer.look.done, "{seconds}");
        assert!(answer.look.reason.contains(message), "{}", answer.look.reason);
    }
    let stage = json!({"seconds": 300, "looks": 21, "status": "copying"});
    let error = Account::new(&rules, &[]).handle(with("stage", Some(stage))).await.unwrap_err();
    assert_fails(error, "Snapferry.KeyNotUsable", message);
}

#[tokio::test]
async fn a_copy_that_exists_already_or_is_under_way_and_a_snapshot_that_is_not_ready_are_looked_at_again() {
    for code in ["DBSnapshotAlreadyExists", "InvalidDBSnapshotState"] {
        let account = Account::new(&[no_copy(), source(), refused(code, "")], &[]);
        assert_waits(&account.handle(request()).await.unwrap());
    }
    let copying = copy(DbSnapshot::builder().status("copying").percent_progress(40));
    let answer = Account::new(&[copying], &[]).handle(request()).await.unwrap();
    assert_waits(&answer);
    assert_eq!(answer.look.percent, Some(40));
}

#[tokio::test]
async fn a_shared_snapshot_of_another_region_is_copied_without_a_look_at_it() {
    let account = Account::new(&[no_copy(), started()], &[]);
    let arn = SOURCE_ARN.replace("us-east-1", "eu-west-1");
    assert_waits(&account.handle(with("sourceDbSnapshotArn", Some(json!(arn)))).await.unwrap());
    assert_eq!(account.sent(), [LOOK_AT_COPY.to_owned(), START.replacen(SOURCE_ARN, &arn, 1)]);
}

#[tokio::test]
async fn a_snapshot_of_another_db_instance_is_refused() {
    let other = found(SOURCE_ARN, of_orders().db_instance_identifier("payroll").build());
    let account = Account::new(&[no_copy(), other], &[]);
    let error = account.handle(request()).await.unwrap_err();
    assert_fails(
        error,
        "Snapferry.HandoffRefused",
        "is of DB instance payroll, but this run copies orders-prod",
    );
    assert_eq!(account.sent(), [LOOK_AT_COPY, LOOK_AT_SOURCE]);
}

#[tokio::test]
async fn a_snapshot_that_is_gone_is_told_by_name_whichever_call_notices() {
    let gone = || fault(404, "DBSnapshotNotFound", "not found");
    let look = mock!(aws_sdk_rds::Client::describe_db_snapshots).then_http_response(gone);
    for rules in [vec![look], vec![no_copy(), source(), refused("DBSnapshotNotFound", "")]] {
        let error = Account::new(&rules, &[]).handle(request()).await.unwrap_err();
        assert_fails(error, "Snapferry.SnapshotNotFound", SOURCE_ARN);
    }
}

#[tokio::test]
async fn a_copy_that_is_not_ours_or_under_another_key_is_left_alone() {
    let untagged = found(COPY, DbSnapshot::builder().status("available").build());
    let under_another_key = copy(DbSnapshot::builder().status("available").kms_key_id(SOURCE_KEY));
    for rule in [untagged, under_another_key] {
        let error = Account::new(&[rule], &[]).handle(request()).await.unwrap_err();
        assert_fails(error, "Snapferry.CopyNotOurs", COPY);
    }
}

#[tokio::test]
async fn throttling_is_retryable_and_a_refusal_is_not() {
    for (code, name) in [("Throttling", "Unavailable"), ("AccessDenied", "Refused")] {
        let account = Account::new(&[no_copy(), source(), refused(code, "said RDS")], &[]);
        let error = account.handle(request()).await.unwrap_err();
        assert_fails(error, &format!("Snapferry.Rds{name}"), &format!("failed: {code}: said RDS"));

        let code = format!("{code}Exception");
        let account = Account::new(&[no_copy(), source()], &[kms(400, json!({"__type": code}))]);
        let error = account.handle(declared()).await.unwrap_err();
        assert_fails(error, &format!("Snapferry.Kms{name}"), &format!("DescribeKey failed: {code}"));
    }
}

fn request() -> Value {
    json!({
        "replication": "orders", "run": "20261120t160812z-3f9a",
        "sourceDbSnapshotArn": SOURCE_ARN, "sourceDbInstanceIdentifier": "orders-prod",
        "targetDbSnapshotIdentifier": COPY, "kmsKeyId": KEY, "stageDeadlineSeconds": 3600, "stage": {},
    })
}

/// The request with one field set to another value, or left out.
fn with(field: &str, value: Option<Value>) -> Value {
    let mut request = request();
    request.as_object_mut().unwrap().remove(field);
    value.into_iter().for_each(|value| request[field] = value);
    request
}

/// The request that declares the source's key shareable.
fn declared() -> Value {
    with("shareableKeys", Some(json!([KEY, SOURCE_KEY])))
}

fn assert_waits(answer: &Response) {
    assert!(!answer.look.done && answer.look.wait_seconds >= 15, "{:?}", answer.look);
}

fn assert_fails(error: Error, name: &str, message: &str) {
    let diagnostic = Diagnostic::from(error);
    assert_eq!(diagnostic.error_type, name, "{}", diagnostic.error_message);
    assert!(diagnostic.error_message.contains(message), "{} lacks {message}", diagnostic.error_message);
}

fn found(identifier: &'static str, it: DbSnapshot) -> Rule {
    mock!(aws_sdk_rds::Client::describe_db_snapshots)
        .match_requests(move |request| request.db_snapshot_identifier() == Some(identifier))
        .then_output(move || DescribeDbSnapshotsOutput::builder().db_snapshots(it.clone()).build())
}

fn no_copy() -> Rule {
    mock!(aws_sdk_rds::Client::describe_db_snapshots)
        .match_requests(|request| request.db_snapshot_identifier() == Some(COPY))
        .then_http_response(|| fault(404, "DBSnapshotNotFound", "not found"))
}

/// The run's copy, under the key unless `it` says another.
fn copy(it: DbSnapshotBuilder) -> Rule {
    let tags = Copy::from_identifier("orders-20261120t160812z-3f9a").unwrap().tags();
    let tags = tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    let key = it.get_kms_key_id().clone().unwrap_or(KEY.to_owned());
    found(COPY, it.db_snapshot_arn(COPY_ARN).kms_key_id(key).set_tag_list(Some(tags)).build())
}

fn source() -> Rule {
    found(SOURCE_ARN, of_orders().build())
}

fn of_orders() -> DbSnapshotBuilder {
    DbSnapshot::builder().status("available").db_instance_identifier("orders-prod").kms_key_id(SOURCE_KEY)
}

fn started() -> Rule {
    mock!(aws_sdk_rds::Client::copy_db_snapshot).then_output(|| CopyDbSnapshotOutput::builder().build())
}

fn refused(code: &'static str, message: &'static str) -> Rule {
    mock!(aws_sdk_rds::Client::copy_db_snapshot).then_http_response(move || fault(400, code, message))
}

fn shareable_key() -> Rule {
    key("CUSTOMER", "Enabled", "SYMMETRIC_DEFAULT")
}

fn key(manager: &str, state: &str, spec: &str) -> Rule {
    let key = json!({"KeyId": "source", "KeyManager": manager, "KeyState": state, "KeySpec": spec});
    kms(200, json!({ "KeyMetadata": key }))
}

fn kms(status: u16, answer: Value) -> Rule {
    mock!(aws_sdk_kms::Client::describe_key)
        .then_http_response(move || HttpResponse::new(status.try_into().unwrap(), answer.to_string().into()))
}

/// An error as RDS sends it.
fn fault(status: u16, code: &str, message: &str) -> HttpResponse {
    let error = format!("<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>");
    HttpResponse::new(status.try_into().unwrap(), format!("<ErrorResponse>{error}</ErrorResponse>").into())
}

/// An account's two services, and every request to either as it goes over the wire, in order.
#[derive(Debug)]
struct Account {
    rds: aws_sdk_rds::Client,
    kms: aws_sdk_kms::Client,
    calls: Calls,
}

impl Account {
    fn new(rds: &[Rule], kms: &[Rule]) -> Self {
        let calls = Calls::default();
        let rds = mock_client!(aws_sdk_rds, RuleMode::MatchAny, rds, |config| {
            config.retry_config(RetryConfig::disabled()).interceptor(calls.clone())
        });
        let kms = mock_client!(aws_sdk_kms, RuleMode::MatchAny, kms, |config| {
            config.retry_config(RetryConfig::disabled()).interceptor(calls.clone())
        });
        Self { rds, kms, calls }
    }

    async fn handle(&self, request: Value) -> Result<Response, Error> {
        handle(&self.rds, &self.kms, request).await
    }

    fn sent(&self) -> Vec<String> {
        self.calls.0.lock().unwrap().clone()
    }
}

/// `<Action> <parameter>=<value> …` to RDS, `<Action> <JSON>` to KMS.
#[derive(Debug, Clone, Default)]
struct Calls(Arc<Mutex<Vec<String>>>);

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
