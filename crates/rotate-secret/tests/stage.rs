//! `StageSecret` on the real RDS and Secrets Manager clients: what it answers, and every request that it sends.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use aws_sdk_rds::operation::modify_db_instance::ModifyDbInstanceOutput;
use aws_sdk_rds::types::{DbInstance, PendingModifiedValues, Tag, builders::DbInstanceBuilder};
use aws_sdk_secretsmanager::operation::create_secret::CreateSecretOutput;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
use aws_smithy_mocks::{MockResponse, Rule, mock};
use rotate_secret::Error;
use rotate_secret::stage_secret::{Response, handle};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use support::*;
use test_support::{actions, assert_fails, json_answer, rds_fault, tags_sent, the};

#[tokio::test]
async fn the_secret_is_made_before_the_password_is_set_and_the_tag_comes_last() {
    let (answer, sent) = look(&[copy(), password_set(), tagged()], &new_secret()).await;
    let look_made = ["DescribeDBInstances", "GetSecretValue"];
    let secret_made = ["GetRandomPassword", "CreateSecret", "GetSecretValue"];
    let password_set = ["ModifyDBInstance", "AddTagsToResource"];
    assert_eq!(actions(&sent), [&look_made[..], &secret_made, &password_set].concat());
    assert_eq!(assert_waits(answer).secret_id, SECRET);
    assert_eq!(
        *the("GetRandomPassword", &sent),
        json!({"Action": "GetRandomPassword", "PasswordLength": 30, "ExcludePunctuation": true})
    );
}

#[tokio::test]
async fn the_secret_holds_the_connection_and_carries_the_three_tags() {
    let (_, sent) = look(&[copy(), password_set(), tagged()], &new_secret()).await;
    let created = the("CreateSecret", &sent);
    assert_eq!(created["Name"], SECRET);
    assert_eq!(
        created["Tags"],
        json!([
            {"Key": "snapferry:made-by", "Value": "snapferry"},
            {"Key": "snapferry:replication", "Value": "orders"},
            {"Key": "snapferry:run", "Value": "20261120t160812z-3f9a"},
        ])
    );
    let expected = json!({
        "engine": "postgres", "host": "db.example", "port": 5432, "username": "orders_master",
        "password": PASSWORD, "dbname": "orders_of_the_source", "dbInstanceIdentifier": IDENTIFIER,
    });
    assert_eq!(value_of(created), expected);
}

#[tokio::test]
async fn the_database_that_the_instance_was_created_with_wins_over_the_handoffs() {
    let named = instance(made_by_run(IDENTIFIER).db_name("orders_of_the_copy"));
    let (_, sent) = look(&[named, password_set(), tagged()], &new_secret()).await;
    assert_eq!(value_of(the("CreateSecret", &sent))["dbname"], "orders_of_the_copy");
}

#[tokio::test]
async fn rds_gets_the_password_that_is_in_the_secret_and_the_tag_names_its_version() {
    let (_, sent) = look(&[copy(), password_set(), tagged()], &new_secret()).await;
    assert_sets_password(&sent, PASSWORD, "version-1");
}

#[tokio::test]
async fn a_secret_that_exists_keeps_its_password() {
    let kept = secret(SECRET, "version-7", &json!({"username": "u", "password": "kept"}).to_string());
    let (answer, sent) = look(&[copy(), password_set(), tagged()], &[kept]).await;
    assert_waits(answer);
    let expected = ["DescribeDBInstances", "GetSecretValue", "ModifyDBInstance", "AddTagsToResource"];
    assert_eq!(actions(&sent), expected);
    assert_sets_password(&sent, "kept", "version-7");
}

