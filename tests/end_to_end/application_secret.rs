//! The application's secret keeps what it means to an application: its own keys, its user, its database.

use crate::{end_of_rollback, roll_back};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sqlx::{query_scalar, raw_sql};
use tests::{Fingerprint, REPLICATION, SOURCE_INSTANCE, World, fingerprint, handoff_of, reach};

/// The copies before are live and the way back; answers the name of the run, whose copy is live in the end.
// field 4: `DATABASE_URL` stays stale after the promotion, the application becomes the master user, and the run is green.
pub async fn a_stale_key_stops_the_run_and_its_template_leads_the_application_to_the_copy(
    world: &World,
    rows: &Fingerprint,
) -> Result<String> {
    let mut source = world.login(SOURCE_INSTANCE).await?.session().await?;
    let shop = "CREATE ROLE shop LOGIN PASSWORD 'of the source'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO shop";
    raw_sql(shop).execute(&mut source).await?;
    let outgoing = world.application_secret().await?;
    let mut before = value(world).await?;
    before["username"] = json!("shop");
    before["password"] = json!("of the shop");
    before["port"] = json!(outgoing.port.to_string());
    before["masterarn"] = json!("arn:aws:secretsmanager:us-east-1:222222222222:secret:old-AbCdEf");
    before["DATABASE_URL"] =
        json!(format!("postgres://shop:of%20the%20shop@{}:{}/x", outgoing.host, outgoing.port));
    let secret = world.target_outputs.get("ApplicationSecretArn")?;
    world
        .target
        .secrets
        .put_secret_value()
        .secret_id(secret)
        .secret_string(before.to_string())
        .send()
        .await?;

    let mut settings = world.settings();
    settings["verification"] = json!({"logins": "rotate"});
    world.put_settings(&settings).await?;
    let execution = world.start_run(&world.input()).await?;
    let handoff = handoff_of(&world.source.succeeded(&execution).await?)?;
    let run = handoff["run"].as_str().context("a run has a name")?.to_owned();
    let machine = world.target_outputs.get("TargetAccountStateMachineArn")?;
    let arn = world.target.execution_named(machine, &format!("{REPLICATION}-{run}")).await?;
    let refused = world.target.ended(&arn).await?;
    ensure!(refused.error.as_deref() == Some("Snapferry.ApplicationUserUndecided"), "{:?}", refused.cause);
    ensure!(value(world).await? == before, "the run stopped before the cut-over");

    settings["applicationSecret"] = json!({"applicationUser": {"login": "shop"}});
    world.put_settings(&settings).await?;
    let refused = end_of_rollback(world, "latest").await?;
    ensure!(refused.error.as_deref() == Some("Snapferry.SecretKeysStale"), "{:?}", refused.cause);
    let cause = refused.cause.unwrap_or_default();
    ensure!(cause.contains("service: DATABASE_URL. In"), "{cause}");
    ensure!(!cause.contains("of the shop") && !cause.contains(&outgoing.host), "{cause}");
    ensure!(value(world).await? == before, "the rollback stopped before the cut-over");

    let url = "postgresql://{username}:{password}@{host}:{port}/{dbname}";
    settings["applicationSecret"]["templates"] = json!({ "DATABASE_URL": url });
    world.put_settings(&settings).await?;
    roll_back(world, "latest").await?;
    let after = value(world).await?;
    let options = after["DATABASE_URL"].as_str().unwrap_or_default().parse()?;
    let mut application = reach::connect(&world.local_aws.endpoint, options).await?;
    let user: String = query_scalar("SELECT current_user::text").fetch_one(&mut application).await?;
    ensure!(user == "shop", "the application is {user}");
    ensure!(fingerprint(&mut application).await? == *rows, "the template leads to the copy");
    ensure!(after["apiKey"] == before["apiKey"] && after["port"].is_string(), "other keys stay");
    let master = after["masterarn"].as_str().context("masterarn stays a text")?;
    ensure!(
        world.secret(master).await?.db_instance_identifier == format!("{REPLICATION}-{run}"),
        "{master} is not of the live copy"
    );
    Ok(run)
}

async fn value(world: &World) -> Result<Value> {
    let secret = world.target_outputs.get("ApplicationSecretArn")?;
    let answer = world.target.secrets.get_secret_value().secret_id(secret).send().await?;
    Ok(serde_json::from_str(answer.secret_string().unwrap_or_default())?)
}
