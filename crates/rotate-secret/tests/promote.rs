//! `PromoteSecret` on the real RDS and Secrets Manager clients: what it answers, and every request that it sends.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod promotion;
mod support;

use aws_sdk_secretsmanager::Client as Secrets;
use aws_smithy_mocks::mock;
use promotion::*;
use serde_json::{Value, json};
use support::*;
use test_support::{actions, assert_fails, json_answer, rds_fault, the};

/// AWSCURRENT before the pin: see `promote::handle`.
const LOOKS: [&str; 3] = ["DescribeDBInstances", "GetSecretValue", "DescribeSecret"];
/// What a look reads too that may lead to the move: the copy's own secret.
const CHECKS: [&str; 4] = ["DescribeDBInstances", "GetSecretValue", "DescribeSecret", "GetSecretValue"];
const MOVES: [&str; 3] = ["AddTagsToResource", "PutSecretValue", "UpdateSecretVersionStage"];

#[tokio::test]
async fn the_connection_keys_go_over_the_present_value_and_all_other_keys_stay() {
    let present = json!({
        "apiKey": "k", "flags": {"beta": true}, "host": "old", "port": 1, "password": "old",
        "username": "orders_master", "dbname": "old", "engine": "postgres", "dbClusterIdentifier": "old-cluster",
    });
    let (answer, sent) = look(&[copy()], &world(&present)).await;
    assert_moved(answer);
    let put = the("PutSecretValue", &sent);
    assert_eq!(put["SecretId"], APPLICATION);
    assert_eq!(put["VersionStages"], json!(["snapferry"]), "AWSCURRENT does not move yet");
    let mut expected = own();
    expected["dbname"] = json!("old");
    expected["apiKey"] = json!("k");
    expected["flags"] = json!({"beta": true});
    assert_eq!(value_of(put), expected);
}

#[tokio::test]
async fn awscurrent_moves_in_one_compare_and_swap_that_names_the_version_it_leaves() {
    let (_, sent) = look(&[copy()], &world(&json!({}))).await;
    assert_eq!(actions(&sent), [&CHECKS[..], &MOVES].concat());
    let expected = json!({
        "Action": "UpdateSecretVersionStage", "SecretId": APPLICATION, "VersionStage": "AWSCURRENT",
        "RemoveFromVersionId": "v-present", "MoveToVersionId": the("PutSecretValue", &sent)["ClientRequestToken"],
    });
    assert_eq!(*the("UpdateSecretVersionStage", &sent), expected);
}

#[tokio::test]
async fn the_token_is_the_same_on_a_repetition_and_another_one_over_another_version() {
    let token = async |version: &str| {
        let rules = [described(json!({})), secret(APPLICATION, version, "{}"), own_secret(), put(), moved()];
        let (_, sent) = look(&[copy()], &rules).await;
        the("PutSecretValue", &sent)["ClientRequestToken"].as_str().unwrap().to_owned()
    };
    assert_eq!(token("v-present").await, token("v-present").await);
    assert_ne!(token("v-present").await, token("v-other").await);
    assert!((32..=64).contains(&token("v-present").await.len()));
}

#[tokio::test]
async fn repeating_a_finished_step_changes_nothing() {
    let (answer, sent) = look(&[copy()], &world(&json!({"apiKey": "k"}))).await;
    assert_moved(answer);

    // What it wrote is current now. There is no rule for a call that changes anything: the mock panics on one.
    let put = the("PutSecretValue", &sent);
    let [version, text] = ["ClientRequestToken", "SecretString"].map(|key| put[key].as_str().unwrap());
    let (answer, sent) = look(&[copy()], &[described(json!({})), secret(APPLICATION, version, text)]).await;
    let answer = answer.unwrap();
    assert!(answer.look.done && answer.live);
    assert_eq!(actions(&sent), LOOKS);
}

#[tokio::test]
async fn when_somebody_else_moved_awscurrent_the_next_look_starts_from_the_top() {
    let not_there =
        json!({"__type": "InvalidParameterException", "message": "AWSCURRENT is attached to v-other"});
    let lost =
        mock!(Secrets::update_secret_version_stage).then_http_response(move || json_answer(&not_there));
    let rules = [described(json!({})), secret(APPLICATION, "v-present", "{}"), own_secret(), put(), lost];
    let (answer, _) = look(&[copy()], &rules).await;
    assert!(!assert_waits(answer).live);

    let theirs = json!({"apiKey": "new"}).to_string();
    let rules = [described(json!({})), secret(APPLICATION, "v-other", &theirs), own_secret(), put(), moved()];
    let (answer, sent) = look(&[copy()], &rules).await;
    assert_moved(answer);
    assert_eq!(the("UpdateSecretVersionStage", &sent)["RemoveFromVersionId"], "v-other");
    assert_eq!(value_of(the("PutSecretValue", &sent))["apiKey"], "new");
}

