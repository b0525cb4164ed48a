//! A target account whose stack is in another Region than the source account's.

use crate::part::part;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeSet;
use tests::{
    Account, REGION, REPLICATION, SOURCE_ACCOUNT, TARGET_ACCOUNT, Tools, World, deployed_steps, step_of,
};

/// The Region of the target account's stack.
const ELSEWHERE: &str = "eu-west-1";

#[tokio::test]
async fn a_replication_goes_to_another_region() -> Result<()> {
    let tools = Tools::from_environment()?;
    let parent = tools.checkout.join(".local");
    let mut world = World::start_across(&tools, &parent, 0.01, &[], ELSEWHERE).await?;
    part(
        "every row arrives in another Region and goes live there",
        every_row_arrives_in_another_region_and_goes_live_there(&world),
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
