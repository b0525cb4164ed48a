//! Applications come by lanes of a Network Load Balancer, then of RDS Proxies: each copy goes live by a lane of its own,
//! and so does the way back.

use crate::failovers::of_the_live_copy_and_of_another_instance_are_followed;
use crate::part::part;
use crate::rollback::rotate_password;
use crate::{roll_back, run};
use anyhow::{Result, ensure};
use executions::Execution;
use serde_json::json;
use tests::{
    Consumer, Count, Example, Lanes, SecretSays, SecretWatch, TIME_SCALE, TimeLine, Tools, World, Write,
};

#[tokio::test]
async fn runs_and_rollbacks_lead_applications_by_lanes_that_were_logged_in_through() -> Result<()> {
    let tools = Tools::from_environment()?;
    if tools.nss_wrapper.is_none() {
        println!("SKIPPED: this machine has no libnss-wrapper, so DB instances have no names");
        return Ok(());
    }
    let (mut world, lanes) = Lanes::start_world(&tools, &tools.checkout.join(".local"), TIME_SCALE).await?;
    let mut settings = lanes.settings(&world)?;
    settings["dbInstance"] = json!({"multiAz": true});
    world.put_settings(&settings).await?;
    world.create_source().await?;

    // The first copy goes live by a lane, under its own name.
    let first_run = run(&world).await?;
    let first = world.application_secret().await?;
    ensure!((6001..=6002).contains(&first.port), "port {} is no lane's", first.port);
    ensure!(
        first.host.starts_with(&first.db_instance_identifier),
        "{} is not the copy's own name",
        first.host
    );
    let balancer = lanes.load_balancer()?;
    let name = |says: &SecretSays| says.db_instance_identifier.clone();
    reached(&first, balancer).await?;

    // From now on an application writes, for which the lanes are the only way.
    let consumer = Consumer::deploy(&world.target, &lanes, &first.host).await?;
    let example = Example::deploy_in_vpc_of(&world, &consumer).await?;
    let (watch, writer) = (SecretWatch::of(&world)?, example.write_on("by-lane"));

    // The second one takes the other lane, and the first one keeps its own.
    let (second_run, execution) = run_by_lane(&world).await?;
    let second = world.application_secret().await?;
    ensure!(second.port != first.port && name(&second) != name(&first), "{second:?} after {first:?}");
    for step in ["CheckReach", "RegisterTargets", "VerifyPath"] {
        ensure!(execution.steps.iter().any(|it| it.step == step), "{step} is skipped: {:?}", execution.steps);
    }
    reached(&second, balancer).await?;
    reached(&first, balancer).await?;
    // The way back stands; a wrong pairing of lane and password is a refused login.
    let mixed = SecretSays { port: second.port, ..first.clone() };
    ensure!(reached(&mixed, balancer).await.is_err(), "the first copy's password opens the second copy");

    let execution = roll_back(&world, "previous").await?;
    let back = world.application_secret().await?;
    ensure!((name(&back), back.port) == (name(&first), first.port), "{back:?} after {first:?}");
    ensure!(execution.steps.iter().any(|it| it.step == "RegisterTargets"), "{:?}", execution.steps);
    reached(&back, balancer).await?;
    assert_eq!(example.write("back").await?.said, name(&first));
    nothing_is_lost(&world, &writer.end().await?, &watch.line()).await?;
    part(
        "failovers of the live copy and of another DB instance are followed, and no group is ever empty",
        of_the_live_copy_and_of_another_instance_are_followed(&world, &lanes, &back, &second),
    )
    .await?;
    println!("{first_run} at {}, {second_run} at {}, and back", first.port, second.port);

    by_proxies(&world, &lanes, &second_run).await?;
    world.local_aws.stop().await
}

/// From the load balancer to proxies; then a rotation, a run and the way back by them. `newest` is the newest copy.
async fn by_proxies(world: &World, lanes: &Lanes, newest: &str) -> Result<()> {
    world.put_settings(&lanes.settings_by_proxies(world)?).await?;
    roll_back(world, "latest").await?;
    let first = world.application_secret().await?;
    ensure!(first.db_instance_identifier.ends_with(newest), "{first:?} is not {newest}");
    ensure!(first.host.contains(".proxy-") && first.port == 5432, "{first:?} is no proxy's");
    reached_by_proxy(&first).await?;

    // A rotation leaves the lane secret behind, and a rollback to the live copy mends that.
    rotate_password(world, newest).await?;
    let rotated = world.application_secret().await?;
    ensure!(reached_by_proxy(&rotated).await.is_err(), "the proxy knows a password that nobody told it");
    roll_back(world, "latest").await?;
    reached_by_proxy(&rotated).await?;
    ensure!(reached_by_proxy(&first).await.is_err(), "the old password opens the copy");

    // The next copy takes the other lane.
    let (third_run, execution) = run_by_lane(world).await?;
    let second = world.application_secret().await?;
    ensure!(second.host != rotated.host && second.host.contains(".proxy-"), "{second:?} after {rotated:?}");
    for step in ["CheckReach", "RegisterTargets", "VerifyPath"] {
        ensure!(execution.steps.iter().any(|it| it.step == step), "{step} is skipped: {:?}", execution.steps);
    }
    reached_by_proxy(&second).await?;
    let mixed = SecretSays { host: second.host.clone(), ..rotated.clone() };
    ensure!(reached_by_proxy(&mixed).await.is_err(), "the first copy's password opens the second copy");

    // The way back stands, with the password that was rotated while it was live.
    roll_back(world, "previous").await?;
    let back = world.application_secret().await?;
    ensure!((&back.host, &back.password) == (&rotated.host, &rotated.password), "{back:?} after {rotated:?}");
    reached_by_proxy(&back).await?;
    println!("{newest} by {}, {third_run} by {}, and back", rotated.host, second.host);
    Ok(())
}

/// Logs in by the proxy with what the secret says, whose certificate must name the proxy, and finds the rows.
async fn reached_by_proxy(says: &SecretSays) -> Result<()> {
    let mut session = says.session().await?;
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM orders").fetch_one(&mut session).await?;
    ensure!(rows > 0, "the copy has no rows");
    Ok(())
}

/// A run with its target execution.
async fn run_by_lane(world: &World) -> Result<(String, Execution)> {
    let execution = world.start_run(&world.input()).await?;
    let (run, _, target) = world.finish_run(&execution).await?;
    Ok((run, target))
}

/// Each move refuses at most one write over a connection, and what was acknowledged is in the copy that was live.
async fn nothing_is_lost(world: &World, writes: &[Write], line: &TimeLine) -> Result<()> {
    let count = Count::of(writes, line, &world.entries_in(line.databases()).await?);
    println!("{count:?}");
    ensure!(line.databases().len() == 2, "the application's secret led to {line:?}");
    ensure!(count.acknowledged > 0 && count.lost == 0 && count.refused <= 2, "{count:?} of {writes:?}");
    Ok(())
}

/// Logs in by the load balancer with what the secret says, with verify-full, and finds the rows.
pub async fn reached(says: &SecretSays, balancer: &str) -> Result<()> {
    let mut session = says.session_by(balancer).await?;
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM orders").fetch_one(&mut session).await?;
    ensure!(rows > 0, "the copy has no rows");
    Ok(())
}
