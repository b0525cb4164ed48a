//! The way back, with everything that the roles of the functions are for.

use crate::part::part;
use crate::roles::every_action_that_a_role_allows_is_used_and_every_one_used_is_allowed;
use crate::{end_of_rollback, report_of, roll_back, run, world};
use anyhow::{Context, Result};
use aws_sdk_rds::types::DbInstance;
use serde_json::{Value, json};
use tests::{Fingerprint, REPLICATION, SOURCE_INSTANCE, World, eventually, handoff_of};

/// What a rotation sets.
pub const ROTATED: &str = "rotated-4f0c1f2a9b";

// Invariant: no role may do with RDS, KMS or a secret what its function does not do.
#[tokio::test]
async fn a_rollback_outlasts_a_later_run_a_rotation_and_foreign_edits_and_each_role_allows_what_is_used()
-> Result<()> {
    let mut world = world().await?;
    let mut orders = world.create_source().await?;
    let mut source = world.login(SOURCE_INSTANCE).await?.session().await?;
    sqlx::raw_sql("CREATE ROLE reporting LOGIN PASSWORD 'of the source'").execute(&mut source).await?;
    let mut settings = world.settings();
    settings["verification"] = json!({"logins": "rotate"});
    settings["dbInstance"] = json!({
        "deletionProtection": true, "maxAllocatedStorage": 100, "enableCloudwatchLogsExports": ["postgresql"],
    });
    for group in ["ours", "quarantine"] {
        let create = world.target.rds.create_db_parameter_group().db_parameter_group_name(group);
        create.db_parameter_group_family("postgres16").description(group).send().await?;
    }
    settings["placement"]["dbParameterGroupName"] = json!("ours");
    settings["placement"]["quarantineDbParameterGroupName"] = json!("quarantine");
    world.put_settings(&settings).await?;
    let reports = world.target.listen(world.target_outputs.get("OperationsTopicArn")?, "operations").await?;
    let first = orders.fingerprint().await?;
    let execution = world.start_run(&world.input()).await?;
    let (a, execution, _) = world.finish_run(&execution).await?;
    part("the live copy has left the quarantine's parameter group, by a reboot", async {
        let copy = world.target.instance(&format!("{REPLICATION}-{a}")).await?;
        let group = copy.db_parameter_groups().first().context("a copy has a parameter group")?;
        assert_eq!(group.db_parameter_group_name(), Some("ours"));
        assert_eq!(group.parameter_apply_status(), Some("in-sync"));
        Ok(())
    })
    .await?;
    trouble_comes(&world, &reports, &handoff_of(&execution)?).await?;
    part(
        "a rollback that has nowhere to go is reported and changes nothing",
        a_rollback_that_has_nowhere_to_go_is_reported_and_changes_nothing(&world, &reports, &a, &first),
    )
    .await?;
    orders.add(5000, 10).await?;
    let second = orders.fingerprint().await?;
    part(
        "a rollback outlasts a later run, a rotation and foreign edits until latest releases it",
        a_rollback_outlasts_a_later_run_a_rotation_and_foreign_edits(&world, &reports, &a, &first, &second),
    )
    .await?;
    part("copies that are stopped and protected are deleted when their time comes", async {
        roll_back(&world, "latest").await?;
        stop(&world, &a).await?;
        settings["retention"] = json!({"copies": 0, "cutoverGraceHours": 0, "failedCopyHours": 1});
        world.put_settings(&settings).await?;
        let last = format!("{REPLICATION}-{}", run(&world).await?);
        eventually("the last copy to be alone", || async {
            let left = world.target.rds.describe_db_instances().send().await?;
            let is_last = |it: &DbInstance| it.db_instance_identifier() == Some(last.as_str());
            Ok(left.db_instances().iter().all(is_last).then_some(()))
        })
        .await?;
        eventually("the log groups of the last copy to be alone", || async {
            let groups = world.target.log_groups("/aws/rds/instance/").await?;
            Ok((groups == [format!("/aws/rds/instance/{last}/postgresql")]).then_some(()))
        })
        .await
    })
    .await?;
    part(
        "every action that a role allows is used, and every one used is allowed",
        every_action_that_a_role_allows_is_used_and_every_one_used_is_allowed(&world),
    )
    .await?;
    world.local_aws.stop().await
}