#[tokio::test]
async fn a_secret_that_another_call_made_meanwhile_is_read_again() {
    let exists = json!({"__type": "ResourceExistsException"});
    let create =
        mock!(aws_sdk_secretsmanager::Client::create_secret).then_http_response(move || json_answer(&exists));
    let theirs = json!({"username": "u", "password": "theirs"}).to_string();
    let found = mock!(aws_sdk_secretsmanager::Client::get_secret_value)
        .sequence()
        .http_response(|| json_answer(&json!({"__type": "ResourceNotFoundException"})))
        .output(move || {
            GetSecretValueOutput::builder().version_id("version-2").secret_string(&theirs).build()
        })
        .build();
    let (answer, sent) = look(&[copy(), password_set(), tagged()], &[random(), create, found]).await;
    assert_waits(answer);
    assert_sets_password(&sent, "theirs", "version-2");
}

#[tokio::test]
async fn repeating_a_finished_step_changes_nothing() {
    let mut request = request_to_stage();
    let (answer, sent) = look(&[copy(), password_set(), tagged()], &new_secret()).await;
    request["stage"] = serde_json::to_value(assert_waits(answer).look.waiting).unwrap();

    // What it asked for is there from now on. There is no rule for a call that changes anything: the mock panics on one.
    let text = the("CreateSecret", &sent)["SecretString"].as_str().unwrap();
    let tags = tags_sent(&sent).into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build());
    let with_password = tags.fold(made_by_run(IDENTIFIER), DbInstanceBuilder::tag_list);
    let looks = async |request: Value| {
        let rules = [instance(with_password.clone())];
        let (answer, sent) = look_with(&rules, &[secret(SECRET, "version-1", text)], request).await;
        assert_eq!(actions(&sent), ["DescribeDBInstances", "GetSecretValue"]);
        answer
    };
    request["stage"] = serde_json::to_value(assert_waits(looks(request.clone()).await).look.waiting).unwrap();
    for _ in 0..2 {
        let answer = looks(request.clone()).await.unwrap();
        assert!(answer.look.done);
        request["stage"] = serde_json::to_value(answer.look.waiting).unwrap();
    }
}

#[tokio::test]
async fn a_password_counts_once_nothing_is_pending_on_two_looks() {
    let (answer, _) = look(&[applied()], &[existing()]).await;
    let mut again = request_to_stage();
    again["stage"] = serde_json::to_value(assert_waits(answer).look.waiting).unwrap();
    assert!(look_with(&[applied()], &[existing()], again.clone()).await.0.unwrap().look.done);

    let pending = PendingModifiedValues::builder().master_user_password("****").build();
    let pending = instance(with_version(made_by_run(IDENTIFIER)).pending_modified_values(pending));
    assert_waits(look_with(&[pending], &[existing()], again.clone()).await.0);

    let busy = with_version(made_by_run(IDENTIFIER)).db_instance_status("resetting-master-credentials");
    assert_waits(look_with(&[instance(busy)], &[existing()], again).await.0);
}

#[tokio::test]
async fn after_a_lost_tag_the_same_password_is_set_again() {
    let lost =
        mock!(aws_sdk_rds::Client::add_tags_to_resource).then_http_response(|| rds_fault("Throttling"));
    let (answer, first) = look(&[copy(), password_set(), lost], &[existing()]).await;
    assert_fails(answer, "Snapferry.RdsUnavailable", "AddTagsToResource");
    let (_, second) = look(&[copy(), password_set(), tagged()], &[existing()]).await;
    assert_eq!(the("ModifyDBInstance", &first), the("ModifyDBInstance", &second));
}

#[tokio::test]
async fn an_instance_that_became_busy_is_not_tagged() {
    let busy = mock!(aws_sdk_rds::Client::modify_db_instance)
        .then_http_response(|| rds_fault("InvalidDBInstanceState"));
    let (answer, sent) = look(&[copy(), busy], &[existing()]).await;
    assert_waits(answer);
    assert_eq!(actions(&sent).last(), Some(&"ModifyDBInstance"));
}

