//! The main job with MariaDB: real rows, real passwords, and the way back.

use crate::part::part;
use crate::{roll_back, run, world};
use anyhow::{Context, Result, bail};
use serde_json::json;
use tests::{Fingerprint, MASTER_PASSWORD, Orders, REPLICATION, SOURCE_INSTANCE, SecretSays, Tools, World};

#[tokio::test]
async fn replications_of_mariadb_carry_every_row_and_a_rollback_leads_back() -> Result<()> {
    if Tools::from_environment()?.mariadb.is_none() {
        println!("SKIPPED: this machine has no MariaDB");
        return Ok(());
    }
    let mut world = world().await?;
    let mut orders = world
        .create_instance(SOURCE_INSTANCE, |create| create.engine("mariadb").storage_encrypted(true))
        .await?;
    act(&mut orders, "CREATE USER app@'%' IDENTIFIED BY 'of the source'; GRANT SELECT ON shop.* TO app@'%'")
        .await?;
    act(
        &mut orders,
        "CREATE EVENT tidy ON SCHEDULE EVERY 1 HOUR STARTS '2030-01-01' DO DELETE FROM receipts",
    )
    .await?;
    let mut settings = world.settings();
    settings["verification"] = json!({
        "logins": "rotate",
        "assertions": [{"name": "orders are there", "sql": "SELECT count(*) FROM orders", "atLeast": 2000}],
    });
    world.put_settings(&settings).await?;

    let first_rows = orders.fingerprint().await?;
    let execution = world.start_run(&world.input()).await?;
    world.snapshot_available(&[]).await?;
    orders.add(5000, 10).await?;
    let (first, _, target) = world.finish_run(&execution).await?;
    part("every row as of the snapshot arrives, under passwords of the copy's own", async {
        let live = world.application_secret().await?;
        assert_eq!(live.engine, "mariadb");
        assert_eq!(live.db_instance_identifier, format!("{REPLICATION}-{first}"));
        assert_eq!(live.connect().await?.fingerprint().await?, first_rows);
        for (username, password) in [("shopkeeper", MASTER_PASSWORD), ("app", "of the source")] {
            let (username, password) = (username.to_owned(), password.to_owned());
            let login = SecretSays { username, password, ..live.clone() };
            let refused = login.connect().await.expect_err("the source's passwords open no copy");
            assert!(format!("{refused:#}").contains("Access denied"), "{refused:#}");
        }
        Ok(())
    })
    .await?;
    part("the proof tells of TLS, and of the event that was stopped", async {
        let proof = &target.output.context("a run has an output")?["verified"];
        assert_eq!(proof["tls"], "certificate and host name verified", "{proof}");
        assert_eq!(proof["stopped"], json!(["event shop.tidy"]), "{proof}");
        assert_eq!(proof["loginsChanged"], 1, "{proof}");
        Ok(())
    })
    .await?;

    let second_rows = orders.fingerprint().await?;
    let second = run(&world).await?;
    part("a second run brings what was written since", leads_to(&world, &second, &second_rows)).await?;
    roll_back(&world, &first).await?;
    part("a rollback leads back to the first copy", leads_to(&world, &first, &first_rows)).await?;
    world.local_aws.stop().await
}

/// The application's secret leads to the copy of this run, which holds these rows.
async fn leads_to(world: &World, run: &str, rows: &Fingerprint) -> Result<()> {
    let live = world.application_secret().await?;
    assert_eq!(live.db_instance_identifier, format!("{REPLICATION}-{run}"));
    assert_eq!(live.connect().await?.fingerprint().await?, *rows);
    Ok(())
}

async fn act(orders: &mut Orders, sql: &'static str) -> Result<()> {
    let Orders::MariaDb(connection) = orders else { bail!("it is MariaDB") };
    sqlx::raw_sql(sql).execute(connection).await?;
    Ok(())
}
