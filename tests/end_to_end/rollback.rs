//! The way back.

use crate::part::part;
use crate::{end_of_rollback, report_of, roll_back, run, world};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::{Fingerprint, REPLICATION, World, eventually};

/// What a rotation sets.
pub const ROTATED: &str = "rotated-4f0c1f2a9b";

#[tokio::test]
async fn a_rollback_outlasts_a_later_run_a_rotation_and_foreign_edits_until_latest_releases_it() -> Result<()>
{
    let mut world = world().await?;
    let mut orders = world.create_source().await?;
    let reports = world.target.listen(world.target_outputs.get("OperationsTopicArn")?, "operations").await?;
    let first = orders.fingerprint().await?;
    let a = run(&world).await?;
    part(
        "a rollback that has nowhere to go is reported and changes nothing",
        a_rollback_that_has_nowhere_to_go_is_reported_and_changes_nothing(&world, &reports, &a, &first),
    )
    .await?;
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

async fn a_rollback_that_has_nowhere_to_go_is_reported_and_changes_nothing(
    world: &World,
    reports: &str,
    only: &str,
    rows: &Fingerprint,
) -> Result<()> {
    for to in ["previous", "20200101t000000z-0000"] {
        let execution = end_of_rollback(world, to).await?;
        assert_eq!(execution.error.as_deref(), Some("Snapferry.NoCopyToGoTo"), "{:?}", execution.cause);
        assert!(execution.cause.is_some_and(|cause| cause.contains(only)), "the way that there is");
        let report = report_of(&world.target, reports, "FAILED").await?;
        assert_eq!(report["error"], "Snapferry.NoCopyToGoTo");
        assert_eq!(report["executionArn"], json!(execution.arn));
    }
    let execution = end_of_rollback(world, "yesterday").await?;
    assert_eq!(execution.error.as_deref(), Some("Snapferry.InvalidRequest"), "{:?}", execution.cause);
    assert_live(world, only, rows).await
}

async fn assert_live(world: &World, run: &str, rows: &Fingerprint) -> Result<()> {
    let live = world.application_secret().await?;
    assert_eq!(live.db_instance_identifier, format!("{REPLICATION}-{run}"));
    assert_eq!(live.connect().await?.fingerprint().await?, *rows);
    Ok(())
}

/// As AWS's rotation of a single user ends: another password on the DB instance and in the application's secret. And,
/// by the way, a key that somebody adds.
pub async fn rotate_password(world: &World, run: &str) -> Result<()> {
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