// A secret that was deleted without a recovery window is forgotten some time later.
#[tokio::test]
async fn a_secret_whose_name_is_still_being_deleted_is_waited_for_and_then_told() {
    let refused = || {
        let answer =
            json!({"__type": "InvalidRequestException", "message": "already scheduled for deletion"});
        mock!(aws_sdk_secretsmanager::Client::create_secret).then_http_response(move || json_answer(&answer))
    };
    let (answer, sent) = look(&[copy()], &[random(), refused(), no_secret(SECRET)]).await;
    let answer = answer.unwrap();
    assert!(!answer.look.done && answer.look.wait_seconds > 0, "{answer:?}");
    assert_eq!(actions(&sent).last(), Some(&"CreateSecret"));

    let mut third = request_to_stage();
    third["stage"] = json!({"seconds": 300, "looks": 2, "status": "refused twice"});
    let (answer, _) = look_with(&[copy()], &[random(), refused(), no_secret(SECRET)], third).await;
    assert_fails(answer, "Snapferry.SecretsManagerRefused", "InvalidRequestException");
}

// Invariant: no password enters state data, logs, errors, tags or messages.
#[tokio::test]
async fn no_password_is_told_in_an_answer_or_in_an_error_whichever_call_fails() {
    let refused = |code: &str| json!({"__type": code, "message": "said Secrets Manager"});
    let create_refused = refused("AccessDeniedException");
    let create_refused = mock!(aws_sdk_secretsmanager::Client::create_secret)
        .then_http_response(move || json_answer(&create_refused));
    let not_set =
        mock!(aws_sdk_rds::Client::modify_db_instance).then_http_response(|| rds_fault("ValidationError"));
    let not_tagged =
        mock!(aws_sdk_rds::Client::add_tags_to_resource).then_http_response(|| rds_fault("ValidationError"));
    let not_json = secret(SECRET, "version-1", PASSWORD);
    let no_user = secret(SECRET, "version-1", &json!({ "password": PASSWORD }).to_string());
    let failures = [
        look(&[copy()], &[random(), create_refused, no_secret(SECRET)]).await.0,
        look(&[copy(), not_set], &[existing()]).await.0,
        look(&[copy(), password_set(), not_tagged], &[existing()]).await.0,
        look(&[copy()], &[not_json]).await.0,
        look(&[copy()], &[no_user]).await.0,
    ];
    for failure in failures {
        let error = failure.unwrap_err();
        assert_not_told(&format!("{error} {error:?} {error:#?}"));
        assert_not_told(&lambda_runtime::Diagnostic::from(error).error_message);
    }
    let answers = [
        look(&[copy(), password_set(), tagged()], &new_secret()).await.0,
        look(&[copy(), password_set(), tagged()], &[existing()]).await.0,
        look(&[applied()], &[existing()]).await.0,
    ];
    for answer in answers.map(Result::unwrap) {
        assert_not_told(&format!("{answer:?} {}", serde_json::to_string(&answer).unwrap()));
    }
}

#[tokio::test]
async fn a_password_that_rds_refuses_is_told_by_name_without_rdss_own_words() {
    let refused = mock!(aws_sdk_rds::Client::modify_db_instance)
        .then_http_response(|| rds_fault("InvalidParameterValue"));
    let (answer, _) = look(&[copy(), refused], &[existing()]).await;
    let error = answer.as_ref().unwrap_err();
    assert!(!format!("{error} {error:?}").contains("said RDS"), "{error:?}");
    assert_fails(answer, "Snapferry.PasswordRefused", SECRET);
}

#[tokio::test]
async fn bad_input_is_invalid_request() {
    let check = async |field: &str, value: Value, expected: &str| {
        let mut request = request_to_stage();
        request[field] = value;
        let (answer, sent) = look_with(&[], &[], request).await;
        assert_fails(answer, "Snapferry.InvalidRequest", expected);
        assert!(sent.is_empty());
    };
    check("run", json!("yesterday"), "`run`: \"yesterday\" is not a run").await;
    check("stageDeadlineSeconds", json!(1), "`stageDeadlineSeconds`: 1 is out of range").await;
    check("stage", json!({"looks": "two"}), "`stage.looks`: invalid type").await;
    check("password", json!("x"), "`password`: unknown field").await;
}

