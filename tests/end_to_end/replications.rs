//! Replications that go through: what arrives, how often, under which passwords, and what is written down of it.

use crate::application_secret::a_stale_key_stops_the_run_and_its_template_leads_the_application_to_the_copy;
use crate::handoffs::a_duplicate_hand_off_starts_nothing;
use crate::overlap::a_tick_that_is_delivered_twice_makes_one_copy;
use crate::part::part;
use crate::passwords::leaks;
use crate::world;
use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tests::{Fingerprint, Orders, REPLICATION, World};

/// What others wrote into the application's secret before the first run.
const FOREIGN: &str = r#"{"apiKey": "kept", "host": "legacy.example", "dbname": "legacy"}"#;

#[tokio::test]
async fn replications_carry_every_row_once_and_lead_applications_to_it() -> Result<()> {
    let mut world = world().await?;
    let secret = world.target_outputs.get("ApplicationSecretArn")?;
    world.target.secrets.put_secret_value().secret_id(secret).secret_string(FOREIGN).send().await?;
    let mut orders = world.create_source().await?;

    let (first, before) = every_row_as_of_the_snapshot_arrives(&world, &mut orders).await?;
    part(
        "the source's password opens no copy, and other keys of the secret stay",
        the_sources_password_opens_no_copy_and_other_keys_of_the_secret_stay(&world),
    )
    .await?;
    let outgoing = world.application_secret().await?;

    let rows = orders.fingerprint().await?;
    let second = part(
        "a tick that is delivered twice makes one copy",
        a_tick_that_is_delivered_twice_makes_one_copy(&world),
    )
    .await?;
    part("the second copy is live, and the first one is the way back", async {
        let live = world.application_secret().await?;
        assert_eq!(live.db_instance_identifier, format!("{REPLICATION}-{second}"));
        assert_eq!(live.connect().await?.fingerprint().await?, rows);
        let way_back = world.secret(&format!("snapferry/{REPLICATION}/{first}")).await?;
        assert_eq!(way_back.db_instance_identifier, outgoing.db_instance_identifier);
        assert_eq!(way_back.connect().await?.fingerprint().await?, before);
        assert_ne!(way_back.password, live.password);
        Ok(())
    })
    .await?;
    let third = part(
        "a stale key stops the run, and its template leads the application to the copy",
        a_stale_key_stops_the_run_and_its_template_leads_the_application_to_the_copy(&world, &rows),
    )
    .await?;
    // Invariant: no password enters state data, logs, errors, tags or messages.
    part("no password is written down", async {
        let found = leaks(&world, &[&first, &second, &third]).await?;
        ensure!(found.is_empty(), "{found:#?}");
        Ok(())
    })
    .await?;
    world.local_aws.stop().await
}

/// Of two runs the first, while rows are written and its hand-off comes again and again; answers its name
/// and its rows.
// R19: topic and subscription are wired by hand.
// P1-11: a key policy that breaks the steps' own DescribeKey.
async fn every_row_as_of_the_snapshot_arrives(
    world: &World,
    orders: &mut Orders,
) -> Result<(String, Fingerprint)> {
    let expected = orders.fingerprint().await?;
    let execution = world.start_run(&world.input()).await?;
    world.snapshot_available(&[]).await?;
    orders.add(5000, 10).await?;
    let run =
        part("a duplicate hand-off starts nothing", a_duplicate_hand_off_starts_nothing(world, &execution))
            .await?;
    part("every row as of the snapshot arrives, and the application's secret leads to it", async {
        let live = world.application_secret().await?;
        assert_eq!(live.db_instance_identifier, format!("{REPLICATION}-{run}"));
        let found = live.connect().await?.fingerprint().await?;
        assert_eq!(found, expected, "rows written after the snapshot must be absent");
        assert_ne!(found, orders.fingerprint().await?);
        Ok((run, expected))
    })
    .await
}

// R14: the secret has no credentials, and production's password works in the copy.
// P0-4: promotion reverts other edits of the secret.
// P0-9: the source's password works in the copy.
async fn the_sources_password_opens_no_copy_and_other_keys_of_the_secret_stay(world: &World) -> Result<()> {
    let secret = world.target_outputs.get("ApplicationSecretArn")?;
    let answer = world.target.secrets.get_secret_value().secret_id(secret).send().await?;
    let value: Value = serde_json::from_str(answer.secret_string().unwrap_or_default())?;
    assert_eq!((&value["apiKey"], &value["engine"]), (&json!("kept"), &json!("postgres")));
    let mut live = world.application_secret().await?;
    live.connect().await?;
    live.password = tests::MASTER_PASSWORD.to_owned();
    let refused = live.connect().await.expect_err("the source's password must not open the copy");
    assert!(format!("{refused:#}").contains("password authentication failed"), "{refused:#}");
    Ok(())
}
