//! A replication that goes through.

use crate::world;
use anyhow::Result;
use serde_json::Value;
use tests::REPLICATION;

// R19: topic and subscription are wired by hand.
// P1-11: a key policy that breaks the steps' own DescribeKey.
#[tokio::test]
async fn every_row_as_of_the_snapshot_arrives_and_the_applications_secret_leads_to_it() -> Result<()> {
    let mut world = world().await?;
    let mut orders = world.create_source().await?;

    let first = orders.fingerprint().await?;
    let execution = world.start_run(&world.input()).await?;
    let snapshot = world.snapshot_available(&[]).await?;
    orders.add(5000, 10).await?;
    let (first_run, ..) = world.finish_run(&execution).await?;
    let live = world.application_secret().await?;
    assert_eq!(live.db_instance_identifier, format!("{REPLICATION}-{first_run}"));
    assert_eq!(
        live.connect().await?.fingerprint().await?,
        first,
        "rows written after the snapshot must be absent"
    );

    let second = orders.fingerprint().await?;
    assert_ne!(first, second);
    let execution = world.start_run(&world.input()).await?;
    world.snapshot_available(&[snapshot]).await?;
    let (second_run, ..) = world.finish_run(&execution).await?;
    let live = world.application_secret().await?;
    assert_eq!(live.db_instance_identifier, format!("{REPLICATION}-{second_run}"));
    assert_eq!(live.connect().await?.fingerprint().await?, second);

    // The way back is still there, under its own password.
    let outgoing = world.secret(&format!("snapferry/{REPLICATION}/{first_run}")).await?;
    assert_eq!(outgoing.connect().await?.fingerprint().await?, first);
    assert_ne!(outgoing.password, live.password);
    world.local_aws.stop().await
}

// R14: the secret has no credentials, and production's password works in the copy.
// P0-4: promotion reverts other edits of the secret.
// P0-9: the source's password works in the copy.
#[tokio::test]
async fn the_sources_password_opens_no_copy_and_other_keys_of_the_secret_stay() -> Result<()> {
    let mut world = world().await?;
    let secret = world.target_outputs.get("ApplicationSecretArn")?.to_owned();
    let foreign = r#"{"apiKey": "kept", "host": "legacy.example", "dbname": "legacy"}"#;
    world.target.secrets.put_secret_value().secret_id(&secret).secret_string(foreign).send().await?;
    world.create_source().await?;
    let execution = world.start_run(&world.input()).await?;
    world.finish_run(&execution).await?;

    let answer = world.target.secrets.get_secret_value().secret_id(&secret).send().await?;
    let value: Value = serde_json::from_str(answer.secret_string().unwrap_or_default())?;
    assert_eq!(value["apiKey"], "kept");
    assert_eq!(value["engine"], "postgres");
    let mut live = world.application_secret().await?;
    live.connect().await?;
    live.password = tests::MASTER_PASSWORD.to_owned();
    let refused = live.connect().await.expect_err("the source's password must not open the copy");
    assert!(format!("{refused:#}").contains("password authentication failed"), "{refused:#}");
    world.local_aws.stop().await
}