#[tokio::test]
async fn an_instance_that_is_gone_foreign_or_hopeless_ends_the_run_and_nothing_is_written() {
    let gone = mock!(aws_sdk_rds::Client::describe_db_instances)
        .then_http_response(|| rds_fault("DBInstanceNotFound"));
    let foreign = DbInstance::builder().db_instance_identifier(IDENTIFIER).db_instance_status("available");
    let failed = made_by_run(IDENTIFIER).db_instance_status("incompatible-parameters");
    for (rule, name) in [
        (gone, "Snapferry.DbInstanceNotFound"),
        (instance(foreign), "Snapferry.DbInstanceNotOurs"),
        (instance(failed), "Snapferry.RestoreFailed"),
    ] {
        let (answer, sent) = look(&[rule], &[no_secret(SECRET)]).await;
        assert_fails(answer, name, IDENTIFIER);
        assert_eq!(sent.len(), 2, "{sent:?}");
    }
}

#[tokio::test]
async fn throttling_is_retryable_and_a_refusal_is_not() {
    for (code, name) in [
        ("ThrottlingException", "Snapferry.SecretsManagerUnavailable"),
        ("InternalServiceError", "Snapferry.SecretsManagerUnavailable"),
        ("AccessDeniedException", "Snapferry.SecretsManagerRefused"),
        ("DecryptionFailure", "Snapferry.SecretsManagerRefused"),
    ] {
        let (answer, _) = look(&[copy()], &[secret_answer(SECRET, json!({"__type": code}))]).await;
        assert_fails(answer, name, &format!("GetSecretValue failed: {code}"));
    }
}

#[tokio::test]
async fn a_refused_password_is_renewed_once_for_an_execution() {
    let mut request = request_to_stage();
    request["renewedFor"] = json!("arn:aws:states:us-east-1:222222222222:execution:rollback:e");
    let put = || {
        mock!(aws_sdk_secretsmanager::Client::put_secret_value).then_http_response(|| json_answer(&json!({})))
    };
    let mut value = json!({"username": "orders_clone", "password": "refused", "host": "db.example"});
    let refused = || secret(SECRET, "version-1", &value.to_string());
    let (answer, sent) = look_with(&[applied()], &[refused(), random(), put()], request.clone()).await;
    assert_waits(answer);
    assert_eq!(
        actions(&sent),
        ["DescribeDBInstances", "GetSecretValue", "GetRandomPassword", "PutSecretValue"]
    );
    let put_call = the("PutSecretValue", &sent).clone();
    assert_eq!((&put_call["SecretId"], &put_call["VersionStages"]), (&json!(SECRET), &json!(["AWSCURRENT"])));

    // Another rollback renewed it once more since: its password is the one, and this one does not fight for it.
    let exists = json!({"__type": "ResourceExistsException"});
    let exists = mock!(aws_sdk_secretsmanager::Client::put_secret_value)
        .then_http_response(move || json_answer(&exists));
    let (answer, _) = look_with(&[applied()], &[refused(), random(), exists], request.clone()).await;
    assert!(answer.unwrap().look.done);

    (value["username"], value["password"]) = (json!("orders_master"), json!(PASSWORD));
    assert_eq!(value_of(&put_call), value, "the other keys stay");
    let version: &'static str = put_call["ClientRequestToken"].as_str().unwrap().to_owned().leak();
    let renewed = secret(SECRET, version, &value.to_string());
    let (_, sent) = look_with(&[applied(), password_set(), tagged()], &[renewed], request).await;
    assert_sets_password(&sent, PASSWORD, version);
}