/// `a` is the run whose copy is live, and holds `first`; the source holds `second`.
async fn a_rollback_outlasts_a_later_run_a_rotation_and_foreign_edits(
    world: &World,
    reports: &str,
    a: &str,
    first: &Fingerprint,
    second: &Fingerprint,
) -> Result<()> {
    let b = run(world).await?;
    rotate_password(world, &b).await?;
    stop(world, a).await?;

    roll_back(world, "previous").await?;
    assert_live(world, a, first).await?;
    let secret = world.target_outputs.get("ApplicationSecretArn")?;
    let value = world.target.secrets.get_secret_value().secret_id(secret).send().await?;
    let value: Value = serde_json::from_str(value.secret_string().unwrap_or_default())?;
    assert_eq!(value["apiKey"], "added by hand", "what others wrote stays");
    let report = report_of(&world.target, reports, "ROLLED_BACK").await?;
    assert_eq!((&report["run"], &report["live"]), (&json!(a), &json!(true)), "{report}");

    // A later run restores and proves its copy, but does not go live.
    let c = run(world).await?;
    assert_live(world, a, first).await?;

    roll_back(world, "latest").await?;
    assert_live(world, &c, second).await?;
    let described = world.target.secrets.describe_secret().secret_id(secret).send().await?;
    assert!(described.tags().iter().all(|tag| tag.key() != Some("snapferry:pinned")), "{described:?}");

    // By name, to the copy whose password was rotated while it was live.
    roll_back(world, &b).await?;
    assert_live(world, &b, second).await?;
    let report = loop {
        let told = report_of(&world.target, reports, "ROLLED_BACK").await?;
        if told["run"] == json!(b) {
            break told;
        }
    };
    let waited = report["waitedSeconds"].as_object().context("a report tells the waits")?;
    let waited: u64 = waited.values().filter_map(Value::as_u64).sum();
    assert!(waited < 5, "a rollback to a running copy takes seconds: {report}");

    // To a copy whose password somebody changed and nobody wrote down: it gets another one.
    set_password(world, a, "by-hand-2b5d").await?;
    let execution = roll_back(world, a).await?;
    assert!(execution.steps.iter().any(|it| it.step == "VerifyPathAgain"), "{:?}", execution.steps);
    assert_live(world, a, first).await
}

/// What makes functions act that no run or rollback calls: a failure, a hand-off that is a duplicate, and one that is
/// none.
async fn trouble_comes(world: &World, reports: &str, handoff: &Value) -> Result<()> {
    let of_source =
        world.source.listen(world.source_outputs.get("OperationsTopicArn")?, "operations").await?;
    let mut broken = world.input();
    broken["source"]["dbInstanceIdentifier"] = json!("nowhere");
    let broken = world.start_run(&broken).await?;
    world.source.ended(&broken).await?;
    report_of(&world.source, &of_source, "FAILED").await?;
    let topic = world.source_outputs.get("HandoffTopicArn")?;
    world.source.sns.publish().topic_arn(topic).message(handoff.to_string()).send().await?;
    eventually("a look at the execution of the duplicate's name", || async {
        let calls = world.local_aws.calls().await?;
        let is_look = |call: &Value| {
            call["operation"] == "DescribeExecution"
                && call["who"].as_str().is_some_and(|who| who.contains("ReceiveRole"))
        };
        Ok(calls.iter().any(is_look).then_some(()))
    })
    .await?;
    world.source.sns.publish().topic_arn(topic).message("no hand-off").send().await?;
    report_of(&world.target, reports, "REFUSED").await?;
    Ok(())
}

async fn stop(world: &World, run: &str) -> Result<()> {
    let identifier = format!("{REPLICATION}-{run}");
    // RDS may still back it up, and stops nothing meanwhile.
    world.target.instance_in(&identifier, "available").await?;
    world.target.rds.stop_db_instance().db_instance_identifier(&identifier).send().await?;
    world.target.instance_in(&identifier, "stopped").await?;
    Ok(())
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
    let identifier = format!("{REPLICATION}-{run}");
    world.target.instance_in(&identifier, "available").await?;
    let modify = world.target.rds.modify_db_instance().db_instance_identifier(identifier);
    modify.master_user_password(password).apply_immediately(true).send().await?;
    let mut login = world.secret(&format!("snapferry/{REPLICATION}/{run}")).await?;
    password.clone_into(&mut login.password);
    eventually("the new password", || async { Ok(login.connect().await.ok().map(|_| ())) }).await
}
