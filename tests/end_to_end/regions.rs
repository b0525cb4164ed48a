//! A target account whose stack is in another Region than the source account's.

use crate::part::part;
use anyhow::{Context, Result, ensure};
use aws_sdk_rds::operation::create_db_instance::builders::CreateDBInstanceFluentBuilder;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tests::{
    Account, REGION, REPLICATION, SOURCE_ACCOUNT, TARGET_ACCOUNT, TIME_SCALE, Tools, World, deployed_steps,
    handoff_of, start, step_of,
};

/// The Region of the target account's stack.
const ELSEWHERE: &str = "eu-west-1";
/// The DB instance, and the replication, whose key is closed to the role that copies there.
const GUARDED: &str = "guarded";

#[tokio::test]
async fn a_replication_goes_to_another_region() -> Result<()> {
    let tools = Tools::from_environment()?;
    let parent = tools.checkout.join(".local");
    let mut world = World::start_across(&tools, &parent, TIME_SCALE, &[], ELSEWHERE).await?;
    part(
        "every row arrives in another Region and goes live there",
        every_row_arrives_in_another_region_and_goes_live_there(&world),
    )
    .await?;
    part(
        "a key that is closed to the role of that Region is named, and once opened the run resumes",
        a_key_that_is_closed_to_the_role_of_that_region_is_named_and_once_opened_the_run_resumes(&world),
    )
    .await?;
    world.local_aws.stop().await
}

async fn every_row_arrives_in_another_region_and_goes_live_there(world: &World) -> Result<()> {
    let rows = world.create_source().await?.fingerprint().await?;
    let execution = world.start_run(&world.input()).await?;
    let (run, ..) = world.finish_run(&execution).await?;

    let live = world.application_secret().await?;
    assert_eq!(live.db_instance_identifier, format!("{REPLICATION}-{run}"));
    assert_eq!(live.connect().await?.fingerprint().await?, rows);

    let copy = world.target.instance(&live.db_instance_identifier).await?;
    let key = world.target_outputs.get("CopyKeyArn")?;
    assert_eq!(copy.kms_key_id(), Some(key));
    for arn in [copy.db_instance_arn(), Some(key)] {
        let arn = arn.context("RDS names it")?;
        assert!(arn.contains(&format!(":{ELSEWHERE}:{TARGET_ACCOUNT}:")), "{arn}");
    }
    nothing_of_the_target_is_in_the_sources_region(world).await?;
    every_function_calls_its_own_region(&world.local_aws.calls().await?)
}

async fn nothing_of_the_target_is_in_the_sources_region(world: &World) -> Result<()> {
    let there = Account::new(TARGET_ACCOUNT, REGION, &world.target.endpoint);
    let instances = there.rds.describe_db_instances().send().await?.db_instances.unwrap_or_default();
    let snapshots = there.rds.describe_db_snapshots().send().await?.db_snapshots.unwrap_or_default();
    let secrets = there.secrets.list_secrets().send().await?.secret_list.unwrap_or_default();
    ensure!(instances.is_empty() && snapshots.is_empty(), "{instances:?} {snapshots:?}");
    ensure!(secrets.is_empty(), "{secrets:?}");
    Ok(())
}

/// The source account's functions call their Region, and the target account's call theirs: no call crosses.
fn every_function_calls_its_own_region(record: &[Value]) -> Result<()> {
    let steps = deployed_steps()?;
    let text = |call: &Value, key: &str| call[key].as_str().unwrap_or_default().to_owned();
    let is_function = |call: &&Value| step_of(&steps, &text(call, "who")).is_some();
    let calls = record.iter().filter(is_function).map(|it| (text(it, "accountId"), text(it, "region")));
    let expected = [(SOURCE_ACCOUNT, REGION), (TARGET_ACCOUNT, ELSEWHERE)];
    let expected = expected.map(|(account, region)| (account.to_owned(), region.to_owned()));
    assert_eq!(calls.collect::<BTreeSet<_>>(), BTreeSet::from(expected));
    Ok(())
}

// P1-10: the source cannot see whether the target may use a key.
async fn a_key_that_is_closed_to_the_role_of_that_region_is_named_and_once_opened_the_run_resumes(
    world: &World,
) -> Result<()> {
    // The role that copies has its Region in its name, and the source account does not know that Region.
    let key = world.source.kms.create_key().policy(policy_of(REGION)).send().await?;
    let key = key.key_metadata.and_then(|it| it.arn).context("a key has an ARN")?;
    let guarded = |create: CreateDBInstanceFluentBuilder| create.storage_encrypted(true).kms_key_id(&key);
    let rows = world.create_instance(GUARDED, guarded).await?.fingerprint().await?;
    let secret = world.create_application_secret("application-guarded", Some("{}".to_owned())).await?;
    let mut settings = world.settings_for(GUARDED);
    settings["applicationSecretArn"] = json!(secret);
    world.put_settings_of(GUARDED, &settings).await?;
    let mut input = world.input_for(GUARDED, GUARDED);
    input["shareableKeys"] = json!([key]);

    let source = world.start_run(&input).await?;
    let handoff = handoff_of(&world.source.succeeded(&source).await?)?;
    assert_eq!(handoff["kmsKeyId"], json!(key));
    let name = format!("{GUARDED}-{}", handoff["run"].as_str().context("a hand-off has a run")?);
    let machine = world.target_outputs.get("TargetAccountStateMachineArn")?;
    let arn = world.target.execution_named(machine, &name).await?;
    let failed = world.target.ended(&arn).await?;
    let cause = failed.cause.unwrap_or_default();
    assert_eq!(failed.error.as_deref(), Some("Snapferry.KeyNotUsable"), "{cause}");
    for says in
        [format!("snapferry-CopyAndReencrypt-{ELSEWHERE} cannot use key {key}"), "kms:CreateGrant".into()]
    {
        assert!(cause.contains(&says), "{cause:?} does not say {says:?}");
    }

    let mended = policy_of(ELSEWHERE);
    world.source.kms.put_key_policy().key_id(&key).policy(mended).send().await?;
    let described = world.target.states.describe_execution().execution_arn(&arn).send().await?;
    let input = serde_json::from_str(described.input().context("an execution has an input")?)?;
    let resumed = start(&world.target, machine, Some(format!("{name}-resumed")), &input).await?;
    world.target.succeeded(&resumed).await?;
    let live = world.secret(&secret).await?;
    assert_eq!(live.db_instance_identifier, name);
    assert_eq!(live.connect().await?.fingerprint().await?, rows);
    Ok(())
}

/// Lets the target account use a key, but lets only its role of this Region make grants.
fn policy_of(region: &str) -> String {
    let role = format!("arn:aws:iam::{TARGET_ACCOUNT}:role/snapferry-CopyAndReencrypt-{region}");
    let owner = format!("arn:aws:iam::{SOURCE_ACCOUNT}:root");
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": owner}, "Action": "kms:*", "Resource": "*"},
        {"Effect": "Allow", "Principal": {"AWS": TARGET_ACCOUNT}, "Action": ["kms:DescribeKey", "kms:Decrypt"], "Resource": "*"},
        {"Effect": "Allow", "Principal": {"AWS": TARGET_ACCOUNT}, "Action": "kms:CreateGrant", "Resource": "*",
            "Condition": {"ArnEquals": {"aws:PrincipalArn": role}}}
    ]})
    .to_string()
}