#[tokio::test]
async fn a_secret_that_a_clean_up_scheduled_for_deletion_is_restored() {
    let scheduled = || secret_answer(SECRET, json!({"__type": "InvalidRequestException"}));
    let restored = mock!(aws_sdk_secretsmanager::Client::restore_secret)
        .then_http_response(|| json_answer(&json!({ "Name": SECRET })));
    let (answer, sent) = look(&[copy()], &[scheduled(), restored]).await;
    assert_waits(answer);
    assert_eq!(actions(&sent), ["DescribeDBInstances", "GetSecretValue", "RestoreSecret"]);
    assert_eq!(the("RestoreSecret", &sent)["SecretId"], SECRET);
}

/// What the step answers to its first look, and every request that it sends, in order.
async fn look(rds: &[Rule], secrets: &[Rule]) -> (Result<Response, Error>, Vec<Value>) {
    look_with(rds, secrets, request_to_stage()).await
}

fn request_to_stage() -> Value {
    let mut request = request();
    request["dbName"] = json!("orders_of_the_source");
    request
}

async fn look_with(rds: &[Rule], secrets: &[Rule], request: Value) -> (Result<Response, Error>, Vec<Value>) {
    let (rds, secrets, calls) = clients(rds, secrets);
    let answer = handle(&rds, &secrets, request).await;
    (answer, calls.sent())
}

fn assert_sets_password(sent: &[Value], password: &str, version: &str) {
    let modify = json!({
        "Action": "ModifyDBInstance", "DBInstanceIdentifier": IDENTIFIER, "MasterUserPassword": password,
    });
    assert_eq!(*the("ModifyDBInstance", sent), modify);
    let tag = json!({
        "Action": "AddTagsToResource", "ResourceName": format!("arn:aws:rds:us-east-1:222222222222:db:{IDENTIFIER}"),
        "Tags.Tag.1.Key": "snapferry:secret-version", "Tags.Tag.1.Value": version,
    });
    assert_eq!(*the("AddTagsToResource", sent), tag);
}

fn assert_waits(answer: Result<Response, Error>) -> Response {
    let answer = answer.unwrap();
    assert!(!answer.look.done && answer.look.wait_seconds > 0, "{:?}", answer.look);
    answer
}

fn copy() -> Rule {
    instance(made_by_run(IDENTIFIER))
}

/// The copy with the password of `existing`.
fn applied() -> Rule {
    instance(with_version(made_by_run(IDENTIFIER)))
}

fn with_version(it: DbInstanceBuilder) -> DbInstanceBuilder {
    it.tag_list(Tag::builder().key("snapferry:secret-version").value("version-1").build())
}

fn existing() -> Rule {
    secret(SECRET, "version-1", &json!({"username": "orders_master", "password": PASSWORD}).to_string())
}

fn password_set() -> Rule {
    mock!(aws_sdk_rds::Client::modify_db_instance).then_output(|| ModifyDbInstanceOutput::builder().build())
}

fn random() -> Rule {
    mock!(aws_sdk_secretsmanager::Client::get_random_password)
        .then_http_response(|| json_answer(&json!({ "RandomPassword": PASSWORD })))
}

/// A secret that is not there until it is made, and then holds what it was made with.
fn new_secret() -> [Rule; 3] {
    let written = Arc::new(Mutex::new(None));
    let read = written.clone();
    let create = mock!(aws_sdk_secretsmanager::Client::create_secret).then_compute_output(move |request| {
        *written.lock().unwrap() = request.secret_string.clone();
        CreateSecretOutput::builder().version_id("version-1").build()
    });
    let get = mock!(aws_sdk_secretsmanager::Client::get_secret_value).then_compute_response(move |_| {
        match read.lock().unwrap().clone() {
            Some(text) => MockResponse::Output(
                GetSecretValueOutput::builder().version_id("version-1").secret_string(text).build(),
            ),
            None => MockResponse::Http(json_answer(&json!({"__type": "ResourceNotFoundException"}))),
        }
    });
    [random(), create, get]
}