#[tokio::test]
async fn a_password_rotated_meanwhile_is_saved_in_the_outgoing_copys_secret_first() {
    let rotated = json!({"dbInstanceIdentifier": OUTGOING, "username": "orders_master", "password": "rotated", "host": "x"});
    let saved = json!({"dbInstanceIdentifier": OUTGOING, "username": "orders_master", "password": "old", "host": "y"});
    let mut rules = world(&rotated);
    rules.push(secret(OUTGOING_SECRET, "v-saved", &saved.to_string()));
    let (answer, sent) = look(&[copy(), instance(made_by_run(OUTGOING))], &rules).await;
    assert_moved(answer);
    let save = ["GetSecretValue", "PutSecretValue", "DescribeDBInstances", "AddTagsToResource"];
    assert_eq!(actions(&sent), [&CHECKS[..], &save, &MOVES].concat());
    let put = &sent[5];
    assert_eq!(put["SecretId"], OUTGOING_SECRET);
    assert_eq!(put["VersionStages"], json!(["AWSCURRENT"]));
    let expected = json!({
        "dbInstanceIdentifier": OUTGOING, "username": "orders_master", "password": "rotated", "host": "y",
    });
    assert_eq!(value_of(put), expected);
}

#[tokio::test]
async fn both_instances_are_tagged_with_the_time_before_awscurrent_moves() {
    let same = json!({"dbInstanceIdentifier": OUTGOING, "username": "orders_master", "password": "old"});
    let mut rules = world(&same);
    rules.push(secret(OUTGOING_SECRET, "v-saved", &same.to_string()));
    let (_, sent) = look(&[copy(), instance(made_by_run(OUTGOING))], &rules).await;
    // The same credentials are not saved again: there is one PutSecretValue, that of the application's secret.
    let save = ["GetSecretValue", "DescribeDBInstances", "AddTagsToResource"];
    assert_eq!(actions(&sent), [&CHECKS[..], &save, &MOVES].concat());
    for (tag, instance) in [(&sent[6], OUTGOING), (&sent[7], IDENTIFIER)] {
        assert_tagged_with_time(tag, instance, "snapferry:last-live");
    }
}

#[tokio::test]
async fn when_an_instance_cannot_be_tagged_awscurrent_stays() {
    let same = json!({"dbInstanceIdentifier": OUTGOING, "username": "orders_master", "password": "old"});
    let mut rules = world(&same);
    rules.push(secret(OUTGOING_SECRET, "v-saved", &same.to_string()));
    for untagged in [OUTGOING, IDENTIFIER] {
        let refused = mock!(aws_sdk_rds::Client::add_tags_to_resource)
            .match_requests(move |it| it.resource_name().is_some_and(|name| name.ends_with(untagged)))
            .then_http_response(|| rds_fault("Throttling"));
        let (answer, sent) = look(&[copy(), instance(made_by_run(OUTGOING)), refused], &rules).await;
        assert_fails(answer, "Snapferry.RdsUnavailable", "AddTagsToResource");
        assert!(!actions(&sent).contains(&"UpdateSecretVersionStage"), "{sent:?}");
    }
}

#[tokio::test]
async fn an_outgoing_copy_that_is_gone_and_a_database_of_others_are_let_be() {
    let gone = mock!(aws_sdk_rds::Client::describe_db_instances)
        .match_requests(|it| it.db_instance_identifier() == Some(OUTGOING))
        .then_http_response(|| rds_fault("DBInstanceNotFound"));
    let mut rules =
        world(&json!({"dbInstanceIdentifier": OUTGOING, "username": "orders_master", "password": "p"}));
    rules.push(no_secret(OUTGOING_SECRET));
    assert_moved(look(&[copy(), gone], &rules).await.0);
    for others in ["orders-legacy", "payroll"] {
        let rules =
            world(&json!({"dbInstanceIdentifier": others, "username": "orders_master", "password": "p"}));
        assert_moved(look(&[copy()], &rules).await.0);
    }
}

