//! No password is written down anywhere but in its secret.

use crate::world;
use anyhow::Result;
use tests::{MASTER_PASSWORD, Needle, REPLICATION, Tools, World, everything_written};

// Invariant: no password enters state data, logs, errors, tags or messages.
#[tokio::test]
async fn no_password_is_written_down() -> Result<()> {
    let mut world = world().await?;
    let found = leaks_of_a_run(&world).await?;
    assert!(found.is_empty(), "{found:#?}");
    world.local_aws.stop().await
}

// Invariant: no password enters state data, logs, errors, tags or messages.
#[tokio::test]
async fn a_build_that_leaks_a_password_is_found_out() -> Result<()> {
    let tools = Tools::from_environment()?;
    let leaky = tools.local_aws.with_file_name("leaky-stage-secret");
    let mut world = World::start_with(&tools, &[("stage-secret.zip", leaky)]).await?;
    let found = leaks_of_a_run(&world).await?;
    assert!(found.iter().any(|it| it.contains("the copy's password as base64")), "{found:#?}");
    world.local_aws.stop().await
}

/// Runs one replication and one failure, and searches all that they wrote.
async fn leaks_of_a_run(world: &World) -> Result<Vec<String>> {
    world.create_source().await?;
    let execution = world.start_run(&world.input()).await?;
    let (run, ..) = world.finish_run(&execution).await?;
    let own = world.secret(&format!("snapferry/{REPLICATION}/{run}")).await?;
    let needles = [
        Needle::new("the copy's password", &own.password),
        Needle::new("the source's password", MASTER_PASSWORD),
    ];
    let written = everything_written(world).await?;
    for place in
        ["/aws/", "arn:aws:states:", "arn:aws:rds:", "arn:aws:secretsmanager:", "record of calls", ".log"]
    {
        assert!(written.iter().any(|(found, _)| found.contains(place)), "nothing was read of {place}");
    }
    println!("searched {} texts", written.len());
    let leaks = written.iter().flat_map(|(place, text)| {
        needles
            .iter()
            .filter_map(move |needle| Some(format!("{} as {} in {place}", needle.name, needle.find(text)?)))
    });
    Ok(leaks.collect())
}
