//! The search for passwords that are written down anywhere but in their secrets.

use crate::{run, world_with};
use anyhow::Result;
use tests::{MASTER_PASSWORD, Needle, REPLICATION, Tools, World, everything_written};

// Invariant: no password enters state data, logs, errors, tags or messages.
#[tokio::test]
async fn a_build_that_leaks_a_password_is_found_out() -> Result<()> {
    let leaky = Tools::from_environment()?.local_aws.with_file_name("leaky-stage-secret");
    let mut world = world_with(&[("stage-secret.zip", leaky)]).await?;
    world.create_source().await?;
    let run = run(&world).await?;
    let found = leaks(&world, &[&run]).await?;
    assert!(found.iter().any(|it| it.contains("the copy's password as base64")), "{found:#?}");
    world.local_aws.stop().await
}

/// Searches all that was written so far for the source's password and those of these runs' copies.
pub async fn leaks(world: &World, runs: &[&str]) -> Result<Vec<String>> {
    let mut needles = vec![Needle::new("the source's password", MASTER_PASSWORD)];
    for run in runs {
        let own = world.secret(&format!("snapferry/{REPLICATION}/{run}")).await?;
        needles.push(Needle::new("the copy's password", &own.password));
    }
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