#[tokio::test]
async fn a_rotation_that_is_pending_is_waited_for_and_one_that_ended_is_not() {
    let stages = json!({"v-present": ["AWSCURRENT"], "v-next": ["AWSPENDING"]});
    let present = secret(APPLICATION, "v-present", "{}");
    let pending = [described(json!({ "VersionIdsToStages": stages })), present, own_secret()];
    let (answer, sent) = look(&[copy()], &pending).await;
    assert!(!assert_waits(answer).live);
    assert_eq!(actions(&sent), CHECKS);

    let stages = json!({"v-present": ["AWSCURRENT", "AWSPENDING"]});
    let mut ended = world(&json!({}));
    ended[0] = described(json!({ "VersionIdsToStages": stages }));
    let (answer, sent) = look(&[copy()], &ended).await;
    assert_moved(answer);
    // Left behind, the label would look like a rotation that is pending, and refuse the next one.
    let unlabelled = json!({
        "Action": "UpdateSecretVersionStage", "SecretId": APPLICATION, "VersionStage": "AWSPENDING",
        "RemoveFromVersionId": "v-present",
    });
    assert_eq!(sent[4], unlabelled);
}

#[tokio::test]
async fn a_pin_and_a_newer_live_copy_are_respected() {
    let pin = json!({"Tags": [{"Key": "snapferry:pinned", "Value": "20261101t000000z-0000"}]});
    let newer = json!({"dbInstanceIdentifier": "orders-20261121t160812z-0000"}).to_string();
    for rules in [
        [described(pin), secret(APPLICATION, "v-present", "{}")],
        [described(json!({})), secret(APPLICATION, "v-present", &newer)],
    ] {
        let (answer, sent) = look(&[copy()], &rules).await;
        let answer = answer.unwrap();
        assert!(answer.look.done && !answer.live);
        assert_eq!(actions(&sent), LOOKS);
    }
}

#[tokio::test]
async fn an_application_secret_without_a_readable_value_is_refused_and_nothing_is_written() {
    let without_current = no_secret(APPLICATION);
    let binary = secret_answer(APPLICATION, json!({"VersionId": "v", "SecretBinary": "e30="}));
    for (rule, name, message, looks) in [
        (without_current, "Snapferry.SecretNotInitialised", "has no AWSCURRENT version", 3),
        (binary, "Snapferry.SecretBinary", "holds bytes, not text", 2),
        (secret(APPLICATION, "v", "host=db"), "Snapferry.SecretNotJson", "is not a JSON object", 2),
        (secret(APPLICATION, "v", "[]"), "Snapferry.SecretNotJson", "is not a JSON object", 2),
    ] {
        let unproven = instance(made_by_run(IDENTIFIER));
        let (answer, sent) = look(&[unproven], &[described(json!({})), rule]).await;
        assert_fails(answer, name, message);
        assert_eq!(actions(&sent), LOOKS[..looks], "it is not tagged as proven either");
    }
    let missing = json!({"__type": "ResourceNotFoundException"});
    let missing = mock!(Secrets::describe_secret).then_http_response(move || json_answer(&missing));
    let (answer, _) = look(&[copy()], &[missing, no_secret(APPLICATION)]).await;
    assert_fails(answer, "Snapferry.SecretNotFound", APPLICATION);
}

#[tokio::test]
async fn a_copy_whose_own_secret_is_missing_or_incomplete_does_not_go_live() {
    let incomplete = json!({"username": "orders_master", "password": "p"}).to_string();
    for (own, name) in [
        (no_secret(SECRET), "Snapferry.SecretNotFound"),
        (secret(SECRET, "v", &incomplete), "Snapferry.SecretNotJson"),
    ] {
        let rules = [described(json!({})), secret(APPLICATION, "v-present", "{}"), own];
        let (answer, sent) = look(&[copy()], &rules).await;
        assert_fails(answer, name, SECRET);
        assert_eq!(actions(&sent), CHECKS, "nothing is changed");
    }
}

#[tokio::test]
async fn a_copy_that_is_fit_to_go_live_is_tagged_as_proven_even_if_it_may_not() {
    let pin = json!({"Tags": [{"Key": "snapferry:pinned", "Value": "20261101t000000z-0000"}]});
    for answer in [pin, json!({})] {
        let newer = json!({"dbInstanceIdentifier": "orders-20261121t160812z-0000"}).to_string();
        let rules = [described(answer), secret(APPLICATION, "v-present", &newer)];
        let (answer, sent) = look(&[instance(made_by_run(IDENTIFIER))], &rules).await;
        assert!(answer.unwrap().look.done);
        assert_eq!(actions(&sent), [&LOOKS[..], &["AddTagsToResource"]].concat());
        assert_tagged_with_time(&sent[3], IDENTIFIER, "snapferry:proven");
    }
}

