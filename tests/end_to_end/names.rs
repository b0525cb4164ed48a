//! A copy is reached by its name, and the name is what `Verify` proves.

use crate::{run, world};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::{Tools, World, handoff_of, start};

// Rule of AWS: a private zone of a VPC leads names elsewhere for its functions, and for nobody else.
#[tokio::test]
async fn verify_trusts_no_other_instance_that_a_name_leads_to() -> Result<()> {
    if Tools::from_environment()?.nss_wrapper.is_none() {
        println!("SKIPPED: this machine has no libnss-wrapper, so DB instances have no names");
        return Ok(());
    }
    let mut world = world().await?;
    world.create_source().await?;
    run(&world).await?;
    let first = world.application_secret().await?;
    let (identifier, fixed) = first.host.split_once('.').context("a name has parts")?;
    assert_eq!((identifier, first.port), (first.db_instance_identifier.as_str(), 5432));
    assert!(fixed.ends_with(".us-east-1.rds.amazonaws.com"), "{fixed}");

    // In the VPC of `Verify` every name leads to the first copy, whose certificate is for another name.
    let zone = world.target.private_zone(&world.network.vpc_id, fixed).await?;
    let wildcard = (format!("*.{fixed}"), first.address().await?.to_string());
    world.target.change_record(&zone, "UPSERT", &wildcard.0, &wildcard.1).await?;
    let execution = world.start_run(&world.input()).await?;
    let handoff = handoff_of(&world.source.succeeded(&execution).await?)?;
    let name = format!("orders-{}", handoff["run"].as_str().context("a run has a name")?);
    let machine = world.target_outputs.get("TargetAccountStateMachineArn")?;
    let arn = world.target.execution_named(machine, &name).await?;
    fails(&world, &arn, "Snapferry.TlsNotTrusted", &format!("not valid for name \\\"{name}.{fixed}")).await?;

    // Now the name leads nowhere there.
    world.target.change_record(&zone, "DELETE", &wildcard.0, &wildcard.1).await?;
    let described = world.target.states.describe_execution().execution_arn(&arn).send().await?;
    let input: Value = serde_json::from_str(described.input().context("an execution has an input")?)?;
    let resume =
        async |times: &str| start(&world.target, machine, Some(format!("{name}-{times}")), &input).await;
    fails(&world, &resume("r2").await?, "Snapferry.DatabaseNotReachable", "lookup").await?;
    assert_eq!(world.application_secret().await?.host, first.host);

    // Last it leads to the copy, as without a zone.
    let copy =
        world.target.instance(&name).await?.endpoint.and_then(|it| it.address).context("an endpoint")?;
    let address = tests::reach::address_of(&world.local_aws.endpoint, &copy).await?;
    ensure!(Some(address.to_string()) != Some(wildcard.1), "each copy has an address of its own");
    world.target.change_record(&zone, "UPSERT", &copy, &address.to_string()).await?;
    world.target.succeeded(&resume("r3").await?).await?;
    assert_eq!(world.application_secret().await?.host, copy);
    world.local_aws.stop().await
}

async fn fails(world: &World, arn: &str, name: &str, says: &str) -> Result<()> {
    let failed = world.target.ended(arn).await?;
    ensure!(failed.error.as_deref() == Some(name), "{:?}: {:?}", failed.error, failed.cause);
    let cause = failed.cause.unwrap_or_default();
    ensure!(cause.contains(says), "{cause} lacks {says}");
    Ok(())
}
