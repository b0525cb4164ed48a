//! The way back.

use crate::{end_of_rollback, report_of, roll_back, run, world};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::{REPLICATION, World, eventually};

/// What a rotation sets.
const ROTATED: &str = "rotated-4f0c1f2a9b";

#[tokio::test]
async fn a_rollback_outlasts_a_later_run_a_rotation_and_foreign_edits_until_latest_releases_it() -> Result<()>
{
    let mut world = world().await?;
    let mut orders = world.create_source().await?;
    let reports = world.target.listen(world.target_outputs.get("OperationsTopicArn")?, "operations").await?;
    let first = orders.fingerprint().await?;
    let a = run(&world).await?;
    orders.add(5000, 10).await?;
    let second = orders.fingerprint().await?;
    let b = run(&world).await?;
    rotate_password(&world, &b).await?;
    let stop = world.target.rds.stop_db_instance().db_instance_identifier(format!("{REPLICATION}-{a}"));
    stop.send().await?;
    world.target.instance_in(&format!("{REPLICATION}-{a}"), "stopped").await?;

    roll_back(&world, "previous").await?;
    assert_live(&world, &a, &first).await?;
    let secret = world.target_outputs.get("ApplicationSecretArn")?;
    let value = world.target.secrets.get_secret_value().secret_id(secret).send().await?;
    let value: Value = serde_json::from_str(value.secret_string().unwrap_or_default())?;
    assert_eq!(value["apiKey"], "added by hand", "what others wrote stays");
    let report = report_of(&world.target, &reports, "ROLLED_BACK").await?;
    assert_eq!((&report["run"], &report["live"]), (&json!(a), &json!(true)), "{report}");

    // A later run restores and proves its copy, but does not go live.
    let c = run(&world).await?;
    assert_live(&world, &a, &first).await?;

    roll_back(&world, "latest").await?;
    assert_live(&world, &c, &second).await?;
    let described = world.target.secrets.describe_secret().secret_id(secret).send().await?;
    assert!(described.tags().iter().all(|tag| tag.key() != Some("snapferry:pinned")), "{described:?}");

    // By name, to the copy whose password was rotated while it was live.
    roll_back(&world, &b).await?;
    assert_live(&world, &b, &second).await?;

    // To a copy whose password somebody changed and nobody wrote down: it gets another one.
    set_password(&world, &a, "by-hand-2b5d").await?;
    let execution = roll_back(&world, &a).await?;
    assert!(execution.steps.iter().any(|it| it.step == "VerifyAgain"), "{:?}", execution.steps);
    assert_live(&world, &a, &first).await?;
    world.local_aws.stop().await
}

/// A run that is resumed, and a rollback to where applications are already, change nothing of the live copy.
#[tokio::test]
async fn a_live_copy_is_left_alone_though_its_password_was_rotated() -> Result<()> {
    let mut world = world().await?;
    world.create_source().await?;
    let mut settings = world.settings();
    let marks = ["CREATE TABLE IF NOT EXISTS marks (mark int)", "INSERT INTO marks VALUES (1)"];
    settings["verification"] = json!({"postRestoreSql": marks, "logins": "rotate"});
    world.put_settings(&settings).await?;
    let refused = json!({"refused": {"code": "InvalidParameter", "message": "refused once", "status": 400}});
    let who = format!("{}/*Report*", world.target.id);
    let call = json!({"who": who, "service": "sns", "operation": "Publish", "how": refused});
    world.local_aws.misbehave(&json!({ "call": call })).await?;
    let source = world.start_run(&world.input()).await?;
    let source = world.source.succeeded(&source).await?;
    let only = source.output.and_then(|it| Some(it["run"].as_str()?.to_owned())).context("a run")?;
    let machine = world.target_outputs.get("TargetAccountStateMachineArn")?;
    let arn = world.target.execution_named(machine, &format!("{REPLICATION}-{only}")).await?;
    let failed = world.target.ended(&arn).await?;
    assert_eq!(failed.error.as_deref(), Some("Snapferry.SnsRefused"), "{:?}", failed.cause);
    rotate_password(&world, &only).await?;

    let input = world.target.states.describe_execution().execution_arn(&arn).send().await?.input;
    let again = world.target.states.start_execution().state_machine_arn(machine).set_input(input);
    let again = again.name(format!("{REPLICATION}-{only}-r2")).send().await?.execution_arn;
    world.target.succeeded(&again).await?;
    for to in [only.as_str(), "latest"] {
        roll_back(&world, to).await?;
    }
    let live = world.application_secret().await?;
    assert_eq!(live.password, ROTATED);
    let mut connection = crate::verification::connect(&live).await?;
    let marks: i64 = sqlx::query_scalar("SELECT count(*) FROM marks").fetch_one(&mut connection).await?;
    assert_eq!(marks, 1);
    world.local_aws.stop().await
}

#[tokio::test]
async fn a_rollback_that_has_nowhere_to_go_is_reported_and_changes_nothing() -> Result<()> {
    let mut world = world().await?;
    let mut orders = world.create_source().await?;
    let reports = world.target.listen(world.target_outputs.get("OperationsTopicArn")?, "operations").await?;
    let rows = orders.fingerprint().await?;
    let only = run(&world).await?;
    for to in ["previous", "20200101t000000z-0000"] {
        let execution = end_of_rollback(&world, to).await?;
        assert_eq!(execution.error.as_deref(), Some("Snapferry.NoCopyToGoTo"), "{:?}", execution.cause);
        assert!(execution.cause.is_some_and(|cause| cause.contains(&only)), "the way that there is");
        let report = report_of(&world.target, &reports, "FAILED").await?;
        assert_eq!(report["error"], "Snapferry.NoCopyToGoTo");
        assert_eq!(report["executionArn"], json!(execution.arn));
    }
    let execution = end_of_rollback(&world, "yesterday").await?;
    assert_eq!(execution.error.as_deref(), Some("Snapferry.InvalidRequest"), "{:?}", execution.cause);
    assert_live(&world, &only, &rows).await?;
    world.local_aws.stop().await
}

async fn assert_live(world: &World, run: &str, rows: &tests::Fingerprint) -> Result<()> {
    let live = world.application_secret().await?;
    assert_eq!(live.db_instance_identifier, format!("{REPLICATION}-{run}"));
    assert_eq!(live.connect().await?.fingerprint().await?, *rows);
    Ok(())
}

/// As AWS's rotation of a single user ends: another password on the DB instance and in the application's secret. And,
/// by the way, a key that somebody adds.
async fn rotate_password(world: &World, run: &str) -> Result<()> {
    set_password(world, run, ROTATED).await?;
    let secret = world.target_outputs.get("ApplicationSecretArn")?;
    let value = world.target.secrets.get_secret_value().secret_id(secret).send().await?;
    let mut value: Value = serde_json::from_str(value.secret_string().context("it has a text")?)?;
    value["password"] = json!(ROTATED);
    value["apiKey"] = json!("added by hand");
    world.target.secrets.put_secret_value().secret_id(secret).secret_string(value.to_string()).send().await?;
    Ok(())
}

/// Completes once the DB instance accepts it.
async fn set_password(world: &World, run: &str, password: &str) -> Result<()> {
    let modify = world.target.rds.modify_db_instance().db_instance_identifier(format!("{REPLICATION}-{run}"));
    modify.master_user_password(password).apply_immediately(true).send().await?;
    let mut login = world.secret(&format!("snapferry/{REPLICATION}/{run}")).await?;
    password.clone_into(&mut login.password);
    eventually("the new password", || async { Ok(login.connect().await.ok().map(|_| ())) }).await
}