#[tokio::test]
async fn a_rollback_pins_before_awscurrent_moves_and_goes_back_on_purpose() {
    let mut request = request_to_promote();
    request["pin"] = json!("set");
    let newer = json!({"dbInstanceIdentifier": "orders-20261121t160812z-0000"});
    let taken = mock!(Secrets::tag_resource).then_http_response(|| json_answer(&json!({})));
    let rules =
        [described(json!({})), secret(APPLICATION, "v-present", &newer.to_string()), own_secret(), taken];
    let (answer, sent) = look_with(&[copy()], &rules, request.clone()).await;
    let answer = assert_waits(answer);
    assert!(!answer.live);
    assert_eq!(answer.look.wait_seconds, 1, "the pin has its effect at once");
    assert_eq!(actions(&sent), [&CHECKS[..], &["TagResource"]].concat());
    let expected = json!({
        "Action": "TagResource", "SecretId": APPLICATION,
        "Tags": [{"Key": "snapferry:pinned", "Value": "20261120t160812z-3f9a"}],
    });
    assert_eq!(sent[4], expected);

    let mut pinned = world(&newer);
    pinned[0] = described(json!({ "Tags": expected["Tags"] }));
    pinned.push(no_secret("snapferry/orders/20261121t160812z-0000"));
    let gone = mock!(aws_sdk_rds::Client::describe_db_instances)
        .match_requests(|it| it.db_instance_identifier() == Some("orders-20261121t160812z-0000"))
        .then_http_response(|| rds_fault("DBInstanceNotFound"));
    assert_moved(look_with(&[copy(), gone], &pinned, request).await.0);
}

#[tokio::test]
async fn a_rollback_to_the_latest_releases_the_pin_and_then_promotes() {
    let mut request = request_to_promote();
    request["pin"] = json!("release");
    let pin = json!({"Tags": [{"Key": "snapferry:pinned", "Value": "20261101t000000z-0000"}]});
    let taken = mock!(Secrets::untag_resource).then_http_response(|| json_answer(&json!({})));
    let rules = [described(pin), secret(APPLICATION, "v-present", "{}"), own_secret(), taken];
    let (answer, sent) = look_with(&[copy()], &rules, request.clone()).await;
    assert_eq!(assert_waits(answer).look.wait_seconds, 1);
    let expected =
        json!({"Action": "UntagResource", "SecretId": APPLICATION, "TagKeys": ["snapferry:pinned"]});
    assert_eq!(sent[4..], [expected]);
    assert_moved(look_with(&[copy()], &world(&json!({})), request).await.0);
}

// Invariant: no password enters state data, logs, errors, tags or messages.
#[tokio::test]
async fn no_password_is_told_in_an_answer_or_in_an_error_whichever_call_fails() {
    let denied =
        || json_answer(&json!({"__type": "AccessDeniedException", "message": "said Secrets Manager"}));
    let no_put = mock!(Secrets::put_secret_value).then_http_response(denied);
    let no_move = mock!(Secrets::update_secret_version_stage).then_http_response(denied);
    let present = json!({ "password": PASSWORD }).to_string();
    let present = || secret(APPLICATION, "v-present", &present);
    let failures = [
        look(&[copy()], &[described(json!({})), present(), own_secret(), no_put]).await.0,
        look(&[copy()], &[described(json!({})), present(), own_secret(), put(), no_move]).await.0,
        look(&[copy()], &[described(json!({})), present(), secret(SECRET, "v", PASSWORD)]).await.0,
        look(&[copy()], &[described(json!({})), secret(APPLICATION, "v", PASSWORD)]).await.0,
    ];
    for failure in failures {
        let error = failure.unwrap_err();
        assert_not_told(&format!("{error} {error:?} {error:#?}"));
        assert_not_told(&lambda_runtime::Diagnostic::from(error).error_message);
    }
    let answer = look(&[copy()], &world(&json!({}))).await.0.unwrap();
    assert_not_told(&format!("{answer:?} {}", serde_json::to_string(&answer).unwrap()));
}

#[tokio::test]
async fn bad_input_is_invalid_request() {
    let check = async |field: &str, value: Value, expected: &str| {
        let mut request = request_to_promote();
        request[field] = value;
        let (answer, sent) = look_with(&[], &[], request).await;
        assert_fails(answer, "Snapferry.InvalidRequest", expected);
        assert!(sent.is_empty());
    };
    check("pin", json!("maybe"), "`pin`: unknown variant").await;
    check("applicationSecretArn", Value::Null, "`applicationSecretArn`: invalid type").await;
    check("stage", json!({"seconds": -1}), "`stage.seconds`: invalid value").await;
    check("password", json!("x"), "`password`: unknown field").await;
}
